"""Motions of training pairs: what speech does to face and body (`gestures`, `visemes`), and beyond it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float

from ..body.expression import motion_expression, pose_at
from ..datatypes import BodyFit, Motion
from ..motion.layout import MOTION_JOINTS, vector_to_motion
from ..names import EXPRESSION_INDEX, JOINT_INDEX
from ..rotation import compose_rotvec
from ..speech.espeak import Espeak
from .speakers import EspeakSpeaker
from .speech_corpus import FPS, label, record

_JOINT_INDEX = {name: i for i, name in enumerate(MOTION_JOINTS)}
_TURNS_DEG = {"neck": (7, 14, 5), "head": (8, 16, 6), "spine2": (2, 5, 2), "spine3": (2, 4, 2)}
"""Spread about x, y and z of what is added to a posture."""
_ARMS_DEG = 9.0


@dataclass(frozen=True, kw_only=True)
class MotionBank:
    """Some recordings that motions are cut from. Made by `MotionBank.speak`."""

    recordings: tuple[Float[np.ndarray, "_ d"], ...]
    """As `motion.layout` orders it, at `FPS`."""

    @classmethod
    def speak(cls, rng: np.random.Generator, *, count: int = 3, seconds: float = 20.0) -> MotionBank:
        """Let voices say sentences and move to them."""
        with Espeak(shared_process=True) as espeak:
            voices = [EspeakSpeaker.draw(espeak, rng, held_out=False) for _ in range(count)]
            return cls(recordings=tuple(label(record(voice, rng, seconds=seconds), rng) for voice in voices))

    def cut(self, rng: np.random.Generator, *, num_frames: int, wild: float) -> Motion:
        """Some consecutive frames.

        Args:
            wild: 0 for motions of speech; up to 1 for turned heads, wide open mouths and closed eyes beside them.
        """
        whole = self.recordings[int(rng.integers(len(self.recordings)))]
        start = int(rng.integers(len(whole) - num_frames + 1))
        motion = vector_to_motion(torch.from_numpy(whole[start : start + num_frames]).float(), MOTION_JOINTS, FPS)
        joints = motion.joint_rotvec * float(rng.uniform(0.7, 1.0 + 1.5 * wild))
        turn = torch.zeros(len(MOTION_JOINTS), 3)
        amount = wild * float(rng.uniform(0, 1.3))
        for name, spread in _TURNS_DEG.items():
            drawn = rng.normal(0, 1, 3).clip(-2, 2) * spread * amount
            turn[_JOINT_INDEX[name]] = torch.from_numpy(drawn).float().deg2rad()
        for name in MOTION_JOINTS:
            if name.endswith(("shoulder", "elbow", "wrist")):
                drawn = rng.normal(0, 0.6, 3).clip(-1.5, 1.5) * _ARMS_DEG * amount
                turn[_JOINT_INDEX[name]] = torch.from_numpy(drawn).float().deg2rad()
        expression = _wilder(motion.expression.clone(), wild, rng)
        shift = torch.from_numpy(rng.normal(0, 0.012 * wild, 3)).float()
        return Motion(
            fps=motion.fps,
            expression=expression.clamp(0, 1),
            joint_names=motion.joint_names,
            joint_rotvec=joints + turn,
            translation=motion.translation + shift,
        )


def stillness() -> Motion:
    """One frame in which nothing moves."""
    return Motion(
        fps=FPS,
        expression=torch.zeros(1, len(EXPRESSION_INDEX)),
        joint_names=(),
        joint_rotvec=torch.zeros(1, 0, 3),
        translation=torch.zeros(1, 3),
    )


def fit_at(fit: BodyFit, motion: Motion, t: int) -> BodyFit:
    """The body as frame `t` of a motion has it; picture and matte stay the photo's."""
    joint_rotvec, translation, expression = pose_at(fit, motion, t, t + 1)
    return replace(fit, joint_rotvec=joint_rotvec[0], translation=translation[0], expression=expression[0])


def motion_between(start: BodyFit, end: BodyFit) -> Motion:
    """The one-frame motion that carries a fit to another of the same body."""
    return Motion(
        fps=FPS,
        expression=motion_expression(start.expression, end.expression[None]),
        joint_names=tuple(JOINT_INDEX),
        joint_rotvec=compose_rotvec(-start.joint_rotvec, end.joint_rotvec)[None],
        translation=(end.translation - start.translation)[None],
    )


def join_motions(motions: Sequence[Motion]) -> Motion:
    """Motions of the same joints, one after the other."""
    tensors = ("expression", "joint_rotvec", "translation")
    return replace(motions[0], **{name: torch.cat([getattr(one, name) for one in motions]) for name in tensors})


def _wilder(expression: torch.Tensor, wild: float, rng: np.random.Generator) -> torch.Tensor:
    """Mouths wider open, eyes closed, smiles and brows, each now and then."""

    def put(names: tuple[str, ...], value: float) -> None:
        for name in names:
            channel = expression[:, EXPRESSION_INDEX[name]]
            torch.maximum(channel, torch.full_like(channel, value), out=channel)

    if rng.random() < 0.45 * wild:
        put(("jawOpen",), float(rng.uniform(0.15, 0.8)))
        if rng.random() < 0.5:
            put(("mouthLowerDownLeft", "mouthLowerDownRight"), float(rng.uniform(0.1, 0.5)))
            put(("mouthUpperUpLeft", "mouthUpperUpRight"), float(rng.uniform(0.05, 0.4)))
    if rng.random() < 0.35 * wild:
        put(("mouthSmileLeft", "mouthSmileRight"), float(rng.uniform(0.2, 0.8)))
    if rng.random() < 0.30 * wild:
        put(("eyeBlinkLeft", "eyeBlinkRight"), float(rng.uniform(0.4, 1.0)))
    if rng.random() < 0.2 * wild:
        put(("browInnerUp", "browOuterUpLeft", "browOuterUpRight"), float(rng.uniform(0.2, 0.8)))
    if rng.random() < 0.1 * wild:
        put(("mouthPucker",), float(rng.uniform(0.3, 0.8)))
    return expression
