"""The shipped workflows make the videos they promise."""

import math
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from tests.comfyui.client import ComfyServer
from tests.comfyui.movie import mouth_follows_speech, read_movie
from tests.comfyui.prompts import changed, load_workflow, node_of, to_prompt, with_own_files
from vlogger_core.motion.checkpoint import load_motion_model, save_motion_model

pytestmark = pytest.mark.comfyui

TEXT = "Good morning, everybody. How are you today? Many thanks."


def save_video_of(server: ComfyServer, prompt: dict) -> Path:
    run = server.run(prompt)
    (path,) = (path for path in server.saved(run) if path.suffix == ".mp4")
    return path


@pytest.fixture(scope="module")
def text_prompt() -> dict:
    return to_prompt(load_workflow("text_to_avatar"))


@pytest.fixture(scope="module")
def short_prompt(text_prompt: dict) -> dict:
    """The same in small, for the tests that only need it to run."""
    return changed(changed(text_prompt, "VloggerTextToSpeech", text=TEXT), "VloggerWarpPreview", short_side=256)


def test_text_to_avatar_runs_unchanged(comfyui: ComfyServer, text_prompt: dict) -> None:
    path = save_video_of(comfyui, text_prompt)
    movie = read_movie(path)
    assert movie.codecs == ("h264", "aac")
    assert movie.fps == 24
    assert movie.duration_s >= 5
    assert abs(movie.duration_s - movie.sound_s) < 0.1
    assert min(movie.frames.shape[1:3]) == 512
    assert np.abs(movie.frames[0].astype(int) - movie.frames[len(movie.frames) // 2]).max() > 20
    assert mouth_follows_speech(movie)
    assert comfyui.view(path) == path.read_bytes()


def test_audio_to_avatar_takes_the_users_photo_and_recording(
    comfyui: ComfyServer, portrait: Path, tmp_path: Path
) -> None:
    recording = tmp_path / "recording.wav"
    seconds = write_recording(recording)
    workflow = to_prompt(load_workflow("audio_to_avatar"))
    prompt = with_own_files(workflow, image=comfyui.upload(portrait), audio=comfyui.upload(recording))
    movie = read_movie(save_video_of(comfyui, changed(prompt, "VloggerWarpPreview", short_side=256)))
    assert movie.fps == 24
    assert len(movie.frames) == math.ceil(seconds * 24)
    assert abs(movie.sound_s - seconds) < 0.1
    assert mouth_follows_speech(movie)


def test_audio_to_avatar_runs_as_it_is(comfyui: ComfyServer) -> None:
    workflow = to_prompt(load_workflow("audio_to_avatar"))
    movie = read_movie(save_video_of(comfyui, changed(workflow, "VloggerWarpPreview", short_side=128)))
    assert movie.fps == 24
    assert abs(movie.duration_s - movie.sound_s) < 0.1


def test_zeroed_weights_fail_the_same_check(comfyui: ComfyServer, short_prompt: dict) -> None:
    """The mouth is moved by what the network learned, by nothing else."""
    assert mouth_follows_speech(read_movie(save_video_of(comfyui, short_prompt)))
    model = load_motion_model()
    with torch.no_grad():
        for parameter in model.network.parameters():
            parameter.zero_()
    folder = comfyui.base / "models" / "vlogger" / "motion"
    folder.mkdir(parents=True)
    save_motion_model(folder / "zeroed.safetensors", model.network)
    prompt = changed(short_prompt, "VloggerMotionModel", weights="zeroed.safetensors")
    assert not mouth_follows_speech(read_movie(save_video_of(comfyui, prompt)))


def test_the_overlay_is_shown(comfyui: ComfyServer, short_prompt: dict) -> None:
    run = comfyui.run(changed(short_prompt, "VloggerMotionSampler", seed=7))
    overlay = [path for path in comfyui.saved(run) if path.suffix == ".png"]
    assert len(overlay) == 1
    assert node_of(short_prompt, "PreviewImage") in run.history["outputs"]


def write_recording(path: Path) -> float:
    """Speech as 44.1 kHz stereo; returns its seconds."""
    from scipy.signal import resample_poly

    from vlogger_core.speech.espeak import synthesise

    speech, _ = synthesise(TEXT)
    mono = resample_poly(speech.waveform[0].numpy(), 44100, speech.sample_rate)
    stereo = (np.stack((mono, 0.8 * mono)).clip(-1, 1) * 32767).astype(np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=44100, layout="stereo")
        frame = av.AudioFrame.from_ndarray(stereo.T.reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return stereo.shape[1] / 44100
