"""Cancel is obeyed within a second at the sizes that the workflows use, wherever a node may work for longer."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from PIL import Image
from scipy.io import wavfile

from tests.comfyui.client import ComfyServer
from tests.comfyui.prompts import Prompt, changed, load_workflow, node_of, to_prompt, with_own_files

pytestmark = pytest.mark.comfyui

OBEYED_WITHIN_S = 1.0
SOUND_S = 300


def test_body_fitter(comfyui: ComfyServer, portrait: Path, tmp_path: Path) -> None:
    unseen = tmp_path / "unseen.png"  # Else ComfyUI would take the fit from its cache.
    with Image.open(portrait) as picture:
        Image.fromarray(np.asarray(picture.convert("RGB")) // 2 * 2).save(unseen)
    workflow = with_own_files(to_prompt(load_workflow("text_to_avatar")), image=comfyui.upload(unseen))
    cancel(comfyui, workflow, "VloggerBodyFitter")


def test_warp_preview(comfyui: ComfyServer) -> None:
    workflow = changed(to_prompt(load_workflow("text_to_avatar")), "VloggerWarpPreview", short_side=510)
    workflow = changed(workflow, "SaveVideo", filename_prefix="cancelled")
    cancel(comfyui, workflow, "VloggerWarpPreview")
    assert not list((comfyui.base / "output").rglob("cancelled*"))


def test_audio_encoder(comfyui: ComfyServer, tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    noise = np.random.default_rng(0).integers(-9999, 9999, 48000 * SOUND_S, dtype=np.int16)
    wavfile.write(path, 48000, noise)
    prompt = {
        "audio": {"class_type": "LoadAudio", "inputs": {"audio": comfyui.upload(path)}},
        "encode": {"class_type": "VloggerAudioEncoder", "inputs": {"audio": ["audio", 0], "fps": 24.0}},
        "out": {"class_type": "PreviewAny", "inputs": {"source": ["encode", 0]}},
    }
    cancel(comfyui, prompt, "VloggerAudioEncoder")


def cancel(comfyui: ComfyServer, prompt: Prompt, node: str) -> None:
    """Run a prompt, cancel it once this node has done a step, and check that it ends there and soon."""
    busy = node_of(prompt, node)
    asked: list[float] = []

    def cancel_when_busy(message: dict[str, Any]) -> None:
        progress = message["data"].get("nodes", {}).get(busy, {}) if message["type"] == "progress_state" else {}
        if not asked and progress.get("state") == "running" and progress.get("value", 0) >= 1:
            requests.post(f"{comfyui.url}/interrupt", timeout=10).raise_for_status()
            asked.append(time.monotonic())

    run = comfyui.run(prompt, cancel_when_busy)
    assert run.ended == "execution_interrupted"
    assert run.messages[-1]["data"]["node_id"] == busy
    assert run.messages[-1]["time_s"] - asked[0] < OBEYED_WITHIN_S
