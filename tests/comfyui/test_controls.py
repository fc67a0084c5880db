"""The control maps, and what is wired into the fitter, in a real ComfyUI."""

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import binary_dilation, binary_erosion

from tests.comfyui.client import ComfyServer
from tests.comfyui.prompts import Prompt, changed, load_workflow, node_of, to_prompt

pytestmark = pytest.mark.comfyui


@pytest.fixture(scope="module")
def prompt() -> Prompt:
    """The workflow without its video, with one short word to say."""
    prompt = changed(to_prompt(load_workflow("text_to_avatar")), "VloggerTextToSpeech", text="Hi.")
    for node in ("SaveVideo", "CreateVideo", "VloggerWarpPreview"):
        del prompt[node_of(prompt, node)]
    return prompt


def render(prompt: Prompt, name: str, fitter: str | None = None) -> Prompt:
    """The prompt with one map and its mask saved."""
    sources = {"body": [fitter or node_of(prompt, "VloggerBodyFitter"), 0]}
    sources["motion"] = [node_of(prompt, "VloggerMotionSampler"), 0]
    return {
        **prompt,
        "maps": {
            "class_type": "VloggerControlRenderer",
            "inputs": {**sources, "map": name, "short_side": 128, "multiple_of": 8},
        },
        "mask": {"class_type": "MaskToImage", "inputs": {"mask": ["maps", 2]}},
        "map_out": save(["maps", 1], f"map_{name}"),
        "mask_out": save(["mask", 0], f"mask_{name}"),
    }


def save(source: list, name: str) -> dict:
    return {"class_type": "SaveImage", "inputs": {"images": source, "filename_prefix": name}}


@pytest.mark.parametrize("name", ["dense", "parts", "warp", "parts_champ", "depth", "normal"])
def test_control_maps(comfyui: ComfyServer, prompt: Prompt, name: str) -> None:
    files = comfyui.saved(comfyui.run(render(prompt, name)))
    maps = [np.asarray(Image.open(path)) for path in files if path.name.startswith("map_")]
    masks = [np.asarray(Image.open(path))[..., 0] for path in files if path.name.startswith("mask_")]
    assert len(maps) == len(masks) >= 8
    assert maps[0].shape == (160, 128, 3)
    share = (masks[0] > 127).mean()
    assert 0.1 < share < 0.9
    assert not maps[0][masks[0] < 127].any()
    assert any((frame != maps[0]).any() for frame in maps[1:])
    if name == "parts":
        assert 6 <= len(np.unique(maps[0].reshape(-1, 3), axis=0)) <= 19


def test_the_fitters_own_keypoints_and_mask_can_be_wired_in(comfyui: ComfyServer, prompt: Prompt) -> None:
    first = node_of(prompt, "VloggerBodyFitter")
    wired = {"pose_keypoint": [first, 2], "mask": [first, 3]}
    again = {"class_type": "VloggerBodyFitter", "inputs": {**prompt[first]["inputs"], **wired}}
    prompt = {
        **prompt,
        "again": again,
        "person": {"class_type": "MaskToImage", "inputs": {"mask": ["again", 3]}},
        "photo_out": save(prompt[first]["inputs"]["image"], "wired_photo"),
        "overlay_out": save(["again", 1], "wired_overlay"),
        "person_out": save(["person", 0], "wired_person"),
    }
    files = comfyui.saved(comfyui.run(prompt))
    photo, overlay, person = (
        np.asarray(Image.open(path).convert("RGB")).astype(int)
        for name in ("photo", "overlay", "person")
        for path in files
        if path.name.startswith(f"wired_{name}")
    )
    change = np.abs(overlay - photo).max(-1)
    body = binary_erosion(person[..., 0] > 127, iterations=10)
    elsewhere = ~binary_dilation(person[..., 0] > 127, iterations=110)
    elsewhere[-photo.shape[0] // 8 :] = False  # There the confidences are written.
    assert elsewhere.mean() > 0.05
    assert (change[body] > 10).mean() > 0.5
    assert change[elsewhere].max() <= 1
