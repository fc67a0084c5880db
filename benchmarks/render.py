"""Time, memory and exactness of the renderer: `python -m benchmarks.render [--backend torch] [--size 512]`.

The shipped portrait is fitted and moved by head, jaw, lids and an arm. Times are medians of single frames on one
thread; "of a film" is the time a frame of all frames, as many at once as `render.ahead` takes. CPU time stands beside
them because machines are shared: what is asked of is wall time on an idle machine. With --backend only that rasteriser
is measured, otherwise each one that is installed. Building pytorch3d takes half an hour, so it is left out where it is
absent.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields, replace
from fractions import Fraction
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path

import torch

from vlogger_core.assets import PORTRAIT
from vlogger_core.body.anny_model import load_anny
from vlogger_core.body.fitter import fit_photo
from vlogger_core.body.landmarks import gather_landmarks
from vlogger_core.datatypes import BodyFit, Motion
from vlogger_core.image import check_portrait, load_image
from vlogger_core.names import EXPRESSION_INDEX
from vlogger_core.pipeline import video_size
from vlogger_core.render.ahead import frames_at_once
from vlogger_core.render.maps import MAPS, ControlMaps
from vlogger_core.render.posed import reference_frame
from vlogger_core.render.preview import render_preview
from vlogger_core.render.raster import BACKENDS, interpolate, rasterise
from vlogger_core.render.visibility import PERSON
from vlogger_core.threads import one_thread

from .machine import describe

ASKED_MAPS = ("dense", "parts", "warp", "warp_flow")
ASKED_MS = {"torch": "<= 90, aim 40", "numba": "<= 45, aim 25"}
"""Raster and `ASKED_MAPS` at 512 px, of two cores."""
LONG_S = 600
FPS = 24

Times = tuple[float, float]
"""Wall and CPU milliseconds."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backend", choices=BACKENDS, help="measure only this rasteriser")
    parser.add_argument("--size", type=int, default=512, help="pixels of the shorter side")
    parser.add_argument("--image", type=Path, default=PORTRAIT)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--memory-frames", type=int, default=240, help="4 or more, to see memory grow; 0 for none")
    args = parser.parse_args()

    fit = fitted(args.image).to(args.device)
    backends = [args.backend] if args.backend else [name for name in BACKENDS if name == "torch" or find_spec(name)]
    if args.device != "cpu":
        backends = [name for name in backends if name != "numba"]
    print(describe(), f"{args.device} device, load {os.getloadavg()[0]:.1f}", sep=", ")
    print(f"{len(fit.model.faces)} triangles; medians of {args.repeats} frames\n")

    totals = {}
    for side in (args.size, 2 * args.size):
        totals[side] = report_times(fit, side, backends, args.repeats)
    print(f"Time at {2 * args.size} px over time at {args.size} px (asked: <= 6)")
    for backend in totals[args.size]:
        row(f"  {backend}", f"{totals[2 * args.size][backend] / totals[args.size][backend]:8.1f}")
    report_exactness(fit)
    if args.memory_frames and args.device == "cpu":
        report_memory(fit, args.size, args.memory_frames)


def fitted(path: Path) -> BodyFit:
    image = check_portrait(load_image(path))
    return fit_photo(image, model=load_anny(), landmarks=gather_landmarks(image, source="auto"))


def lively(num_frames: int) -> Motion:
    """Head, jaw, lids and an arm in slow waves."""
    phase = torch.arange(num_frames) / FPS
    expression = torch.zeros(num_frames, 52)
    expression[:, EXPRESSION_INDEX["jawOpen"]] = 0.25 + 0.25 * torch.sin(12 * phase)
    for lid in ("eyeBlinkLeft", "eyeBlinkRight"):
        expression[:, EXPRESSION_INDEX[lid]] = torch.sin(2 * phase).clamp(min=0)
    turn = torch.zeros(num_frames, 2, 3)
    turn[:, 0, 1] = 0.2 * torch.sin(3 * phase)
    turn[:, 1, 2] = 0.3 * torch.sin(phase)
    return Motion(
        fps=Fraction(FPS),
        expression=expression,
        joint_names=("head", "left_shoulder"),
        joint_rotvec=turn,
        translation=torch.zeros(num_frames, 3),
    )


def measure(work: Callable[[], object], repeats: int, device: torch.device) -> Times:
    """Medians after one run that warms up."""

    def once() -> Times:
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return 1e3 * (time.perf_counter() - wall_s), 1e3 * (time.process_time() - cpu_s)

    once()
    wall, cpu = zip(*(once() for _ in range(repeats)), strict=True)
    return statistics.median(wall), statistics.median(cpu)


