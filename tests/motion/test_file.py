import json
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from vlogger_core.datatypes import Motion
from vlogger_core.errors import InputError
from vlogger_core.motion.file import load_motion, save_motion
from vlogger_core.names import ARKIT_EXPRESSIONS


@pytest.fixture
def motion() -> Motion:
    generator = torch.Generator().manual_seed(0)
    return Motion(
        fps=Fraction(24000, 1001),
        expression=torch.rand(4, 52, generator=generator),
        joint_names=("head", "left_wrist"),
        joint_rotvec=torch.randn(4, 2, 3, generator=generator),
        translation=torch.randn(4, 3, generator=generator),
    )


def test_round_trip(tmp_path: Path, motion: Motion):
    save_motion(tmp_path / "m.safetensors", motion)
    loaded = load_motion(tmp_path / "m.safetensors")
    assert (loaded.fps, loaded.joint_names) == (motion.fps, motion.joint_names)
    for name in ("expression", "joint_rotvec", "translation"):
        assert torch.equal(getattr(loaded, name), getattr(motion, name))
    assert [path.name for path in tmp_path.iterdir()] == ["m.safetensors"]


def _write(path: Path, motion: Motion, **changes: str) -> None:
    metadata = {
        "format": "vlogger-motion",
        "version": "1",
        "fps": "24",
        "expression_names": json.dumps(ARKIT_EXPRESSIONS),
        "joint_names": json.dumps(motion.joint_names),
        **changes,
    }
    tensors = {name: getattr(motion, name) for name in ("expression", "joint_rotvec", "translation")}
    save_file(tensors, path, metadata)


def test_channels_are_matched_by_name(tmp_path: Path, motion: Motion):
    path = tmp_path / "m.safetensors"
    _write(path, motion, expression_names=json.dumps(ARKIT_EXPRESSIONS[::-1]))
    assert torch.equal(load_motion(path).expression, motion.expression.flip(1))


def test_newer_version(tmp_path: Path, motion: Motion):
    path = tmp_path / "m.safetensors"
    _write(path, motion, version="2")
    with pytest.raises(InputError, match="is a motion of version 2, this pack reads up to 1: update the pack"):
        load_motion(path)


def test_foreign_missing_truncated(tmp_path: Path, motion: Motion):
    path = tmp_path / "m.safetensors"
    with pytest.raises(InputError, match="There is no motion file at"):
        load_motion(path)
    _write(path, motion, format="something")
    with pytest.raises(InputError, match="is not a VLOGGER motion"):
        load_motion(path)
    save_motion(path, motion)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="is damaged or not a safetensors file"):
        load_motion(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"fps": "0"},
        {"fps": "fast"},
        {"joint_names": '["head", "tail"]'},
        {"joint_names": '["head"]'},
        {"expression_names": '["grin"]'},
    ],
)
def test_impossible_values(tmp_path: Path, motion: Motion, changes: dict[str, str]):
    path = tmp_path / "m.safetensors"
    _write(path, motion, **changes)
    with pytest.raises(InputError, match="does not hold a valid motion"):
        load_motion(path)


def test_unwritable(tmp_path: Path, motion: Motion):
    with pytest.raises(InputError, match=r"Cannot write the motion to .*: choose a writable folder"):
        save_motion(tmp_path / "missing" / "m.safetensors", motion)
