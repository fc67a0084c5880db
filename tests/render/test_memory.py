"""A long film is rendered in little memory, as the operating system counts it."""

import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import itertools
from dataclasses import replace
import torch
from tests.render.people import person_fit, poses
from vlogger_core.body.anny_model import load_anny
from vlogger_core.render.maps import MAPS, ControlMaps

def resident_mb(field):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field + ":")) / 1024

fit = person_fit(load_anny(), close=True, size=(640, 512))
yaw = 0.2 * torch.sin(torch.arange(10 * 60 * 24) / 10)
still = poses({"head": (0.0, 0.0, 0.0)})
motion = replace(
    still,
    expression=still.expression.repeat(len(yaw), 1),
    joint_rotvec=torch.stack((0 * yaw, yaw, 0 * yaw), -1)[:, None],
    translation=still.translation.repeat(len(yaw), 1),
)
before = resident_mb("VmRSS")
for _ in itertools.islice(ControlMaps(fit, motion).chunks(MAPS), 40):
    pass
print(resident_mb("VmHWM") - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells how much memory a process has")
def test_ten_minutes_at_512_pixels_take_less_than_300_mb() -> None:
    root = Path(__file__).parents[2]
    run = subprocess.run([sys.executable, "-c", CODE], cwd=root, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert float(run.stdout.split()[-1]) < 300
