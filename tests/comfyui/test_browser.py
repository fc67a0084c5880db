"""The templates in ComfyUI's real page."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.comfyui.client import PACK, RUN_S, ComfyServer
from tests.comfyui.movie import read_movie
from tests.comfyui.prompts import WORKFLOWS, load_workflow, to_prompt

pytestmark = [pytest.mark.comfyui, pytest.mark.browser]

READY = "!!(window.app?.graph && window.LiteGraph?.registered_node_types['VloggerWarpPreview'])"


@pytest.fixture(scope="module")
def page(comfyui: ComfyServer) -> Iterator[Any]:
    playwright_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium or chrome on this machine")
    with playwright_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        page = browser.new_page(viewport={"width": 1920, "height": 1080})
        page.goto(comfyui.url, timeout=120_000)
        page.wait_for_function(READY, timeout=120_000)
        yield page
        browser.close()


@pytest.mark.parametrize("name", WORKFLOWS)
def test_templates_open_without_missing_nodes(page: Any, object_info: dict, name: str) -> None:
    page.evaluate(
        "async (path) => { await app.loadGraphData(await (await fetch(path)).json()); }",
        f"/api/workflow_templates/{PACK}/{name}.json",
    )
    nodes = page.evaluate("app.graph._nodes.map(n => ({type: n.type, wrong: !!n.has_errors}))")
    assert nodes
    assert not [node for node in nodes if node["wrong"]]
    assert {node["type"] for node in nodes} <= {*object_info, "MarkdownNote"}
    theirs = page.evaluate("async () => (await app.graphToPrompt()).output")
    assert {key: without_title(node) for key, node in theirs.items()} == to_prompt(load_workflow(name))


def test_the_run_button_sends_a_prompt_that_comfyui_accepts(page: Any, comfyui: ComfyServer) -> None:
    page.evaluate(
        """async (workflow) => {
            await app.loadGraphData(workflow);
            const set = (type, name, value) => {
                app.graph._nodes.find(n => n.type === type).widgets.find(w => w.name === name).value = value;
            };
            set('VloggerTextToSpeech', 'text', 'Hello.');
            set('VloggerWarpPreview', 'short_side', 128);
            set('SaveVideo', 'filename_prefix', 'browser');
            await app.queuePrompt(0, 1);
        }""",
        load_workflow("text_to_avatar"),
    )
    deadline = time.monotonic() + RUN_S
    while (queue := comfyui.get("/queue"))["queue_running"] or queue["queue_pending"]:
        assert time.monotonic() < deadline
        page.wait_for_timeout(500)
    (path,) = (comfyui.base / "output").glob("browser*.mp4")
    assert read_movie(path).frames.shape[2] == 128


def test_the_upload_button_puts_a_motion_into_the_list(page: Any, comfyui: ComfyServer, tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    path.write_bytes(b"anything")
    load = "app.graph._nodes.find(n => n.type === 'VloggerLoadMotion')"
    page.evaluate("app.graph.clear(); app.graph.add(LiteGraph.createNode('VloggerLoadMotion'))")
    with page.expect_file_chooser() as chooser:
        page.evaluate(f"{load}.widgets.find(w => w.type === 'button').callback()")
    chooser.value.set_files(path)
    page.wait_for_function(f"{load}.widgets.find(w => w.name === 'motion').value === 'mine.safetensors'")
    assert (comfyui.base / "input" / "mine.safetensors").read_bytes() == b"anything"
    assert page.evaluate(f"{load}.serialize().widgets_values_named") == {"motion": "mine.safetensors"}


def without_title(node: dict) -> dict:
    return {key: value for key, value in node.items() if key != "_meta"}
