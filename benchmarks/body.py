"""Time to pose a body: `python -m benchmarks.body [--threads 1] [--references]`, from the project's folder.

Every frame has its own pose of all joints, all 52 expressions and gaze. SMPL-X is a synthetic file of full size. With
--references the same work is also done by the packages `anny` and `smplx`, where they are installed; anny takes two
minutes to build.
"""

import argparse
import contextlib
import io
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import torch

from tests.support.synthetic_smplx import write_synthetic
from vlogger_core.body.anny_build import hasten_anny
from vlogger_core.body.anny_model import load_anny
from vlogger_core.body.protocol import BodyModel
from vlogger_core.body.smplx_load import load_smplx
from vlogger_core.threads import limit_threads

from .machine import describe

BATCHES = (1, 24)
ASKED_MS = {"Anny with teeth": 4.5, "SMPL-X": 3.0}
"""Milliseconds a frame at batch 24 on two cores."""
REPEATS = 15

Work = Callable[[], object]


def our_work(model: BodyModel, frames: int) -> Work:
    generator = torch.Generator().manual_seed(0)
    rest = model.rest(model.mean_shape())
    pose = 0.2 * torch.randn(frames, 55, 3, generator=generator)
    expression = torch.rand(frames, 52, generator=generator)
    return lambda: model.pose(rest, pose, torch.zeros(frames, 3), expression)


def anny_work(folder: Path) -> Callable[[int], Work]:
    """The package's own forward, shape blending included, of the mesh with teeth."""
    os.environ["ANNY_CACHE_DIR"] = str(folder)
    import anny
    from anny.models import build_model_data
    from anny.models.model_data import RigConfig, TopologyConfig

    hasten_anny()
    data = getattr(build_model_data, "__wrapped__", build_model_data)(
        rig=RigConfig.from_string("anny"),
        topology=TopologyConfig.from_string("anny-full"),
        local_changes="none",
        facial_actions="all",
    )
    model = anny.Anny.from_model_data(
        data, skinning_method="lbs", pose_parameterization="local-ref", bone_orientation="cached"
    ).to(dtype=torch.float32)

    def work(frames: int) -> Work:
        turns = torch.eye(4).repeat(frames, len(model.bone_labels), 1, 1)
        phenotypes = torch.full((frames, len(model.phenotype_labels)), 0.5)
        actions = torch.rand(frames, len(model.facial_action_labels))
        return lambda: model(turns, phenotypes, None, actions)

    return work


def smplx_work(path: Path) -> Callable[[int], Work]:
    import smplx

    lengths = {"body_pose": 63, "left_hand_pose": 45, "right_hand_pose": 45, "expression": 100}
    lengths |= dict.fromkeys(("global_orient", "jaw_pose", "leye_pose", "reye_pose", "transl"), 3)

    def work(frames: int) -> Work:
        with contextlib.redirect_stdout(io.StringIO()):
            model = smplx.SMPLX(
                str(path),
                batch_size=frames,
                num_betas=16,
                num_expression_coeffs=100,
                use_pca=False,
                flat_hand_mean=True,
            )
        values = {name: 0.2 * torch.randn(frames, length) for name, length in lengths.items()}
        return lambda: model(**values)

    return work


def measure(work: Work, frames: int) -> tuple[float, float]:
    """Milliseconds a frame on the clock and on the processor, medians."""
    wall, cpu = [], []
    with torch.inference_mode():
        for _ in range(3):
            work()
        for _ in range(REPEATS):
            start, busy = time.perf_counter(), time.process_time()
            work()
            wall.append(time.perf_counter() - start)
            cpu.append(time.process_time() - busy)
    return tuple(1e3 * statistics.median(times) / frames for times in (wall, cpu))  # pyright: ignore[reportReturnType]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1, help="1 is how the renderer and the fitter call it")
    parser.add_argument("--references", action="store_true")
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder, limit_threads(args.threads):
        path = write_synthetic(Path(folder) / "SMPLX_NEUTRAL.npz")
        models: dict[str, BodyModel] = {"Anny with teeth": load_anny(), "SMPL-X": load_smplx(path)}
        packages: dict[str, tuple[str, Callable[[], Callable[[int], Work]]]] = {
            "Anny with teeth": ("anny", lambda: anny_work(Path(folder))),
            "SMPL-X": ("smplx", lambda: smplx_work(path)),
        }
        print(describe())
        print(f"Milliseconds a frame, median of {REPEATS}; asked for is batch 24 on two cores\n")
        print(f"{'body':16} {'batch':>5} {'clock':>7} {'cpu':>7} {'asked':>7}   its own package")
        for name, model in models.items():
            package, build = packages[name]
            reference = build() if args.references and find_spec(package) else None
            for frames in BATCHES:
                wall, cpu = measure(our_work(model, frames), frames)
                asked = f"{ASKED_MS[name]:.1f}" if frames == 24 else ""
                line = f"{name:16} {frames:5} {wall:7.2f} {cpu:7.2f} {asked:>7}   "
                if reference:
                    theirs, _ = measure(reference(frames), frames)
                    line += f"{package} {theirs:.2f}, {theirs / wall:.1f} times ours"
                print(line)


if __name__ == "__main__":
    main()
