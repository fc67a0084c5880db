"""`glb`: the file alone, skinned and morphed as the specification says, gives the body model's own vertices."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vlogger_core.body.expression import pose_at
from vlogger_core.datatypes import BodyFit, Motion
from vlogger_core.errors import InputError
from vlogger_core.export.glb import glb_bytes, save_glb
from vlogger_core.export.look import Look, photo_look
from vlogger_core.names import ARKIT_EXPRESSIONS, PART_INDEX, SMPLX_JOINTS

from ..render.bodies import ball_fit
from ..render.people import person_fit, poses
from .conftest import lowered
from .gltf_reader import GltfReader


@pytest.fixture(scope="module")
def file(fit: BodyFit, motion: Motion) -> GltfReader:
    return GltfReader(glb_bytes(fit, motion))


@pytest.fixture(scope="module")
def look(fit: BodyFit, motion: Motion) -> Look:
    return photo_look(fit, motion)


def errors_m(file: GltfReader, fit: BodyFit, look: torch.Tensor, motion: Motion, frame: int) -> np.ndarray:
    """How far each vertex of the file is from the body model's, without teeth."""
    posed = fit.model.pose(fit.model.rest(fit.shape), *pose_at(fit, motion, frame, frame + 1)).vertices[0]
    camera = np.array(file.nodes[file.named["photo_camera"]]["translation"])
    apart = np.linalg.norm(file.vertices(frame) - (posed[look].numpy() + camera), axis=1)
    teeth = fit.model.faces[fit.model.face_parts == PART_INDEX["teeth"]].unique()
    return apart[~torch.isin(look, teeth).numpy()]


def test_vertices_are_those_of_the_body(file: GltfReader, fit: BodyFit, look: Look, motion: Motion) -> None:
    """Four bones a vertex instead of up to twelve is all that is lost."""
    for frame in range(motion.num_frames):
        apart = errors_m(file, fit, look.vertices, motion, frame)
        assert apart.mean() < 1e-4
        assert np.quantile(apart, 0.99) < 1e-3
        assert apart.max() < 6e-3


def test_the_face_is_exact(file: GltfReader, fit: BodyFit, look: Look, motion: Motion) -> None:
    lids = fit.model.faces[torch.isin(fit.model.face_parts, torch.tensor([PART_INDEX["lids"], PART_INDEX["lips"]]))]
    chosen = torch.isin(look.vertices, lids.unique()).numpy()
    camera = np.array(file.nodes[file.named["photo_camera"]]["translation"])
    posed = fit.model.pose(fit.model.rest(fit.shape), *pose_at(fit, motion, 0, 3)).vertices
    for frame in range(3):
        apart = np.linalg.norm(file.vertices(frame) - (posed[frame, look.vertices].numpy() + camera), axis=1)[chosen]
        assert apart.max() < 1e-5


def test_conventions(file: GltfReader, fit: BodyFit, motion: Motion) -> None:
    document = file.document
    assert document["meshes"][0]["extras"]["targetNames"] == list(ARKIT_EXPRESSIONS)
    assert len(file.primitive["targets"]) == 52
    assert set(SMPLX_JOINTS) <= set(file.named)
    vertices = file.vertices(0)
    assert abs(vertices[:, 1].min()) < 0.01
    assert 1.4 < vertices[:, 1].max() < 2.0
    pelvis = file.nodes[file.named["pelvis"]]["translation"]
    assert pelvis[0] == pelvis[2] == 0
    sampler = document["animations"][0]["samplers"][0]
    np.testing.assert_allclose(file.array(sampler["input"])[:, 0], np.arange(3) / float(motion.fps), rtol=1e-6)
    moving = {document["nodes"][c["target"]["node"]]["name"] for c in document["animations"][0]["channels"]}
    assert {"head", "left_elbow", "left_eye_smplhf", "pelvis", "body"} <= moving
    assert "left_knee" not in moving
    camera = document["cameras"][0]["perspective"]
    assert camera["aspectRatio"] == pytest.approx(fit.camera.width / fit.camera.height)
    assert len(file.binary) < 2.5e6


def test_a_file_stays_small(file: GltfReader, fit: BodyFit, motion: Motion) -> None:
    long = Motion(
        fps=motion.fps,
        expression=motion.expression.repeat(20, 1),
        joint_names=motion.joint_names,
        joint_rotvec=motion.joint_rotvec.repeat(20, 1, 1),
        translation=motion.translation.repeat(20, 1),
    )
    per_frame = (len(GltfReader(glb_bytes(fit, long)).binary) - len(file.binary)) / 57
    assert per_frame < 50 * 55


def test_texture_is_the_photo(file: GltfReader) -> None:
    image = file.document["images"][0]
    picture = np.asarray(Image.open(io.BytesIO(file.view(image["bufferView"])))) / 255
    uv = file.attribute("TEXCOORD_0")
    assert uv.min() >= 0
    assert uv.max() <= 1
    rows, columns = (np.clip(uv[:, i] * 1024, 0, 1023).astype(int) for i in (1, 0))
    skin = np.abs(picture[rows, columns] - (0.8, 0.6, 0.5)).max(1) < 0.05
    assert skin.mean() > 0.85


def test_smplx(smplx_body, motion: Motion) -> None:
    """Without what the pose adds to the skin; exact where nothing is bent."""
    fit = person_fit(smplx_body)
    still = poses({"mouthSmileLeft": 0.5}, {"browInnerUp": 0.8})
    file, every = GltfReader(glb_bytes(fit, still)), fit.model.faces.unique()
    assert "COLOR_0" in file.primitive["attributes"]
    for frame in range(2):
        apart = errors_m(file, fit, every, still, frame)
        assert apart.max() < 5e-5
    bent = lowered(fit)
    apart = errors_m(GltfReader(glb_bytes(bent, motion)), bent, every, motion, 1)
    assert apart.mean() < 1e-3


def test_messages(fit: BodyFit, motion: Motion, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="The motion has no frames"):
        glb_bytes(fit, motion.slice(0, 0))
    with pytest.raises(InputError, match='The body "ball" cannot be exported: choose Anny or SMPL-X'):
        glb_bytes(ball_fit(), motion)
    with pytest.raises(InputError, match="choose a writable folder"):
        save_glb(tmp_path / "none" / "x.glb", replace(fit), motion)
    assert not list(tmp_path.iterdir())
