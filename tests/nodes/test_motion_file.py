from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch


@pytest.fixture
def folders(pack: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import folder_paths

    for name in ("input", "output"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(folder_paths, f"{name}_directory", str(tmp_path / name))
    return tmp_path


@pytest.fixture
def motion(pack: ModuleType) -> Any:
    from vlogger_pack.vlogger_core.datatypes import Motion

    return Motion(
        fps=Fraction(24),
        expression=torch.rand(5, 52),
        joint_names=("head",),
        joint_rotvec=torch.rand(5, 1, 3),
        translation=torch.rand(5, 3),
    )


def test_what_is_saved_can_be_loaded(pack: ModuleType, folders: Path, motion: Any) -> None:
    saved = [pack.VloggerSaveMotion.execute(motion, "takes/one") for _ in range(2)]
    assert [each.ui["motions"][0]["filename"] for each in saved] == ["one_00001_.safetensors", "one_00002_.safetensors"]
    (folders / "output" / "takes" / "one_00002_.safetensors").rename(folders / "input" / "mine.safetensors")
    assert pack.VloggerLoadMotion.define_schema().inputs[0].options == ["none", "mine.safetensors"]
    assert pack.VloggerLoadMotion.validate_inputs("mine.safetensors") is True
    loaded = pack.VloggerLoadMotion.execute("mine.safetensors").args[0]
    assert torch.equal(loaded.expression, motion.expression)
    assert loaded.joint_names == ("head",)


def test_a_file_is_read_again_when_it_changes(pack: ModuleType, folders: Path, motion: Any) -> None:
    from vlogger_pack.vlogger_core.motion.file import save_motion

    path = folders / "input" / "mine.safetensors"
    save_motion(path, motion)
    import os

    os.utime(path, (1, 1))
    assert pack.VloggerLoadMotion.fingerprint_inputs("mine.safetensors") == 1


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("none", "No motion file is chosen"),
        ("gone.safetensors", 'no motion file "gone.safetensors"'),
        ("../secret.safetensors", "no motion file"),
    ],
)
def test_no_file(pack: ModuleType, folders: Path, name: str, said: str) -> None:
    (folders / "secret.safetensors").touch()
    assert said in pack.VloggerLoadMotion.validate_inputs(name)


def test_a_file_of_another_kind(pack: ModuleType, folders: Path) -> None:
    (folders / "input" / "picture.safetensors").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="is damaged or not a safetensors file"):
        pack.VloggerLoadMotion.execute("picture.safetensors")
