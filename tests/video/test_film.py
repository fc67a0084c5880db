"""A run that is killed and started again gives the same video, byte for byte."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.video.tiny_cascade import SETTINGS, somebody, tiny_models
from vlogger_core.datatypes import Audio
from vlogger_core.errors import InputError
from vlogger_core.video.cascade import sample_cascade
from vlogger_core.video.film import open_film
from vlogger_core.video.writer import write_video

NUM_FRAMES = 42
CODE = """
import sys
import torch
from pathlib import Path
from tests.video.test_film import make

torch.set_num_threads(1)
make(Path(sys.argv[1]), lambda done: print(done, flush=True))
"""


def make(folder: Path, told=lambda done: None) -> Path:
    fit, motion = somebody(NUM_FRAMES)
    with open_film(folder, tiny_models(), fit, motion, (40, 32), SETTINGS) as film:
        for chunk in film.chunks():
            told(chunk.state.done)
        speech = Audio(waveform=torch.sin(torch.arange(48000) / 20)[None], sample_rate=16000)
        return write_video(folder.with_suffix(".mp4"), film.frames(), motion.fps, speech)


def test_a_killed_run_goes_on_to_the_same_bytes(tmp_path: Path):
    killed = tmp_path / "killed"
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", CODE, str(killed)]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        for line in run.stdout:
            if int(line) > 36:
                run.send_signal(signal.SIGKILL)
                break
    begun = []
    torch.set_num_threads(1)
    again, undisturbed = make(killed, begun.append), make(tmp_path / "undisturbed")
    assert 32 < begun[0] <= 36
    assert again.read_bytes() == undisturbed.read_bytes()


def test_a_finished_run_is_not_made_again(tmp_path: Path):
    fit, motion = somebody(4)
    seen = []
    for _ in range(2):
        with open_film(tmp_path / "run", tiny_models(), fit, motion, (20, 16), SETTINGS) as film:
            seen.append(len(list(film.chunks(lambda done, total: None))))
            frames = torch.stack(list(film.frames()))
    assert seen == [1, 0]
    wanted = torch.cat([chunk.frames for chunk in sample_cascade(tiny_models(), fit, motion, (20, 16), SETTINGS)])
    assert torch.equal(frames, (wanted * 255).round() / 255)


def test_another_video_is_refused(tmp_path: Path):
    fit, motion = somebody(2)
    with open_film(tmp_path / "run", tiny_models(), fit, motion, (20, 16), SETTINGS) as film:
        list(film.chunks())
    fit, motion = somebody(3)
    with (
        pytest.raises(InputError, match=r"holds another video: frames is 2 there and 3 here, motion differs"),
        open_film(tmp_path / "run", tiny_models(), fit, motion, (20, 16), SETTINGS),
    ):
        pass