def report_times(fit: BodyFit, side: int, backends: list[str], repeats: int) -> dict[str, float]:
    """Print the times at one size. Returns CPU milliseconds of a frame alone for each backend (wall on a GPU)."""
    device = fit.image.device
    size = video_size(fit.camera.width, fit.camera.height, side)
    motion = lively(repeats + 2).to(device)
    controls = ControlMaps(fit, motion, size)
    posed = controls.posed(1)
    faces, camera = fit.model.faces, controls.scene.camera
    share = posed.raster.covered.float().mean().item()
    print(f"{size[1]} x {size[0]} px, the body covers {share:.0%}")
    print(f"{'':44} {'wall ms':>8} {'CPU ms':>8}   asked")

    def timed(name: str, work: Callable[[], object], asked: str = "", count: int = repeats) -> Times:
        with one_thread():
            times = measure(work, count, device)
        row(f"  {name}", f"{times[0]:8.1f} {times[1]:8.1f}", asked)
        return times

    frames = itertools.cycle(range(motion.num_frames))
    timed("body posed and rasterised (torch)", lambda: controls.posed(next(frames)))
    rasters = {}
    for backend in backends:
        count = repeats if backend != "pytorch3d" else 1
        rasters[backend] = timed(
            f"raster, {backend}",
            lambda name=backend: rasterise(posed.vertices, faces, camera, backend=name),
            count=count,
        )
    seven = torch.rand(len(posed.vertices), 7, device=device)
    timed("interpolation of 7 channels", lambda: interpolate(posed.raster, faces, seven))
    for name in MAPS:
        timed(f"map {name}", lambda name=name: controls.of(replace(posed), (name,)))
    totals = {}
    print(f"  Body posed, raster, {' + '.join(ASKED_MAPS)}")
    for backend in (name for name in backends if name != "pytorch3d"):
        asked = ASKED_MS.get(backend, "") if side == 512 and device.type == "cpu" else ""
        made = ControlMaps(fit, motion, size, backend=backend)
        alone = timed(f"{backend}, a frame alone", lambda made=made: made.of(made.posed(next(frames)), ASKED_MAPS))
        totals[backend] = alone[1] if device.type == "cpu" else alone[0]
        if (at_once := frames_at_once(size, device)) > 1:
            film = measure(lambda made=made: exhaust(made.chunks(ASKED_MAPS)), 3, device)
            wall, cpu = (time_ms / motion.num_frames for time_ms in film)
            row(f"  {backend}, of a film, {at_once} frames at once", f"{wall:8.1f} {cpu:8.1f}", asked)
        if device.type == "cuda":
            row(f"  {backend}, frames a second", f"{1e3 / alone[0]:8.0f}", ">= 200" if side == 512 else "")
    if "pytorch3d" in rasters:
        row("  pytorch3d over torch", f"{rasters['pytorch3d'][0] / rasters['torch'][0]:8.0f}", ">= 300")
    with one_thread():
        preview = render_preview(fit, motion, size=size)
        timed("warp preview, a frame alone", lambda: next(preview))
    print()
    return totals


def exhaust(frames: Iterable[object]) -> None:
    for _ in frames:
        pass


def report_exactness(fit: BodyFit) -> None:
    """The photo carried by the body in the photo's own pose, at the photo's own size.

    Visible is the body that is drawn on the person in the photo: what a fit draws beside them has no colour there.
    """
    controls = ControlMaps(fit, lively(1).to(fit.image.device))
    frame = reference_frame(controls.scene)
    maps = controls.of(frame, ("warp",))
    assert maps.warp is not None
    assert maps.warp_valid is not None
    valid = maps.warp_valid[0]
    error = (maps.warp[0] - controls.scene.photo)[:, valid].square().mean().item()
    body = frame.raster.covered
    person = controls.scene.matte >= PERSON
    print("The photo re-rendered in its own pose")
    row("  PSNR inside warp_valid, dB", f"{-10 * math.log10(max(error, 1e-12)):8.1f}", ">= 45")
    row(
        "  warp_valid, share of the body on the person",
        f"{(valid[body & person]).float().mean().item():8.1%}",
        ">= 95 %",
    )
    row("  warp_valid, share of all the drawn body", f"{valid[body].float().mean().item():8.1%}")
    row("  drawn beside the person: the fit's error", f"{(~person)[body].float().mean().item():8.1%}")


def report_memory(fit: BodyFit, side: int, num_frames: int) -> None:
    """Resident memory of a process that renders the first frames of a ten-minute motion."""
    print(f"Memory while {num_frames} frames of a ten-minute motion are rendered at {side} px: {', '.join(MAPS)}")
    if not Path("/proc/self/status").exists():
        row("  not measured: this system has no /proc", "")
        return
    state = {field.name: getattr(fit, field.name) for field in fields(fit) if field.name != "model"}
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        peak_mb, quarters_mb = pool.submit(watch_memory, state, side, num_frames).result()
    row("  peak above the loaded models, MB", f"{peak_mb:8.0f}", "< 300")
    row("  most between frames, in each quarter, MB", " ".join(f"{mb:.0f}" for mb in quarters_mb), "no growth")


def watch_memory(state: dict[str, object], side: int, num_frames: int) -> tuple[float, list[float]]:
    """Resident MB above the loaded models: the peak, and the most after any frame of each quarter of the frames."""
    fit = BodyFit(model=load_anny(), **state)
    motion = lively(LONG_S * FPS)
    size = video_size(fit.camera.width, fit.camera.height, side)
    loaded_kb = resident_kb("VmRSS")
    after_kb = [resident_kb("VmRSS") for _ in itertools.islice(rendered(fit, motion, size), num_frames)]
    quarter = num_frames // 4
    quarters = [(max(after_kb[i * quarter : (i + 1) * quarter]) - loaded_kb) / 1024 for i in range(4)]
    return (resident_kb("VmHWM") - loaded_kb) / 1024, quarters


def rendered(fit: BodyFit, motion: Motion, size: tuple[int, int]) -> Iterator[None]:
    """Once for each frame, when all its maps are made."""
    for _ in ControlMaps(fit, motion, size).chunks(MAPS, frames_per_chunk=1):
        yield


def resident_kb(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


def row(name: str, figures: str, asked: str = "") -> None:
    print(f"{name:44} {figures:17}   {asked}".rstrip())


if __name__ == "__main__":
    main()
