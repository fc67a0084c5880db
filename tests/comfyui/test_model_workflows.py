"""The workflows for models that are not here: all that leads to the model runs, and gives what the model takes."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.comfyui.client import ComfyServer
from tests.comfyui.prompts import Prompt, changed, load_workflow, model_files, node_of, to_prompt

pytestmark = pytest.mark.comfyui

WAN = {
    "wan_vace_avatar": "WanVaceToVideo",
    "wan_animate_avatar": "WanAnimateToVideo",
    "wan_s2v_body": "WanSoundImageToVideo",
    "wan_fun_control_avatar": "WanFunControlToVideo",
}
"""The node that takes our pictures."""
SD15 = "sd15_controlnet_preview"
SHORT = {
    "VloggerTextToSpeech": {"text": "Hi, all of you."},
    "VloggerMotionSampler": {"steps": 2},
    "VloggerPoseRenderer": {"short_side": 256},
    "VloggerControlRenderer": {"short_side": 256},
    "VloggerFaceVideo": {"short_side": 128},
}


def shortened(prompt: Prompt) -> Prompt:
    """Small and short, with the rest as it is."""
    prompt = copy.deepcopy(prompt)
    for node in prompt.values():
        node["inputs"].update(SHORT.get(node["class_type"], {}))
    return prompt


def without_models(name: str, prompt: Prompt) -> tuple[Prompt, dict[str, dict[str, Any]]]:
    """What needs no model file; and, of the others, the links to it by node type (or title) and input."""
    missing = {file.rpartition("/")[2] for file in model_files(name)}
    cut = {key for key, node in prompt.items() if missing & {v for v in node["inputs"].values() if isinstance(v, str)}}
    while more := {key for key, node in prompt.items() if key not in cut and cut & set(sources(node))}:
        cut |= more
    links: dict[str, dict[str, Any]] = {}
    for key in cut:
        node = prompt[key]
        ours = {k: v for k, v in node["inputs"].items() if isinstance(v, list) and v[0] not in cut}
        links.setdefault(node["class_type"], {}).update(ours)
    return {key: node for key, node in prompt.items() if key not in cut}, links


def sources(node: dict[str, Any]) -> list[str]:
    return [value[0] for value in node["inputs"].values() if isinstance(value, list)]


def pictures(server: ComfyServer, prompt: Prompt, images: dict[str, list], numbers: dict[str, list]) -> tuple[Any, Any]:
    """Run the prompt; what these links carry: batches of pictures 0 to 255, and numbers."""
    shown = {f"{k}_out": save(link, f"cut_{k}_") for k, link in images.items()}
    shown |= {f"{k}_out": {"class_type": "PreviewAny", "inputs": {"source": link}} for k, link in numbers.items()}
    run = server.run({**prompt, **shown})
    files = server.saved(run)
    read = {
        key: np.stack([np.asarray(Image.open(path)) for path in files if path.name.startswith(f"cut_{key}_")])
        for key in images
    }
    return read, {key: float(run.history["outputs"][f"{key}_out"]["text"][0]) for key in numbers}


def save(source: list, name: str) -> dict:
    return {"class_type": "SaveImage", "inputs": {"images": source, "filename_prefix": name}}


def lines_on_black(pose: np.ndarray) -> bool:
    """Whether these are drawings of a body: black but for a few lines of several colours."""
    drawn = pose.max(-1) > 0
    coloured = pose.max(-1).astype(int) - pose.min(-1) > 60
    return not drawn[:, :4].any() and all(0.005 < frame.mean() < 0.4 for frame in drawn) and coloured.mean() > 0.003


@pytest.mark.parametrize("name", [*WAN, SD15])
def test_the_note_names_every_file_and_every_loader_chooses_one_of_them(name: str) -> None:
    workflow = load_workflow(name)
    (note,) = (node["widgets_values"][0] for node in workflow["nodes"] if node["type"] == "MarkdownNote")
    files = model_files(name)
    for node in workflow["nodes"]:
        named = {str(value) for value in node.get("widgets_values_named", {}).values()}
        for file in node["properties"].get("models", []):
            assert file["name"] in named
            assert f"*{file['directory']}*: [{file['name']}]({file['url']})" in note
    chosen = {
        value
        for node in to_prompt(workflow).values()
        for value in node["inputs"].values()
        if isinstance(value, str) and value.endswith(".safetensors")
    }
    assert chosen == {file.rpartition("/")[2] for file in files}
    for said in ("nothing is downloaded by itself", "icence", "GB", "**Make it yours**", "huggingface.co"):
        assert said in note


@pytest.mark.parametrize("name", list(WAN))
def test_wan_gets_pictures_of_its_size_length_and_colours(comfyui: ComfyServer, name: str) -> None:
    prompt, links = without_models(name, shortened(to_prompt(load_workflow(name))))
    taken = links[WAN[name]]
    images = {key: taken[key] for key in ("control_video", "pose_video", "face_video") if key in taken}
    numbers = {key: taken[key] for key in ("width", "height", "length")}
    numbers["fps"] = links["CreateVideo"]["fps"]
    read, told = pictures(comfyui, prompt, images, numbers)
    pose = read.pop("pose_video") if "pose_video" in read else read.pop("control_video")
    length, height, width, _ = pose.shape
    assert (told["length"], told["height"], told["width"]) == (length, height, width)
    assert height % 16 == width % 16 == 0
    assert length >= 9
    assert length % 4 == 1
    assert told["fps"] == 16
    assert lines_on_black(pose)
    assert any((frame != pose[0]).any() for frame in pose)
    if name == "wan_animate_avatar":
        face = read.pop("face_video")
        assert face.shape == (length, 512, 512, 3)
        assert face.mean() > 30
        assert (face[0] != face[-1]).any()
    assert not read
    photo = next(taken[key] for key in ("reference_image", "ref_image", "start_image") if key in taken)
    assert photo == [node_of(prompt, "VloggerExampleInput"), 0]
    assert links["CreateVideo"]["audio"] == [node_of(prompt, "VloggerResampleMotion"), 3]


@pytest.mark.parametrize("name", list(WAN))
def test_a_whole_sentence_fits_into_what_wan_makes_at_once(comfyui: ComfyServer, name: str) -> None:
    """The shipped text ends before the pictures do."""
    prompt, _ = without_models(name, to_prompt(load_workflow(name)))
    prompt = changed(prompt, "VloggerMotionSampler", steps=1)
    wanted = ("VloggerTextToSpeech", "VloggerAudioEncoder", "VloggerMotionModel", "VloggerMotionSampler")
    prompt = {k: node for k, node in prompt.items() if node["class_type"] in (*wanted, "VloggerResampleMotion")}
    _, told = pictures(comfyui, prompt, {}, {"length": [node_of(prompt, "VloggerResampleMotion"), 1]})
    assert told["length"] == 77


def test_sd15_gets_the_maps_of_one_moment(comfyui: ComfyServer) -> None:
    prompt = changed(shortened(to_prompt(load_workflow(SD15))), "VloggerResampleMotion", start_s=0.25)
    prompt, _ = without_models(SD15, prompt)
    maps = {node["inputs"].get("map", "pose"): key for key, node in prompt.items() if "multiple_of" in node["inputs"]}
    size = node_of(prompt, "GetImageSize")
    read, told = pictures(
        comfyui,
        prompt,
        {key: [node, 1 if key != "pose" else 0] for key, node in maps.items()},
        {"width": [size, 0], "height": [size, 1], "frames": [size, 2]},
    )
    assert set(read) == {"depth", "normal_bae", "pose"}
    shape = (1, int(told["height"]), int(told["width"]), 3)
    assert told["frames"] == 1
    assert told["height"] % 16 == told["width"] % 16 == 0
    assert {batch.shape for batch in read.values()} == {shape}
    assert lines_on_black(read["pose"])
    depth, normal = read["depth"][0].astype(int), read["normal_bae"][0].astype(int)
    body = depth.max(-1) > 0
    assert 0.1 < body.mean() < 0.9
    assert (np.ptp(depth, axis=-1) == 0).all()
    assert depth.max() > 190
    assert depth[body].mean() > 60
    assert normal[body][:, 2].mean() > 150
    rows, columns = np.nonzero(body)
    left, right = (normal[rows[side], columns[side], 0].mean() for side in split(columns))
    assert left > right + 20, "red is left"


def split(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The left and the right quarter."""
    low, high = np.quantile(columns, (0.25, 0.75))
    return columns < low, columns > high
