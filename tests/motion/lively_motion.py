"""A motion in which everything moves, and what was said meanwhile, with every part known."""

from fractions import Fraction

import numpy as np
import torch

from vlogger_core.datatypes import Motion, SpeechFeatures
from vlogger_core.names import ARKIT_EXPRESSIONS, EXPRESSION_INDEX, SMPLX_JOINTS

FPS = 24
BLINK = torch.tensor([0.56, 1.0, 0.9, 0.63, 0.31, 0.07])
LID = 0.03


def lively(seconds: float = 20.0, *, blinks_s: tuple[float, ...] = (), seed: int = 0) -> Motion:
    """Slow sways of all joints and channels, head within 12 degrees; blinks with their peaks at the given times."""
    frames = round(seconds * FPS)
    generator = torch.Generator().manual_seed(seed)
    times_s = torch.arange(frames) / FPS

    def sway(*shape: int) -> torch.Tensor:
        hz = 0.2 + 0.6 * torch.rand(*shape, generator=generator)
        phase = 6.28 * torch.rand(*shape, generator=generator)
        return torch.sin(6.28 * hz * times_s.view(-1, *[1] * len(shape)) + phase)

    expression = 0.5 + 0.4 * sway(52)
    expression[:, _of("eyeLook")] = 0.05 * sway(8).clamp(min=0)
    expression[:, _of("eyeWide")] = 0
    expression[:, _of("eyeBlink")] = LID
    expression[:, _of("eyeSquint")] = 0.1
    close, jaw = EXPRESSION_INDEX["mouthClose"], EXPRESSION_INDEX["jawOpen"]
    expression[:, close] = torch.minimum(expression[:, close], expression[:, jaw])
    for time_s in blinks_s:
        put_blink(expression, round(time_s * FPS))
    return Motion(
        fps=Fraction(FPS),
        expression=expression,
        joint_names=SMPLX_JOINTS,
        joint_rotvec=0.03 * sway(55, 3),
        translation=0.01 * sway(3),
    )


def put_blink(expression: torch.Tensor, peak: int, depth: float = 1.0) -> None:
    """Lay a blink over the lids, with the squint that belongs to it."""
    shape = depth * BLINK[: len(expression) - peak + 1]
    lids = expression[peak - 1 : peak - 1 + len(shape)]
    lids[:, _of("eyeBlink")] = torch.maximum(lids[:, _of("eyeBlink")], shape[:, None])
    lids[:, _of("eyeSquint")] += 0.25 * shape[:, None]


def said(pauses_s: tuple[tuple[float, float], ...], seconds: float = 20.0, *, noise: float = 0.0) -> SpeechFeatures:
    """Features of syllables, four a second, except in the pauses; `noise` is the power of a steady hiss."""
    rng = np.random.default_rng(0)
    times_s = (np.arange(round(seconds * FPS * 4)) + 0.5) / (FPS * 4)
    power = 0.02 + 3.0 * np.sin(np.pi * 4 * times_s) ** 2
    for start_s, end_s in pauses_s:
        power[(times_s >= start_s) & (times_s < end_s)] = 0
    power = power[:, None] * rng.uniform(0.2, 1.8, (1, 80)) + noise * rng.uniform(0.5, 1.5, (len(times_s), 80))
    features = (np.log(power + 1e-2) + 2.6) / 2.5
    return SpeechFeatures(
        features=torch.from_numpy(features.reshape(-1, 320)).float(), fps=Fraction(FPS), kind="mel80x4"
    )


def _of(prefix: str) -> list[int]:
    return [index for index, name in enumerate(ARKIT_EXPRESSIONS) if name.startswith(prefix)]
