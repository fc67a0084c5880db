"""The nouns refuse what they cannot mean."""

import math
from fractions import Fraction

import jaxtyping
import pytest
import torch

from vlogger_core.datatypes import Audio, Camera, Motion


def motion(frames: int = 4, **changed) -> Motion:
    fields = {
        "fps": Fraction(24),
        "expression": torch.zeros(frames, 52),
        "joint_names": ("neck", "head"),
        "joint_rotvec": torch.zeros(frames, 2, 3),
        "translation": torch.zeros(frames, 3),
    }
    return Motion(**{**fields, **changed})


def test_a_slice_keeps_the_clock():
    part = motion(10, translation=torch.arange(30.0).reshape(10, 3)).slice(2, 5)
    assert part.num_frames == 3
    assert part.fps == 24
    assert part.translation[0, 0] == 6


def test_unknown_joint_is_named():
    with pytest.raises(ValueError, match=r"must be SMPL-X joints\. Got tail"):
        motion(joint_names=("neck", "tail"))


def test_a_joint_stands_once():
    with pytest.raises(ValueError, match="must name each joint once"):
        motion(joint_names=("head", "head"))


def test_expressions_beyond_their_range_are_refused():
    with pytest.raises(ValueError, match=r"expression must lie in 0 to 1\. Got 0 to 7"):
        motion(expression=torch.nn.functional.pad(torch.zeros(4, 51), (0, 1), value=7.0))


def test_not_a_number_is_refused():
    with pytest.raises(ValueError, match="translation must be finite"):
        motion(translation=torch.full((4, 3), math.nan))


def test_unequal_lengths_are_refused(monkeypatch):
    # What a user meets, where no type checker stands in front.
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(ValueError, match=r"joint_rotvec must have the shape \(4, 2, 3\). Got \(3, 2, 3\)"):
        motion(joint_rotvec=torch.zeros(3, 2, 3))


def test_camera_sees_its_diagonal():
    camera = Camera(fov_deg=60.0, width=400, height=300)
    assert math.degrees(2 * math.atan(250 / camera.f_px)) == pytest.approx(60)
    assert camera.resized(800, 600).f_px == pytest.approx(2 * camera.f_px)


def test_audio_knows_its_length():
    assert Audio(waveform=torch.zeros(2, 8000), sample_rate=16000).duration_s == 0.5
