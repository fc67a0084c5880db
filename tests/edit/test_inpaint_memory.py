"""A long clip is edited in the memory that a short one takes, as the operating system counts it."""

import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import sys
from fractions import Fraction
from itertools import cycle, islice
from pathlib import Path
import torch
from tests.edit.edited_ball import ball_clip, closed
from tests.edit.test_inpaint import small_models
from tests.render.bodies import head_motion
from tests.video.tiny_cascade import SETTINGS
from vlogger_core.edit.clip_source import FileClip
from vlogger_core.edit.edit_stage import Edit
from vlogger_core.edit.inpaint_film import open_edit_film
from vlogger_core.edit.mask import EditMask
from vlogger_core.video.writer import write_video

def peak_mb():
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024

folder = Path(sys.argv[1])
fit, _, frames = ball_clip(8)
for count in (40, 240):
    path = write_video(folder / f"{count}.mp4", islice(cycle(frames), count), Fraction(24))
    motion = head_motion([[0.0, 0.02 * (t % 8), 0.0] for t in range(count)], jaw_open=0.6)
    masks = EditMask(fit, motion, closed(motion))
    edit = Edit(clip=FileClip(path), fit=fit, motion=closed(motion), before=motion, masks=masks)
    with open_edit_film(folder / f"{count}", edit, small_models(), SETTINGS) as film:
        for _ in film.chunks():
            pass
    print(peak_mb())
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells how much memory a process has")
def test_six_times_the_length_takes_no_more_memory(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path)], cwd=root, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    short, long = (float(line) for line in run.stdout.split()[-2:])
    assert long < 1.15 * short
