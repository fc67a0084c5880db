"""One ComfyUI for all tests of this folder; they skip where there is none."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.comfyui.client import ComfyServer, comfyui_dir, start_comfyui
from tests.comfyui.prompts import WORKFLOWS, model_files
from tests.video.tiny_video import tiny_config, tiny_network
from vlogger_core.video.checkpoint import save_video_model

TINY = {
    "tiny_64": {"size": 64},
    "tiny_128": {"size": 128, "upscale": 2, "patch": 8, "coarse": 4, "control_entry": "input"},
}
"""Video models of random weights, by the name of their file."""


@pytest.fixture(scope="session")
def comfyui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComfyServer]:
    if not (comfyui_dir() / "main.py").is_file():
        pytest.skip(f"no ComfyUI at {comfyui_dir()}: install it there or name its folder in COMFYUI_DIR")
    base = tmp_path_factory.mktemp("comfyui") / "base"
    write_models(base / "models")
    server = start_comfyui(base)
    try:
        yield server
    finally:
        server.stop()


def write_models(folder: Path) -> None:
    """Fill ComfyUI's models folder as a user has; of what the workflows ask a user to fetch only the names are here."""
    for name in {file for workflow in WORKFLOWS for file in model_files(workflow)}:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    videos = folder / "vlogger" / "video"
    videos.mkdir(parents=True)
    for name, changes in TINY.items():
        save_video_model(videos / f"{name}.safetensors", tiny_network(tiny_config(**changes)))


@pytest.fixture(scope="session")
def object_info(comfyui: ComfyServer) -> dict[str, Any]:
    return comfyui.get("/object_info")


@pytest.fixture(scope="session")
def portrait() -> Path:
    from vlogger_core.assets import PORTRAIT

    return PORTRAIT
