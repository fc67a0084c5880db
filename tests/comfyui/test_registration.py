import pytest
import requests

from tests.comfyui.client import PACK, PROJECT, ComfyServer
from tests.comfyui.prompts import WORKFLOWS, load_workflow, to_prompt

pytestmark = pytest.mark.comfyui

NODES = {
    "VloggerExampleInput",
    "VloggerExampleClip",
    "VloggerTextToSpeech",
    "VloggerNeuralSpeech",
    "VloggerAudioEncoder",
    "VloggerMotionModel",
    "VloggerMotionSampler",
    "VloggerLoadMotion",
    "VloggerSaveMotion",
    "VloggerResampleMotion",
    "VloggerExportMotion",
    "VloggerMotionToMhrPose",
    "VloggerLoadPoseSequence",
    "VloggerMotionViewer",
    "VloggerBodyModel",
    "VloggerBodyFitter",
    "VloggerBodyTracker",
    "VloggerKeypointsToMotion",
    "VloggerSplitShots",
    "VloggerControlRenderer",
    "VloggerPoseRenderer",
    "VloggerFaceVideo",
    "VloggerWarpPreview",
    "VloggerVideoModel",
    "VloggerTemporalSampler",
    "VloggerUpscaler",
    "VloggerLongVideo",
    "VloggerMotionEditor",
    "VloggerEditMask",
    "VloggerInpaintEditor",
    "VloggerEditVideo",
    "VloggerPersonalise",
    "VloggerLoadPerson",
}
WIDGETS = {"INT", "FLOAT", "STRING", "BOOLEAN", "COMBO"}


def test_all_nodes_are_registered(comfyui: ComfyServer, object_info: dict) -> None:
    assert {name for name in object_info if name.startswith("Vlogger")} == NODES
    assert PACK in comfyui.startup_log
    assert "IMPORT FAILED" not in comfyui.startup_log
    assert "Traceback" not in comfyui.startup_log


def test_every_node_has_a_help_page(comfyui: ComfyServer) -> None:
    for node in NODES:
        page = requests.get(f"{comfyui.url}/extensions/{PACK}/docs/{node}.md", timeout=60)
        assert page.status_code == 200
        assert page.text.startswith("# VLOGGER ")


@pytest.mark.parametrize("node", sorted(NODES))
def test_every_node_explains_itself(object_info: dict, node: str) -> None:
    info = object_info[node]
    assert info["display_name"].startswith("VLOGGER ")
    assert info["category"].startswith("VLOGGER/")
    assert info["description"]
    assert info["search_aliases"]
    for kind in ("required", "optional"):
        for name, (socket, options) in info["input"].get(kind, {}).items():
            assert options.get("tooltip"), f"{name} has no tooltip"
            if socket in WIDGETS:
                assert "default" in options, f"{name} has no default"
            if socket in ("INT", "FLOAT"):
                assert options["min"] <= options["default"] <= options["max"]
            if socket == "COMBO":
                assert options["default"] in options["options"]


def test_templates_are_listed_and_served(comfyui: ComfyServer) -> None:
    assert sorted(comfyui.get("/api/workflow_templates")[PACK]) == WORKFLOWS
    assert set(WORKFLOWS) >= {"text_to_avatar", "audio_to_avatar"}
    for name in WORKFLOWS:
        served = comfyui.get(f"/api/workflow_templates/{PACK}/{name}.json")
        assert served == load_workflow(name)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflows_use_only_what_a_fresh_comfyui_has(object_info: dict, name: str) -> None:
    for node in to_prompt(load_workflow(name)).values():
        info = object_info[node["class_type"]]
        known = {**info["input"].get("required", {}), **info["input"].get("optional", {})}
        assert {key.partition(".")[0] for key in node["inputs"]} <= set(known)
        assert set(info["input"].get("required", {})) <= set(node["inputs"])


def test_the_workflow_folder_is_the_only_one_that_comfyui_looks_for() -> None:
    found = [
        name
        for name in ("example_workflows", "example", "examples", "workflow", "workflows")
        if (PROJECT / name).exists()
    ]
    assert found == ["workflows"]
