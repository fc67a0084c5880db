"""The pack as ComfyUI loads it: under a name of its own, so its classes are not those of an imported `vlogger_core`."""

import importlib
import importlib.util
import sys
import warnings
from collections.abc import Iterator
from types import ModuleType

import pytest

from tests.comfyui.client import PROJECT, comfyui_dir

NAME = "vlogger_pack"


@pytest.fixture(scope="session")
def pack() -> Iterator[ModuleType]:
    """The package `nodes` of the loaded pack."""
    if not (comfyui_dir() / "main.py").is_file():
        pytest.skip(f"no ComfyUI at {comfyui_dir()}: install it there or name its folder in COMFYUI_DIR")
    # Last, because ComfyUI has a `tests` and a `nodes` of its own.
    sys.path.append(str(comfyui_dir()))
    spec = importlib.util.spec_from_file_location(
        NAME, PROJECT / "__init__.py", submodule_search_locations=[str(PROJECT)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = module
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        importlib.import_module("comfy.cli_args").args.cpu = True
        spec.loader.exec_module(module)
        yield importlib.import_module(f"{NAME}.nodes")
    sys.path.remove(str(comfyui_dir()))
    for name in [name for name in sys.modules if name == NAME or name.startswith(f"{NAME}.")]:
        del sys.modules[name]
