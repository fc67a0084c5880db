"""The scripts of docs/api, as a user starts them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.comfyui.client import PROJECT, ComfyServer
from tests.comfyui.prompts import load_workflow, to_prompt

pytestmark = pytest.mark.comfyui

API = PROJECT / "docs" / "api"
PORTRAIT = PROJECT / "assets" / "character" / "portrait.png"
_MOST_S = 600


def _small(folder: Path) -> Path:
    """The scripts with a prompt that is quick to run."""
    shutil.copytree(API, folder)
    file = folder / "text_to_avatar.json"
    prompt = json.loads(file.read_text(encoding="utf-8"))
    for node in prompt.values():
        if node["class_type"] == "VloggerWarpPreview":
            node["inputs"]["short_side"] = 128
        if node["class_type"] == "VloggerMotionSampler":
            node["inputs"]["steps"] = 2
    file.write_text(json.dumps(prompt), encoding="utf-8")
    return folder


def test_the_exported_prompt_is_the_template() -> None:
    exported = json.loads((API / "text_to_avatar.json").read_text(encoding="utf-8"))
    assert exported == to_prompt(load_workflow("text_to_avatar"))


def test_a_batch_is_made_and_what_is_there_is_not_made_again(comfyui: ComfyServer, tmp_path: Path) -> None:
    folder, out = _small(tmp_path / "api"), tmp_path / "videos"
    photos = [tmp_path / "ann.png", tmp_path / "ben.png"]
    for photo in photos:
        shutil.copy(PORTRAIT, photo)
    command = [sys.executable, str(folder / "batch.py"), "--server", comfyui.url, "--out", str(out), "--photos"]
    command += [*map(str, photos), "--texts", "Hi."]
    first = subprocess.run(command, capture_output=True, text=True, timeout=_MOST_S)
    assert first.returncode == 0, first.stderr
    assert sorted(path.name for path in out.iterdir()) == ["ann_001.mp4", "ben_001.mp4"]
    assert all(path.read_bytes()[4:8] == b"ftyp" for path in out.iterdir())
    again = subprocess.run(command, capture_output=True, text=True, timeout=_MOST_S)
    assert (again.returncode, again.stdout) == (0, "")


def test_a_photo_without_a_face_is_told_in_a_sentence(comfyui: ComfyServer, tmp_path: Path) -> None:
    from PIL import Image

    folder, wall = _small(tmp_path / "api"), tmp_path / "wall.png"
    Image.new("RGB", (96, 96), "grey").save(wall)
    command = [sys.executable, str(folder / "batch.py"), "--server", comfyui.url, "--out", str(tmp_path / "videos")]
    ended = subprocess.run(
        [*command, "--photos", str(wall), "--texts", "Hi."], capture_output=True, text=True, timeout=_MOST_S
    )
    assert ended.returncode == 1
    assert "face" in ended.stderr
    assert not any((tmp_path / "videos").iterdir())


def test_a_prompt_is_watched_from_javascript(comfyui: ComfyServer, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    folder = _small(tmp_path / "api")
    has_sockets = subprocess.run([node, "-p", "typeof WebSocket"], capture_output=True, text=True).stdout.strip()
    command = [node, *(["--experimental-websocket"] if has_sockets == "undefined" else [])]
    ended = subprocess.run(
        [*command, str(folder / "watch.mjs"), "Hi.", comfyui.url], capture_output=True, text=True, timeout=_MOST_S
    )
    assert ended.returncode == 0, ended.stderr
    assert "VloggerWarpPreview: " in ended.stdout
    assert ".mp4" in ended.stdout.splitlines()[-1]
