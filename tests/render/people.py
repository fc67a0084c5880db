"""A whole person to render: the average body, standing before the camera with its arms stretched out."""

from __future__ import annotations

from fractions import Fraction

import torch

from vlogger_core.body.anny_model import AnnyBody
from vlogger_core.datatypes import BodyFit, Camera, Motion
from vlogger_core.names import EXPRESSION_INDEX, JOINT_INDEX

HEAD_HEIGHT_M = 0.66
"""Of the face above the pelvis."""


def person_fit(body: AnnyBody, *, close: bool = False, size: tuple[int, int] = (360, 320)) -> BodyFit:
    """The whole person 3.6 m away or, `close`, head and shoulders at 1 m."""
    h, w = size
    place = (0.0, -HEAD_HEIGHT_M, -1.0) if close else (0.0, 0.1, -3.6)
    return BodyFit(
        model=body,
        shape=body.mean_shape(),
        joint_rotvec=torch.zeros(55, 3),
        translation=torch.tensor(place),
        expression=torch.zeros(52),
        camera=Camera(fov_deg=45.0, width=w, height=h),
        image=torch.full((3, h, w), 0.5),
        mask=torch.ones(h, w),
    )


def poses(*frames: dict[str, tuple[float, float, float] | float]) -> Motion:
    """A motion whose frames name the joints (radians) and the expressions that are not at rest."""
    joints = sorted({name for frame in frames for name in frame if name in JOINT_INDEX})
    joint_rotvec, expression = torch.zeros(len(frames), len(joints), 3), torch.zeros(len(frames), 52)
    for t, frame in enumerate(frames):
        for name, value in frame.items():
            if name in JOINT_INDEX:
                joint_rotvec[t, joints.index(name)] = torch.tensor(value)
            else:
                expression[t, EXPRESSION_INDEX[name]] = torch.tensor(value)
    return Motion(
        fps=Fraction(25),
        expression=expression,
        joint_names=tuple(joints),
        joint_rotvec=joint_rotvec,
        translation=torch.zeros(len(frames), 3),
    )
