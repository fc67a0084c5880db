import importlib
import json
import re
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import av
import pytest
import torch

from tests.comfyui.client import PROJECT

WEB = PROJECT / "web"
FRAMES = 3


@pytest.fixture
def temp(pack: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import folder_paths

    monkeypatch.setattr(folder_paths, "temp_directory", str(tmp_path / "temp"))
    return tmp_path / "temp"


@pytest.fixture(scope="module")
def person(pack: ModuleType) -> Any:
    """A body of the pack that stands a metre and a half away."""
    from vlogger_pack.vlogger_core.body.anny_model import load_anny
    from vlogger_pack.vlogger_core.datatypes import BodyFit, Camera

    model = load_anny()
    return BodyFit(
        model=model,
        shape=model.mean_shape(),
        joint_rotvec=torch.zeros(55, 3),
        translation=torch.tensor((0.0, -0.6, -1.5)),
        expression=torch.zeros(52),
        camera=Camera(fov_deg=40.0, width=64, height=64),
        image=torch.full((3, 64, 64), 0.6),
        mask=torch.ones(64, 64),
    )


@pytest.fixture
def motion(pack: ModuleType) -> Any:
    from vlogger_pack.vlogger_core.datatypes import Motion

    return Motion(
        fps=Fraction(24),
        expression=torch.rand(FRAMES, 52),
        joint_names=("head",),
        joint_rotvec=0.1 * torch.rand(FRAMES, 1, 3),
        translation=torch.zeros(FRAMES, 3),
    )


def node(pack: ModuleType) -> Any:
    return importlib.import_module(f"{pack.__name__}.motion_viewer").VloggerMotionViewer


def test_what_the_page_gets_lies_in_the_temp_folder(pack: ModuleType, temp: Path, person: Any, motion: Any) -> None:
    audio = {"waveform": torch.rand(1, 6, 4000) - 0.5, "sample_rate": 16_000}
    result = node(pack).execute(motion, person, audio)
    assert result.args[0] is motion
    (shown,) = result.ui["vlogger_motion"]
    assert {file["type"] for file in shown.values()} == {"temp"}
    paths = {name: temp / file["subfolder"] / file["filename"] for name, file in shown.items()}
    assert paths["model"].read_bytes()[:4] == b"glTF"
    curves = json.loads(paths["curves"].read_text())
    assert [row["id"] for row in curves["rows"]] == ["speech", "jaw", "lids", "head"]
    assert curves["duration_s"] == 0.25
    with av.open(str(paths["audio"])) as sound:
        assert sound.streams.audio[0].channels == 1
        assert sum(frame.samples for frame in sound.decode(audio=0)) == 4000


def test_two_runs_keep_their_files_apart(pack: ModuleType, temp: Path, person: Any, motion: Any) -> None:
    first, second = (node(pack).execute(motion, person).ui["vlogger_motion"][0] for _ in range(2))
    assert set(first) == {"model", "curves"}
    assert first["model"]["filename"] != second["model"]["filename"]
    assert len(list(temp.iterdir())) == 4


def test_several_sounds_are_refused(pack: ModuleType, temp: Path, person: Any, motion: Any) -> None:
    with pytest.raises(ValueError, match="audio must be one recording"):
        node(pack).execute(motion, person, {"waveform": torch.zeros(2, 1, 100), "sample_rate": 16_000})
    assert not list(temp.iterdir())


def test_three_is_the_pinned_one_and_its_licence_lies_beside_it() -> None:
    pinned = json.loads((PROJECT / "web_src" / "package.json").read_text())["dependencies"]["three"]
    assert f'"{pinned.split(".")[1]}"' in (WEB / "vendor" / "three.mjs").read_text(encoding="utf-8")
    assert "Permission is hereby granted" in (WEB / "vendor" / "three.LICENSE.txt").read_text(encoding="utf-8")


def test_the_page_asks_nobody_else() -> None:
    """ComfyUI loads every .js as an extension, so all else is .mjs and imported by a path within the pack."""
    assert {path.name for path in WEB.rglob("*.js")} == {"load_motion.js", "motion_viewer.js"}
    for path in [*WEB.glob("*.js"), *(WEB / "motion_viewer").glob("*.mjs")]:
        text = path.read_text(encoding="utf-8")
        assert "http://" not in text
        assert "https://" not in text
        for name in re.findall(r'(?:from|import\()\s*"([^"]+)"', text):
            assert name.startswith("../../scripts/") or (path.parent / name).is_file(), f"{path.name}: {name}"
