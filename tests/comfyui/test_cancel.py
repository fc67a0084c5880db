import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from PIL import Image

from tests.comfyui.client import ComfyServer
from tests.comfyui.prompts import changed, load_workflow, node_of, to_prompt, with_own_files

pytestmark = pytest.mark.comfyui

OBEYED_WITHIN_S = 2.0


@pytest.mark.parametrize("node", ["VloggerBodyFitter", "VloggerWarpPreview"])
def test_cancel_is_obeyed(comfyui: ComfyServer, portrait: Path, tmp_path: Path, node: str) -> None:
    unseen = tmp_path / f"unseen_{node}.png"  # Else ComfyUI would take the fit from its cache.
    with Image.open(portrait) as picture:
        Image.fromarray(np.asarray(picture.convert("RGB")) // 2 * 2).save(unseen)
    prompt = with_own_files(to_prompt(load_workflow("text_to_avatar")), image=comfyui.upload(unseen))
    prompt = changed(prompt, "VloggerWarpPreview", short_side=510)
    prompt = changed(prompt, "SaveVideo", filename_prefix=f"cancelled_{node}")
    busy = node_of(prompt, node)
    asked: list[float] = []

    def cancel_when_busy(message: dict[str, Any]) -> None:
        progress = message["data"].get("nodes", {}).get(busy, {}) if message["type"] == "progress_state" else {}
        if not asked and progress.get("state") == "running" and progress.get("value", 0) >= 1:
            asked.append(time.monotonic())
            requests.post(f"{comfyui.url}/interrupt", timeout=10).raise_for_status()

    run = comfyui.run(prompt, cancel_when_busy)
    assert run.ended == "execution_interrupted"
    assert run.messages[-1]["data"]["node_id"] == busy
    assert run.messages[-1]["time_s"] - asked[0] < OBEYED_WITHIN_S
    assert not list((comfyui.base / "output").rglob(f"cancelled_{node}*"))
