from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from torch import Tensor

from vlogger_core.datatypes import Motion
from vlogger_core.errors import InputError
from vlogger_core.motion.face_backend import FaceBackend, wear_face
from vlogger_core.motion.lam_face import LamFace
from vlogger_core.motion.sampler import sample_motion, sample_variations
from vlogger_core.names import ARKIT_EXPRESSIONS, EXPRESSION_INDEX
from vlogger_core.progress import Progress, silent

from .tiny_motion import tiny_features, tiny_model


class Ramp:
    """A face whose every channel opens from 0 to 1 over the speech."""

    name = "Ramp"

    def expression(self, speech_16k: Tensor, fps: Fraction, num_frames: int, progress: Progress = silent) -> Tensor:
        progress(num_frames, num_frames)
        return torch.linspace(0, 1, num_frames)[:, None].expand(-1, 52)


def motion(num_frames: int) -> Motion:
    return Motion(
        fps=Fraction(24),
        expression=torch.full((num_frames, 52), 0.25),
        joint_names=("head",),
        joint_rotvec=torch.ones(num_frames, 1, 3),
        translation=torch.ones(num_frames, 3),
    )


@pytest.mark.parametrize("brows_move", [True, False])
def test_eyes_stay_and_brows_stay_if_the_others_do_not_move(brows_move: bool) -> None:
    own = motion(10)
    heard = torch.rand(10, 52, generator=torch.Generator().manual_seed(0))
    brows = [i for i, name in enumerate(ARKIT_EXPRESSIONS) if name.startswith("brow")]
    if not brows_move:
        heard[:, brows] = 0.01
    worn = wear_face(own, heard)
    for i, name in enumerate(ARKIT_EXPRESSIONS):
        kept = name.startswith("eye") or (name.startswith("brow") and not brows_move)
        assert torch.equal(worn.expression[:, i], (own.expression if kept else heard)[:, i]), name
    assert torch.equal(worn.joint_rotvec, own.joint_rotvec)
    assert torch.equal(own.expression, motion(10).expression)


def test_every_variation_wears_the_face() -> None:
    features = replace(tiny_features(20), waveform=torch.zeros(13000))
    own = sample_variations(tiny_model(), features, seeds=[1, 2], steps=2)
    worn = sample_variations(replace(tiny_model(), face=Ramp()), features, seeds=[1, 2], steps=2)
    for bare, dressed in zip(own, worn, strict=True):
        assert torch.equal(dressed.expression[:, EXPRESSION_INDEX["jawOpen"]], torch.linspace(0, 1, 20))
        assert torch.equal(dressed.joint_rotvec, bare.joint_rotvec)
        blink = EXPRESSION_INDEX["eyeBlinkLeft"]
        assert torch.equal(dressed.expression[:, blink], bare.expression[:, blink])


def test_a_face_needs_the_sound() -> None:
    with pytest.raises(InputError, match="Ramp hears the sound itself, and these features came without it"):
        sample_motion(replace(tiny_model(), face=Ramp()), tiny_features(20), seed=0, steps=2)


def test_backends_are_recognised() -> None:
    assert isinstance(Ramp(), FaceBackend)
    assert isinstance(LamFace(infer=lambda heard: heard), FaceBackend)
