import subprocess
import sys
from pathlib import Path

import pytest
import torch

from vlogger_core.errors import InputError
from vlogger_core.video.config import EMBEDDED_512, EMBEDDED_BASE, SD15
from vlogger_core.video.memory import explain_out_of_memory, sampling_bytes

CODE = """
import ctypes.util
from dataclasses import replace
import torch
from tests.video.tiny_video import tiny_controls
from vlogger_core.video.config import EMBEDDED_256, EMBEDDED_BASE
from vlogger_core.video.memory import sampling_bytes
from vlogger_core.video.network import VideoNetwork
from vlogger_core.video.sampler import SamplerSettings, sample_video

def resident(field):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field + ":")) * 1024

torch.set_num_threads(1)
for config, side, frames in ((EMBEDDED_BASE, 128, 8), (EMBEDDED_256, 256, 6)):
    config = replace(config, clip_frames=frames)
    network = VideoNetwork(config).eval().requires_grad_(False)
    previous = iter([torch.zeros(2 * frames, 3, side // 2, side // 2)]) if config.upscale > 1 else None

    class Source:
        num_frames, size = 2 * frames, (side, side)

        def frames(self, start, stop, progress):
            return tiny_controls(stop - start, side)

    if libc := ctypes.util.find_library("c"):
        # What earlier work has freed would be used again, and not be seen.
        getattr(ctypes.CDLL(libc), "malloc_trim", lambda _: 0)(0)
    before = resident("VmRSS")
    open("/proc/self/clear_refs", "w").write("5")
    chunks = sample_video(network, Source(), SamplerSettings(steps=1), previous=previous)
    next(chunks), next(chunks)
    print(sampling_bytes(config, (side, side)) / (resident("VmHWM") - before))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="only Linux tells how much memory a process has")
def test_the_estimate_is_right_to_a_factor_of_two():
    root = Path(__file__).parents[2]
    run = subprocess.run([sys.executable, "-c", CODE], cwd=root, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    for ratio in run.stdout.split():
        assert 0.5 < float(ratio) < 2


def test_the_estimate_grows_as_the_work_does():
    base = sampling_bytes(EMBEDDED_BASE, (128, 160))
    assert sampling_bytes(EMBEDDED_BASE, (128, 160), clip_frames=8) == pytest.approx(base / 2, rel=0.01)
    assert sampling_bytes(EMBEDDED_BASE, (256, 320)) == pytest.approx(4 * base, rel=0.01)
    assert sampling_bytes(EMBEDDED_BASE, (128, 160), dtype=torch.float16) < base
    assert sampling_bytes(SD15, (512, 512)) > 2 * sampling_bytes(EMBEDDED_512, (512, 512))


@pytest.mark.parametrize(
    "error",
    [
        torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] . DefaultCPUAllocator: can't allocate memory: you tried to ..."),
        RuntimeError("MPS backend out of memory (MPS allocated: 18.00 GB)"),
        MemoryError(),
    ],
)
def test_a_lack_of_memory_says_what_to_lower(error: Exception):
    with (
        pytest.raises(
            InputError, match=r"clips of 16 frames at 630 x 512 px: lower the number of frames of a clip, or"
        ),
        explain_out_of_memory((512, 630), 16),
    ):
        raise error


def test_a_real_lack_of_memory_is_known():
    with pytest.raises(InputError, match="There is not enough memory"), explain_out_of_memory((8, 8), 4):
        torch.empty(1 << 60, dtype=torch.uint8)


def test_other_errors_stay_as_they_are():
    with pytest.raises(RuntimeError, match="something else"), explain_out_of_memory((8, 8), 4):
        raise RuntimeError("something else")
