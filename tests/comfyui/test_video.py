"""The video stage in a real ComfyUI, with tiny models in the place of trained ones."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from tests.comfyui.client import ComfyServer
from tests.comfyui.movie import read_movie
from tests.comfyui.prompts import WORKFLOWS, Prompt, changed, load_workflow, node_of, to_prompt
from vlogger_core.video.checkpoint import SHIPPED_BASE

pytestmark = pytest.mark.comfyui

OBEYED_WITHIN_S = 1.0
EMPTIED_WITHIN_S = 60.0
TEXT = "Good morning, everybody. How are you today? Many thanks for coming."
TINY = {"base": "tiny_64.safetensors", "upscaler": "tiny_128.safetensors"}


def tiny(name: str, text: str = "Hi there.", **inputs: Any) -> Prompt:
    """A template with the tiny models, for a short text."""
    prompt = changed(to_prompt(load_workflow(name)), "VloggerVideoModel", **TINY)
    return changed(changed(prompt, "VloggerTextToSpeech", text=text), "VloggerMotionSampler", steps=4, **inputs)


@pytest.fixture(scope="module")
def chain() -> Prompt:
    return changed(tiny("talking_avatar_video"), "VloggerUpscaler", short_side=128)


@pytest.fixture(scope="module")
def long() -> Prompt:
    return changed(tiny("long_video", TEXT), "VloggerLongVideo", short_side=128)


def movie_of(server: ComfyServer, run: Any) -> Path:
    (path,) = (path for path in server.saved(run) if path.suffix == ".mp4")
    return path


def test_sampler_and_upscaler_make_a_video_and_tell_their_progress(comfyui: ComfyServer, chain: Prompt) -> None:
    run = comfyui.run(chain)
    movie = read_movie(movie_of(comfyui, run))
    assert movie.frames.shape[1:3] == (158, 128)
    assert abs(movie.duration_s - movie.sound_s) < 0.1
    for node in ("VloggerTemporalSampler", "VloggerUpscaler"):
        counts = [
            state["value"]
            for message in run.of("progress_state")
            if (state := message["data"]["nodes"].get(node_of(chain, node), {})).get("state") == "running"
        ]
        assert counts == sorted(counts)
        assert len(set(counts)) > 3
        assert max(counts) <= len(movie.frames)


def test_a_long_video_goes_on_after_cancel_with_the_same_frames(comfyui: ComfyServer, long: Prompt) -> None:
    folders = comfyui.base / "output" / "video"

    def prefix(name: str) -> Prompt:
        return changed(long, "VloggerLongVideo", filename_prefix=f"video/{name}")

    whole = read_movie(movie_of(comfyui, comfyui.run(prefix("whole"))))
    stopped, waited_s = cancelled(comfyui, prefix("stopped"), "VloggerLongVideo", at=50)
    assert stopped.ended == "execution_interrupted"
    assert waited_s < OBEYED_WITHIN_S
    (folder,) = folders.glob("stopped_run_*")
    assert not list(folders.glob("stopped*.mp4"))
    kept = json.loads((folder / "manifest.json").read_text())["chunks"]
    assert 0 < sum(chunk["frames"] for chunk in kept) < len(whole.frames)
    written = {chunk["file"]: (folder / chunk["file"]).stat().st_mtime_ns for chunk in kept}
    resumed = comfyui.run(prefix("stopped"))
    assert {name: (folder / name).stat().st_mtime_ns for name in written} == written
    movie = read_movie(movie_of(comfyui, resumed))
    assert movie.codecs == ("h264", "aac")
    assert np.array_equal(movie.frames, whole.frames)


@pytest.mark.parametrize("node", ["VloggerTemporalSampler", "VloggerUpscaler"])
def test_cancel_is_obeyed_soon(comfyui: ComfyServer, chain: Prompt, node: str) -> None:
    prompt = changed(changed(chain, "VloggerTextToSpeech", text=TEXT), node, seed=77, steps=20)
    run, waited_s = cancelled(comfyui, prompt, node, at=2)
    assert run.ended == "execution_interrupted"
    assert waited_s < OBEYED_WITHIN_S


@pytest.mark.skipif(SHIPPED_BASE.is_file(), reason="the weights are shipped")
def test_without_the_shipped_weights_the_loader_names_them(comfyui: ComfyServer) -> None:
    prompt = changed(to_prompt(load_workflow("talking_avatar_video")), "VloggerTextToSpeech", text="Hi.")
    run = comfyui.run(prompt)
    assert run.ended == "execution_error"
    assert "video_128.safetensors" in run.error


@pytest.mark.parametrize("name", WORKFLOWS)
def test_the_server_accepts_the_templates(comfyui: ComfyServer, name: str) -> None:
    answer = comfyui.submit(to_prompt(load_workflow(name)))
    assert answer.status_code == 200, answer.text
    assert answer.json()["node_errors"] == {}
    requests.post(f"{comfyui.url}/queue", json={"clear": True}, timeout=60)
    deadline = time.monotonic() + EMPTIED_WITHIN_S
    while (queue := comfyui.get("/queue"))["queue_running"] or queue["queue_pending"]:
        assert time.monotonic() < deadline
        # Again and again: the server forgets an interrupt that comes before the prompt has begun.
        requests.post(f"{comfyui.url}/interrupt", timeout=60)
        time.sleep(0.2)


@pytest.mark.parametrize(
    ("choice", "said"),
    [({"base": "gone.safetensors"}, 'no video weights named "gone.safetensors"'), ({"sd15": "gone"}, "not in list")],
)
def test_models_that_are_not_there_are_refused_before_anything_runs(
    comfyui: ComfyServer, chain: Prompt, choice: dict[str, str], said: str
) -> None:
    answer = comfyui.submit(changed(chain, "VloggerVideoModel", **choice))
    errors = answer.json()["node_errors"][node_of(chain, "VloggerVideoModel")]["errors"]
    assert any(said in error["details"] or said in error["message"] for error in errors)


def cancelled(comfyui: ComfyServer, prompt: Prompt, node: str, *, at: int) -> tuple[Any, float]:
    """Run a prompt and cancel it when this node has counted so far; the run, and how long it went on."""
    busy, asked = node_of(prompt, node), list[float]()

    def cancel(message: dict[str, Any]) -> None:
        state = message["data"].get("nodes", {}).get(busy, {}) if message["type"] == "progress_state" else {}
        # Before it samples, the long video looks at what it is made of, which is counted too.
        if not asked and state.get("state") == "running" and state["value"] >= at and state["max"] > at:
            requests.post(f"{comfyui.url}/interrupt", timeout=10).raise_for_status()
            asked.append(time.monotonic())

    run = comfyui.run(prompt, cancel)
    return run, run.messages[-1]["time_s"] - asked[0]
