from fractions import Fraction

import torch

from vlogger_core.datatypes import Motion
from vlogger_core.motion.layout import MOTION_JOINTS, motion_dim, motion_to_vector, vector_to_motion


def test_round_trip():
    generator = torch.Generator().manual_seed(0)
    vector = torch.rand(5, motion_dim(MOTION_JOINTS), generator=generator)
    motion = vector_to_motion(vector, MOTION_JOINTS, Fraction(24))
    assert isinstance(motion, Motion)
    assert torch.equal(motion_to_vector(motion), vector)


def test_parts_lie_where_they_should():
    vector = torch.zeros(1, motion_dim(("neck", "head")))
    vector[0, 52 + 3] = 0.1
    vector[0, -1] = 0.2
    motion = vector_to_motion(vector, ("neck", "head"), Fraction(24))
    assert motion.joint_rotvec[0, 1].tolist() == [vector[0, 55].item(), 0, 0]
    assert motion.translation[0, 2] == vector[0, -1]
