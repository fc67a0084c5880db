"""A clip is tracked and re-enacted, and its keypoints are lifted, in a real ComfyUI."""

import numpy as np
import pytest
from PIL import Image

from tests.comfyui.client import ComfyServer
from tests.comfyui.prompts import Prompt, changed, load_workflow, node_of, to_prompt

pytestmark = pytest.mark.comfyui


@pytest.fixture(scope="module")
def prompt() -> Prompt:
    """The shipped character says one word; what it looks like doing so is tracked."""
    prompt = changed(to_prompt(load_workflow("text_to_avatar")), "VloggerTextToSpeech", text="Hi.")
    for node in ("SaveVideo", "CreateVideo"):
        del prompt[node_of(prompt, node)]
    preview, model = node_of(prompt, "VloggerWarpPreview"), node_of(prompt, "VloggerBodyModel")
    prompt = changed(prompt, "VloggerWarpPreview", short_side=256)
    settings = {"body_model": [model, 0], "fps": ["fps", 0], "fov_deg": 0.0}
    fps = {"class_type": "PrimitiveFloat", "inputs": {"value": 23.976}}
    track = {"frames": [preview, 0], "landmarks": "auto", "face_index": 0, **settings}
    lift = {"pose_keypoint": ["track", 2], "person": 0, "width": 0, "height": 0, **settings}
    return {
        **prompt,
        "fps": fps,
        "track": {"class_type": "VloggerBodyTracker", "inputs": track},
        "lift": {"class_type": "VloggerKeypointsToMotion", "inputs": lift},
        **shown("again", ["track", 0], ["track", 1]),
        **shown("lifted", ["track", 0], ["lift", 0]),
        "filmed_out": saved([preview, 0], "filmed"),
    }


def shown(name: str, body: list, motion: list) -> Prompt:
    """The body moved so, saved."""
    inputs = {"body": body, "motion": motion, "short_side": 256}
    return {
        name: {"class_type": "VloggerWarpPreview", "inputs": inputs},
        f"{name}_out": saved([name, 0], name),
    }


def saved(source: list, name: str) -> dict:
    return {"class_type": "SaveImage", "inputs": {"images": source, "filename_prefix": name}}


def test_a_clip_is_tracked_and_re_enacted(comfyui: ComfyServer, prompt: Prompt) -> None:
    files = comfyui.saved(comfyui.run(prompt))
    clips = {
        name: np.stack([np.asarray(Image.open(path)).astype(float) for path in files if path.name.startswith(name)])
        for name in ("filmed", "again", "lifted")
    }
    filmed = clips["filmed"]
    assert len(filmed) >= 8
    assert all(clip.shape == filmed.shape for clip in clips.values())
    assert np.abs(clips["again"][0] - filmed[0]).mean() < 2
    # Re-enacted is nearer to what was filmed than the first frame standing still.
    moved, still = np.abs(clips["again"] - filmed).mean(), np.abs(filmed[:1] - filmed).mean()
    assert moved < still
    assert np.abs(np.diff(clips["lifted"], axis=0)).mean() > 0


def test_what_a_user_reads(comfyui: ComfyServer, prompt: Prompt) -> None:
    model = node_of(prompt, "VloggerBodyModel")
    blank = {"class_type": "EmptyImage", "inputs": {"width": 128, "height": 128, "batch_size": 3, "color": 8355711}}
    track = {**prompt["track"]["inputs"], "frames": ["blank", 0]}
    run = comfyui.run(
        {
            model: prompt[model],
            "fps": prompt["fps"],
            "blank": blank,
            "track": {"class_type": "VloggerBodyTracker", "inputs": track},
            **shown("again", ["track", 0], ["track", 1]),
        }
    )
    assert "No face was found in any of the 3 frames" in run.error
