"""Several motions at once, motions in silence, and motions as files, in a real ComfyUI."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.comfyui.client import ComfyServer
from tests.comfyui.movie import read_movie
from tests.comfyui.prompts import Prompt, changed, load_workflow, node_of, to_prompt
from vlogger_core.motion.file import load_motion

pytestmark = pytest.mark.comfyui


@pytest.fixture(scope="module")
def short_prompt() -> Prompt:
    prompt = changed(to_prompt(load_workflow("text_to_avatar")), "VloggerTextToSpeech", text="Hi there.")
    return changed(prompt, "VloggerWarpPreview", short_side=64)


def with_file(prompt: Prompt, prefix: str) -> Prompt:
    """The same, and the motion saved."""
    source = [node_of(prompt, "VloggerMotionSampler"), 0]
    inputs = {"motion": source, "filename_prefix": prefix}
    return {**prompt, "file": {"class_type": "VloggerSaveMotion", "inputs": inputs}}


def files_of(server: ComfyServer, prompt: Prompt, ending: str) -> list[Path]:
    return [path for path in server.saved(server.run(prompt)) if path.suffix == ending]


def test_each_variation_becomes_a_video_in_the_order_of_the_seeds(comfyui: ComfyServer, short_prompt: Prompt) -> None:
    prompt = with_file(changed(short_prompt, "VloggerMotionSampler", seed=3, variations=3), "motion/several")
    saved = comfyui.saved(comfyui.run(prompt))
    videos = [read_movie(path).frames for path in saved if path.suffix == ".mp4"]
    motions = [load_motion(path) for path in saved if path.suffix == ".safetensors"]
    assert len(videos) == len(motions) == 3
    assert len({frames.shape for frames in videos}) == 1
    for number, (frames, motion) in enumerate(zip(videos, motions, strict=True)):
        alone = with_file(changed(short_prompt, "VloggerMotionSampler", seed=3 + number), "motion/alone")
        files = comfyui.saved(comfyui.run(alone))
        (video,) = (read_movie(path).frames for path in files if path.suffix == ".mp4")
        (file,) = (path for path in files if path.suffix == ".safetensors")
        torch.testing.assert_close(load_motion(file).joint_rotvec, motion.joint_rotvec, atol=1e-4, rtol=1e-4)
        own, others = (
            np.abs(video.astype(int) - wanted.astype(int)).mean() for wanted in (frames, videos[(number + 1) % 3])
        )
        assert own < 0.5 * others


def test_empty_audio_gives_a_face_that_says_nothing(comfyui: ComfyServer, short_prompt: Prompt) -> None:
    prompt = {
        "audio": {"class_type": "EmptyAudio", "inputs": {"duration": 4.0, "sample_rate": 44100, "channels": 2}},
        "encode": {"class_type": "VloggerAudioEncoder", "inputs": {"audio": ["audio", 0], "fps": 24.0}},
        "model": {"class_type": "VloggerMotionModel", "inputs": {"weights": "embedded"}},
        "sample": {
            "class_type": "VloggerMotionSampler",
            "inputs": {"speech": ["encode", 0], "motion_model": ["model", 0], "seed": 0, "steps": 10, "guidance": 1.1},
        },
    }
    (path,) = files_of(comfyui, with_file(prompt, "motion/silent"), ".safetensors")
    alive = load_motion(path)
    assert alive.num_frames == 96
    assert alive.expression[:, 24].mean() < 0.05  # jawOpen
    assert alive.joint_rotvec.std(0).norm() > 0.01
    (path,) = files_of(
        comfyui, with_file(changed(prompt, "VloggerMotionSampler", idle=0.0), "motion/still"), ".safetensors"
    )
    assert not load_motion(path).joint_rotvec.any()


def test_a_saved_motion_moves_a_body(comfyui: ComfyServer, short_prompt: Prompt) -> None:
    (path,) = files_of(comfyui, with_file(short_prompt, "motion/again"), ".safetensors")
    prompt = {**short_prompt, "load": {"class_type": "VloggerLoadMotion", "inputs": {"motion": comfyui.upload(path)}}}
    del prompt[node_of(prompt, "VloggerMotionSampler")]
    prompt = changed(prompt, "VloggerWarpPreview", motion=["load", 0])
    (video,) = files_of(comfyui, prompt, ".mp4")
    (first,) = files_of(comfyui, short_prompt, ".mp4")
    assert np.array_equal(read_movie(video).frames, read_movie(first).frames)


def test_a_file_that_is_no_motion(comfyui: ComfyServer, tmp_path: Path) -> None:
    path = tmp_path / "broken.safetensors"
    path.write_bytes(b"nothing")
    load = {"class_type": "VloggerLoadMotion", "inputs": {"motion": comfyui.upload(path)}}
    run = comfyui.run({"load": load, "out": {"class_type": "PreviewAny", "inputs": {"source": ["load", 0]}}})
    assert "is damaged or not a safetensors file" in run.error


def test_no_file_is_refused_before_anything_runs(comfyui: ComfyServer) -> None:
    load = {"class_type": "VloggerLoadMotion", "inputs": {"motion": "none"}}
    answer = comfyui.submit({"load": load, "out": {"class_type": "PreviewAny", "inputs": {"source": ["load", 0]}}})
    assert answer.status_code == 400
    (error,) = answer.json()["node_errors"]["load"]["errors"]
    assert "No motion file is chosen" in error["details"]
