"""The command line as a user meets it: one line for what is wrong, a whole file for what is right."""

import re
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from scipy.io import wavfile

from tests.video.tiny_cascade import tiny_models
from tests.video.tiny_video import tiny_network
from vlogger_core.assets import PORTRAIT
from vlogger_core.cli import main
from vlogger_core.diffusion import SOLVERS
from vlogger_core.pipeline import video_size
from vlogger_core.render.raster import BACKENDS
from vlogger_core.video import models as video_models
from vlogger_core.video.checkpoint import save_video_model
from vlogger_core.video.person_file import Person, made_of, save_person

ROOT = Path(__file__).parents[1]


def generate(*options: str) -> int:
    return main(["generate", *options])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--out", "video.avi"], r"must be an \.mp4 file. Got .*video\.avi"),
        (["--out", "v.mp4", "--size", "10"], r"--size must lie in 64 to 4096\. Got 10"),
        (["--out", "v.mp4", "--seed", "-1"], r"--seed must lie in 0 to \d+\. Got -1"),
        (["--out", "v.mp4", "--steps", "0"], r"--steps must lie in 1 to 1000\. Got 0"),
        (["--out", "v.mp4", "--energy", "3"], r"--energy must lie in 0 to 2\. Got 3"),
        (["--out", "v.mp4", "--blinks", "-1"], r"--blinks must lie in 0 to 60\. Got -1"),
        (["--out", "v.mp4", "--guidance", "nan"], r"--guidance must lie in 0 to 10\. Got nan"),
        (["--out", "v.mp4", "--video-steps", "0"], r"--video-steps must lie in 1 to 1000\. Got 0"),
        (["--out", "v.mp4", "--overlap", "0.95"], r"--overlap must lie in 0 to 0\.9\. Got 0\.95"),
        (["--out", "v.mp4", "--quality", "preview", "--run-folder", "run"], "add --quality video"),
        (["--out", "v.mp4", "--quality", "preview", "--person", "me.safetensors"], "--person changes .* add --quality"),
        (["--out", "v.mp4", "--person-strength", "0.5"], "give the person's file with --person"),
        (["--out", "v.mp4", "--person", "me.safetensors", "--person-strength", "3"], "--person-strength must lie in 0"),
        (["--out", "v.mp4", "--text", "hi", "--person", "me.safetensors"], r"no person at me\.safetensors"),
        (["--out", "v.mp4", "--text", "  "], "no text to speak"),
        (["--out", "v.mp4", "--text", "hello", "--voice", "klingon"], "klingon"),
        (["--out", "v.mp4", "--text", "Привет"], "Cyrillic"),
        (["--out", "v.mp4", "--audio", "missing.wav"], r"no audio file .*missing\.wav"),
        (["--out", "v.mp4", "--image", "missing.png"], r"missing\.png"),
        (["--out", "v.mp4", "--text", "hi", "--smplx", "missing.npz"], r"no SMPL-X file at missing\.npz\. Get SMPLX"),
        (["--out", "v.mp4", "--device", "cuda:99", "--text", "hi"], "Try --device cpu"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(options, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert generate(*options) == 2
    error = capsys.readouterr().err.rpartition("error: ")[2]
    assert re.search(message, error)
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_every_rasteriser_and_solver_is_offered(capsys):
    with pytest.raises(SystemExit):
        generate("--help")
    told = capsys.readouterr().out
    assert f"{{{','.join(BACKENDS)}}}" in told
    assert f"{{{','.join(SOLVERS)}}}" in told


def test_help_does_not_wait_for_torch():
    command = (
        "import sys; from vlogger_core.cli import main\ntry: main(['--help'])\nfinally: print('torch' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "generate" in answer.stdout
    assert answer.stdout.strip().endswith("False")


@pytest.mark.parametrize(
    ("size", "short_side", "multiple_of", "wanted"),
    [
        ((832, 1024), 512, 2, (630, 512)),
        ((1024, 832), 512, 2, (512, 630)),
        ((333, 777), None, 2, (776, 332)),
        ((1920, 1080), 480, 16, (480, 848)),
    ],
)
def test_video_size_keeps_the_whole_picture(size, short_side, multiple_of, wanted):
    assert video_size(*size, short_side, multiple_of=multiple_of) == wanted


@pytest.mark.slow
@pytest.mark.weights
def test_the_shipped_portrait_speaks(tmp_path, capsys):
    out = tmp_path / "folder" / "hello.mp4"
    assert generate("--text", "Hello Bob, my friend.", "--size", "128", "--out", str(out)) == 0
    assert capsys.readouterr().out.strip().endswith(str(out))
    with av.open(str(out)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert video.average_rate == 24
        assert min(video.width, video.height) == 128
        assert audio.duration * audio.time_base == pytest.approx(video.duration * video.time_base, abs=0.1)
        frames = torch.stack([torch.from_numpy(f.to_ndarray(format="rgb24")).float() for f in container.decode(video)])
    moved = (frames[1:] - frames[:-1]).abs().mean((1, 2, 3))
    assert (moved > 0).float().mean() > 0.9
    # The room stands still: the upper corners hold no person.
    assert frames[:, :8, :16].std(0).mean() < 2
    assert PORTRAIT.is_file()


@pytest.mark.slow
@pytest.mark.weights
def test_who_says_nothing_still_moves_and_stands_still_on_request(tmp_path):
    silence = tmp_path / "silence.wav"
    wavfile.write(silence, 16000, np.zeros(32000, np.int16))
    moved = {}
    for idle in ("1", "0"):
        out = tmp_path / f"idle{idle}.mp4"
        options = ["--audio", str(silence), "--size", "128", "--idle", idle, "--blinks", "0", "--gaze", "camera"]
        assert generate(*options, "--out", str(out)) == 0
        with av.open(str(out)) as container:
            frames = [frame.to_ndarray(format="rgb24").astype(float) for frame in container.decode(video=0)]
        moved[idle] = np.abs(frames[-1] - frames[0]).mean()
    assert len(frames) == 48
    assert moved["0"] < 0.5 * moved["1"]


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """Models that are far too small."""
    paths = [tmp_path / f"video_{network.config.size}.safetensors" for network in tiny_models().networks]
    for path, network in zip(paths, tiny_models().networks, strict=True):
        save_video_model(path, network)
    monkeypatch.setattr(video_models, "SHIPPED_BASE", paths[0])
    monkeypatch.setattr(video_models, "SHIPPED_UPSCALERS", tuple(paths[1:]))
    return paths


def test_a_person_of_another_model_is_refused(shipped, tmp_path, capsys):
    person = tmp_path / "me.safetensors"
    save_person(person, Person(made_for=(made_of(tiny_network(seed=9)),), adapters=({},)))
    assert generate("--text", "Hello.", "--person", str(person), "--out", str(tmp_path / "v.mp4")) == 2
    assert "me.safetensors was made for the base model of 16 px" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.weights
def test_the_video_model_films_too(shipped, tmp_path, capsys):
    """And the same into a run folder."""
    options = ["--text", "Hello.", "--size", "64", "--quality", "video", "--video-steps", "1", "--upscale-steps", "1"]
    streamed, kept = tmp_path / "streamed.mp4", tmp_path / "kept.mp4"
    assert generate(*options, "--out", str(streamed)) == 0
    assert generate(*options, "--run-folder", str(tmp_path / "run"), "--out", str(kept)) == 0
    assert streamed.read_bytes() == kept.read_bytes()
    assert (tmp_path / "run" / "manifest.json").is_file()
    shipped[2].unlink()
    assert generate(*options, "--out", str(streamed)) == 2
    assert re.search(r"lacks the video model's weights \(.*video_64\.safetensors\)", capsys.readouterr().err)
