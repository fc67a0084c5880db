from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch


@pytest.fixture
def folders(pack: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import folder_paths

    for name in ("input", "output"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(folder_paths, f"{name}_directory", str(tmp_path / name))
    return tmp_path


@pytest.fixture(scope="module")
def body(pack: ModuleType) -> Any:
    from vlogger_pack.vlogger_core.body.anny_model import load_anny
    from vlogger_pack.vlogger_core.datatypes import BodyFit, Camera

    model = load_anny()
    return BodyFit(
        model=model,
        shape=model.mean_shape(),
        joint_rotvec=torch.zeros(55, 3),
        translation=torch.tensor([0.0, 0.1, -3.6]),
        expression=torch.zeros(52),
        camera=Camera(fov_deg=45.0, width=160, height=180),
        image=torch.full((3, 180, 160), 0.5),
        mask=torch.ones(180, 160),
    )


@pytest.fixture
def motion(pack: ModuleType) -> Any:
    from vlogger_pack.vlogger_core.datatypes import Motion

    return Motion(
        fps=Fraction(24),
        expression=torch.rand(2, 52),
        joint_names=("head",),
        joint_rotvec=0.2 * torch.rand(2, 1, 3),
        translation=torch.zeros(2, 3),
    )


def nodes(pack: ModuleType) -> tuple[ModuleType, ModuleType]:
    import importlib

    return tuple(importlib.import_module(f"{pack.__name__}.{name}") for name in ("motion_export", "pose_sequence"))  # pyright: ignore[reportReturnType]


def test_glb_for_preview_3d(pack: ModuleType, folders: Path, motion: Any, body: Any) -> None:
    export, _ = nodes(pack)
    out = export.VloggerExportMotion.execute(motion, body, "glb", "3d/me")
    file, path = out.args
    assert path == "3d/me_00001_.glb"
    assert file.format == "glb"
    assert file.get_bytes()[:4] == b"glTF"
    assert (folders / "output" / path).is_file()
    assert out.ui["3d"] == [{"filename": "me_00001_.glb", "subfolder": "3d", "type": "output"}]


def test_bvh_comes_back(pack: ModuleType, folders: Path, motion: Any, body: Any) -> None:
    export, _ = nodes(pack)
    path = export.VloggerExportMotion.execute(motion, body, "bvh", "me").args[1]
    (folders / "output" / path).rename(folders / "input" / "me.bvh")
    assert "me.bvh" in pack.VloggerLoadMotion.define_schema().inputs[0].options
    back = pack.VloggerLoadMotion.execute("me.bvh", body).args[0]
    head = back.joint_rotvec[:, back.joint_names.index("head")]
    torch.testing.assert_close(head, motion.joint_rotvec[:, 0], atol=1e-4, rtol=0)
    assert not back.expression.any()
    first = pack.VloggerLoadMotion.execute("me.bvh").args[0]
    assert first.joint_rotvec[0].abs().max() < 1e-5


def test_mhr_pose(pack: ModuleType, motion: Any, body: Any) -> None:
    export, _ = nodes(pack)
    data = export.VloggerMotionToMhrPose.execute(motion, body).args[0]
    assert len(data["frames"]) == 2
    assert data["frames"][0][0]["pred_vertices"].shape == (len(body.model.template), 3)


@pytest.mark.parametrize(
    ("name", "said"), [("none", "No pose sequence is chosen"), ("gone.npz", 'There is no "gone.npz"')]
)
def test_no_sequence(pack: ModuleType, folders: Path, name: str, said: str) -> None:
    _, sequence = nodes(pack)
    assert said in sequence.VloggerLoadPoseSequence.validate_inputs(name)


def test_a_sequence_that_is_none(pack: ModuleType, folders: Path, body: Any) -> None:
    _, sequence = nodes(pack)
    np.savez(folders / "input" / "x.npz", body=np.zeros(3))
    assert sequence.VloggerLoadPoseSequence.define_schema().inputs[0].options == ["none", "x.npz"]
    with pytest.raises(ValueError, match="lacks body_score"):
        sequence.VloggerLoadPoseSequence.execute("x.npz", body.model, 24.0, 0.0)


@pytest.mark.slow
def test_a_real_sequence(pack: ModuleType, folders: Path, body: Any, samples: Path) -> None:
    _, sequence = nodes(pack)
    source = np.load(samples / "pose2d" / "emv2_salute_97f.npz")
    short = {name: source[name][:3] if name != "canvas" else source[name] for name in source.files}
    np.savez(folders / "input" / "salute.npz", **short)
    motion, keypoints = sequence.VloggerLoadPoseSequence.execute("salute.npz", body.model, 24.0, 0.0).args
    assert motion.num_frames == len(keypoints) == 3
    assert motion.fps == 24
    assert replace(motion, fps=Fraction(25)).joint_rotvec.abs().max() > 0.01
