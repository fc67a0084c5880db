from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from synthetic_smplx import write_synthetic

from vlogger_core.body.anny_model import AnnyBody, load_anny
from vlogger_core.body.smplx_file import read_smplx
from vlogger_core.body.smplx_model import SmplxBody
from vlogger_core.datatypes import BodyFit, Motion
from vlogger_core.names import EXPRESSION_INDEX, JOINT_INDEX

from ..render.people import person_fit, poses


@pytest.fixture(scope="session")
def anny() -> AnnyBody:
    return load_anny()


@pytest.fixture(scope="session")
def smplx_body(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmplxBody]:
    """With some expression map: solving the true one takes a minute."""
    path = write_synthetic(tmp_path_factory.mktemp("smplx") / "SMPLX_NEUTRAL.npz", num_vertices=3000)
    body = SmplxBody.build(read_smplx(path))
    shape = body.arkit.coefficients.shape
    coefficients = 0.5 * torch.randn(shape, generator=torch.Generator().manual_seed(0))
    jaw = torch.zeros(shape[0], 3)
    jaw[EXPRESSION_INDEX["jawOpen"], 0] = 0.3
    yield replace(body, arkit=replace(body.arkit, coefficients=coefficients, jaw_rotvec=jaw))
    path.unlink()


def lowered(fit: BodyFit) -> BodyFit:
    """The person with lowered arms, turned a little, with a smile, in skin colour."""
    joint_rotvec = fit.joint_rotvec.clone()
    for joint, degrees in {
        "pelvis": (0, 20, 0), "left_shoulder": (0, 0, -60), "right_shoulder": (5, 0, 65), "left_elbow": (0, -40, 0),
        "head": (10, -5, 0),
    }.items():  # fmt: skip
        joint_rotvec[JOINT_INDEX[joint]] = torch.tensor(degrees).deg2rad()
    expression = fit.expression.clone()
    expression[43:45] = 0.3
    image = torch.tensor([0.8, 0.6, 0.5])[:, None, None].expand_as(fit.image).contiguous()
    return replace(fit, joint_rotvec=joint_rotvec, expression=expression, image=image)


@pytest.fixture(scope="session")
def fit(anny: AnnyBody) -> BodyFit:
    return lowered(person_fit(anny))


@pytest.fixture(scope="session")
def motion() -> Motion:
    """Three frames: at rest, speaking, and turned with blinking eyes."""
    made = poses(
        {},
        {"jawOpen": 0.7, "mouthFunnel": 0.4, "head": (0.1, 0.5, 0.0), "right_wrist": (0.3, 0.0, 0.2)},
        {
            "eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0, "eyeLookInLeft": 0.5, "jaw": (0.1, 0.02, 0.0),
            "spine2": (0.2, 0.1, 0.1), "left_index2": (0.0, 0.0, -0.6), "left_elbow": (0.0, -0.9, 0.0),
        },
    )  # fmt: skip
    return replace(made, translation=torch.tensor([[0.0, 0.0, 0.0], [0.02, 0.01, 0.0], [-0.05, 0.0, 0.1]]))
