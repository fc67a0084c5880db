"""One ComfyUI for all tests of this folder; they skip where there is none."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.comfyui.client import ComfyServer, comfyui_dir, start_comfyui


@pytest.fixture(scope="session")
def comfyui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComfyServer]:
    if not (comfyui_dir() / "main.py").is_file():
        pytest.skip(f"no ComfyUI at {comfyui_dir()}: install it there or name its folder in COMFYUI_DIR")
    server = start_comfyui(tmp_path_factory.mktemp("comfyui") / "base")
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def object_info(comfyui: ComfyServer) -> dict[str, Any]:
    return comfyui.get("/object_info")


@pytest.fixture(scope="session")
def portrait() -> Path:
    from vlogger_core.assets import PORTRAIT

    return PORTRAIT
