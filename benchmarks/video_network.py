"""Time of the embedded video networks on a CPU: `python -m benchmarks.video_network [--threads 1] [--frames 8]`.

Medians for one frame of a clip. A video takes "seen once" for each frame that is read (half of them twice at 50 %
overlap) and "a step" times the steps, for each stage.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

import torch

from vlogger_core.names import PARTS
from vlogger_core.threads import limit_threads
from vlogger_core.video.config import EMBEDDED_256, EMBEDDED_512, EMBEDDED_BASE, VideoConfig
from vlogger_core.video.controls import ControlFrames
from vlogger_core.video.network import VideoNetwork

from .machine import describe


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--frames", type=int, default=8, help="of a clip")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    print(f"{describe()}, load {os.getloadavg()[0]:.1f}, {args.threads} threads used, clips of {args.frames} frames")
    print(f"{'':6} {'million weights':>16} {'':22} {'wall ms':>9} {'CPU ms':>9}")
    with limit_threads(args.threads):
        for config in (EMBEDDED_BASE, EMBEDDED_256, EMBEDDED_512):
            report(config, args.frames, args.repeats)


def report(config: VideoConfig, num_frames: int, repeats: int) -> None:
    """Print the times of one stage."""
    network = VideoNetwork(config).eval()
    weights = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    controls = random_controls(config.size, num_frames)
    previous = None
    if config.upscale > 1:
        previous = torch.rand(1, num_frames, 3, config.size // config.upscale, config.size // config.upscale)
    grid = config.size // config.patch
    x, t = torch.randn(1, num_frames, config.signal_channels, grid, grid), torch.tensor([500])
    with torch.inference_mode():
        encoded = network.encode_controls(controls, previous)
        tokens = network.encode_reference(controls.reference)
        seen = measure(lambda: network.encode_controls(controls, previous), repeats)
        step = measure(lambda: network.denoise(x, t, controls=encoded, tokens=tokens), repeats)

    def learn() -> None:
        x0 = network(x, t, controls=controls, reference=controls.reference, previous=previous)
        x0.square().mean().backward()

    learned = measure(learn, max(2, repeats // 2))
    for name, times in (("controls, seen once", seen), ("a step", step), ("a training step", learned)):
        wall, cpu = (1e3 * seconds / num_frames for seconds in times)
        print(f"{config.size:4}px {weights:16.2f} {name:>22} {wall:9.1f} {cpu:9.1f}")


def random_controls(size: int, num_frames: int) -> ControlFrames:
    frames = (1, num_frames)
    return ControlFrames(
        dense=torch.rand(*frames, 3, size, size),
        parts=torch.rand(*frames, len(PARTS), size, size),
        warp=torch.rand(*frames, 3, size, size),
        warp_valid=torch.rand(*frames, 1, size, size),
        background=torch.rand(1, 3, size, size),
        matte=torch.rand(*frames, 1, size, size),
        reference=torch.rand(1, 3, size, size),
    )


def measure(work: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Median wall and CPU seconds after one run that warms up."""

    def once() -> tuple[float, float]:
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        work()
        return time.perf_counter() - wall_s, time.process_time() - cpu_s

    once()
    wall, cpu = zip(*(once() for _ in range(repeats)), strict=True)
    return statistics.median(wall), statistics.median(cpu)


if __name__ == "__main__":
    main()
