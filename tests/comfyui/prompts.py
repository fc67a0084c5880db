"""From the workflows as the page saves them to what `POST /prompt` takes."""

from __future__ import annotations

import copy
import json
from typing import Any

from tests.comfyui.client import PROJECT

Prompt = dict[str, dict[str, Any]]

WORKFLOWS = sorted(path.stem for path in (PROJECT / "workflows").glob("*.json"))
_NOTES = {"MarkdownNote", "Note"}
_NOT_SENT = {"control_after_generate"}


def load_workflow(name: str) -> dict[str, Any]:
    return json.loads((PROJECT / "workflows" / f"{name}.json").read_text(encoding="utf-8"))


def to_prompt(workflow: dict[str, Any]) -> Prompt:
    """Convert a workflow without subgraphs, muted or bypassed nodes; the browser test compares with ComfyUI's own."""
    source = {link[0]: [str(link[1]), link[2]] for link in workflow["links"]}
    prompt = {}
    for node in workflow["nodes"]:
        if node["type"] in _NOTES:
            continue
        inputs = {k: v for k, v in node.get("widgets_values_named", {}).items() if k not in _NOT_SENT}
        inputs |= {slot["name"]: source[slot["link"]] for slot in node["inputs"] if slot.get("link") is not None}
        prompt[str(node["id"])] = {"class_type": node["type"], "inputs": inputs}
    return prompt


def model_files(name: str) -> set[str]:
    """What a workflow asks its user to fetch, as paths in the models folder; ComfyUI's page lists what is missing."""
    nodes = load_workflow(name)["nodes"]
    files = (file for node in nodes for file in node["properties"].get("models", []))
    return {f"{file['directory']}/{file['name']}" for file in files}


def node_of(prompt: Prompt, class_type: str) -> str:
    """The id of the only node of a type."""
    (found,) = (key for key, node in prompt.items() if node["class_type"] == class_type)
    return found


def changed(prompt: Prompt, class_type: str, **inputs: Any) -> Prompt:
    """The prompt with other values in the only node of a type."""
    prompt = copy.deepcopy(prompt)
    prompt[node_of(prompt, class_type)]["inputs"].update(inputs)
    return prompt


def with_own_files(prompt: Prompt, *, image: str, audio: str | None = None) -> Prompt:
    """What a user does first: Load Image, and Load Audio, in the place of the example."""
    prompt = copy.deepcopy(prompt)
    example = node_of(prompt, "VloggerExampleInput")
    del prompt[example]
    prompt["own_image"] = {"class_type": "LoadImage", "inputs": {"image": image}}
    if audio:
        prompt["own_audio"] = {"class_type": "LoadAudio", "inputs": {"audio": audio}}
    replaced = {0: ["own_image", 0], 2: ["own_audio", 0]}
    for node in prompt.values():
        for name, value in node["inputs"].items():
            if isinstance(value, list) and value[0] == example:
                node["inputs"][name] = replaced[value[1]]
    return prompt
