"""Importing the pack costs ComfyUI next to nothing."""

import json
import subprocess
import sys
from types import ModuleType

from tests.comfyui.client import PROJECT, comfyui_dir

MEASURE = """
import asyncio, importlib.util, json, sys, time
from comfy.cli_args import args
args.cpu = True
import comfy.model_management, comfy.model_patcher, comfy.utils, comfy_api.latest, folder_paths
before = set(sys.modules)
start = time.perf_counter()
root = sys.argv[1]
spec = importlib.util.spec_from_file_location(
    "vlogger_pack", root + "/__init__.py", submodule_search_locations=[root]
)
module = importlib.util.module_from_spec(spec)
sys.modules["vlogger_pack"] = module
spec.loader.exec_module(module)
async def load():
    extension = await module.comfy_entrypoint()
    await extension.on_load()
    for node in await extension.get_node_list():
        node.GET_SCHEMA()
asyncio.run(load())
print(json.dumps({"seconds": time.perf_counter() - start, "modules": sorted(set(sys.modules) - before)}))
"""


def test_import_is_quick_and_reaches_no_further_than_the_nodes(pack: ModuleType) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(PROJECT)], cwd=comfyui_dir(), capture_output=True, text=True, check=True
    )
    measured = json.loads(done.stdout.splitlines()[-1])
    assert measured["seconds"] < 0.3
    assert not [name for name in measured["modules"] if not name.startswith("vlogger_pack")]
    assert not [name for name in measured["modules"] if "vlogger_core" in name]


def test_only_the_entry_point_is_offered(pack: ModuleType) -> None:
    root = sys.modules[pack.__package__.rpartition(".")[0]]
    assert not hasattr(root, "NODE_CLASS_MAPPINGS")
