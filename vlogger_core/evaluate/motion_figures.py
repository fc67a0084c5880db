"""Sampled motions beside what was asked of them, one function for each kind of figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..data.lag import MOST_LAG, correlation, lagged_correlations
from ..datatypes import Motion
from ..motion.layout import FINGER_JOINTS
from ..names import EXPRESSION_INDEX
from .motion_metrics import (
    FAR,
    NEAR,
    blinks,
    closures_hit,
    false_presses,
    jerk,
    spread,
)
from .motion_sets import ESPEAK, FLITE, RECORDING, SpokenClip, is_noisy, is_singing
from .table import Figure

JAW, JAW_GPU = {ESPEAK: 0.90, FLITE: 0.82}, {ESPEAK: 0.92, FLITE: 0.85}
ABOVE_LOUDNESS = 0.05
"""What jawOpen of a real recording must gain over loudness alone."""
HITS, HITS_GPU = {ESPEAK: 82.0, FLITE: 65.0}, {ESPEAK: 88.0, FLITE: 78.0}
FALSE = {ESPEAK: 2.0, FLITE: 4.0}
SPREAD, JERK = (0.7, 1.2), 1.3
BLINKS_SPEAKING, BLINKS_SILENT = (15.0, 30.0), (8.0, 25.0)
LEAST_MINUTES = 1.0
"""A rate of blinks is only told where fewer minutes were counted."""
JAW_IN_SILENCE, JAW_IN_NOISE = 0.35, 0.5
STILL = 1e-3
"""A channel that deviates less was not captured."""

CHANNELS = {
    "jawOpen": ("jawOpen",),
    "mouthPress": ("mouthPressLeft", "mouthPressRight"),
    "mouthPucker": ("mouthPucker",),
    "mouthFunnel": ("mouthFunnel",),
    "mouthRoll": ("mouthRollLower", "mouthRollUpper"),
    "lids": ("eyeBlinkLeft", "eyeBlinkRight"),
}
"""Figures' own names of expressions and the coefficients whose mean they are."""
_SIDES = ("left", "right")
ARMS = tuple(f"{side}_{joint}" for side in _SIDES for joint in ("shoulder", "elbow"))
WRISTS = tuple(f"{side}_wrist" for side in _SIDES)
Part = Callable[[Motion], Float[np.ndarray, "t d"] | None]


@dataclass(frozen=True, kw_only=True)
class Sampled:
    """A clip, the motions that the model makes of it, and those of the generator that taught the model, if any."""

    clip: SpokenClip
    motions: Sequence[Motion]
    designed: Sequence[Motion] = ()


def channel(expression: Float[np.ndarray, "t 52"], name: str) -> Float[np.ndarray, " t"]:
    """One of `CHANNELS`."""
    return expression[:, [EXPRESSION_INDEX[full] for full in CHANNELS[name]]].mean(axis=1)


def generated(motion: Motion, name: str) -> Float[np.ndarray, " t"]:
    """One of `CHANNELS` of a motion."""
    return channel(motion.expression.double().numpy(), name)


def joints(*names: str) -> Part:
    """The rotation vectors of some joints in radians; None of a motion that lacks one."""

    def part(motion: Motion) -> Float[np.ndarray, "t d"] | None:
        if not set(names) <= set(motion.joint_names):
            return None
        places = [motion.joint_names.index(name) for name in names]
        return motion.joint_rotvec[:, places].flatten(1).double().numpy()

    return part


def head(motion: Motion) -> Float[np.ndarray, "t 3"] | None:
    """How the head is turned on the shoulders: small rotations, added."""
    both = joints("neck", "head")(motion)
    return None if both is None else both[:, :3] + both[:, 3:]


def gaze(motion: Motion) -> Float[np.ndarray, "t 4"]:
    """How far each eye looks outwards and down."""
    expression = motion.expression.double().numpy()
    pairs = [
        (f"eyeLook{one}{side}", f"eyeLook{other}{side}")
        for side in ("Left", "Right")
        for one, other in (("Out", "In"), ("Down", "Up"))
    ]
    return np.stack([expression[:, EXPRESSION_INDEX[a]] - expression[:, EXPRESSION_INDEX[b]] for a, b in pairs], axis=1)


def lids(motion: Motion) -> Float[np.ndarray, "t 1"]:
    return generated(motion, "lids")[:, None]


def correlation_figures(sampled: Sequence[Sampled], on: str, asked: float | None) -> list[Figure]:
    """jawOpen against the truth, of loudness alone, and of the lips' other channels, silences of a second left out.

    Mean over clips and motions.
    """
    rows = []
    for name in ("jawOpen", "mouthPress", "mouthPucker", "mouthFunnel", "mouthRoll"):
        made, alone = [], []
        for item in sampled:
            spoken = ~item.clip.listening
            truth = np.zeros(0) if item.clip.expression is None else channel(item.clip.expression, name)[spoken]
            if len(truth) and truth.std() > STILL:
                made += [correlation(generated(motion, name)[spoken], truth) for motion in item.motions]
                alone.append(correlation(np.sqrt(item.clip.level[spoken]), truth))
        if name != "jawOpen":
            rows.append(Figure(what=f"{name} correlation", on=on, reached=_mean(made), unit="r"))
            continue
        loud = _mean(alone)
        if on.startswith(RECORDING) and loud is not None:
            asked = loud + ABOVE_LOUDNESS
        rows += [
            Figure(what="jawOpen correlation", on=on, reached=_mean(made), unit="r", asked=asked, at_least=True),
            Figure(what="  of loudness alone", on=on, reached=loud, unit="r", note="the root of its RMS over 80 ms"),
        ]
    return rows


def closure_figures(sampled: Sequence[Sampled], on: str, hits: float | None, false: float | None) -> list[Figure]:
    """Closures that are seen, and shut lips where there is none, counted in all frames, for 100 of speech."""
    hit = closures = wrong = frames = 0
    for item in sampled:
        for motion in item.motions:
            press = generated(motion, "mouthPress")
            hit += closures_hit(press, item.clip.closures)
            closures += len(item.clip.closures)
            wrong += false_presses(press, item.clip.closures)
            frames += int((~item.clip.listening).sum())
    distinct = sum(len(item.clip.closures) for item in sampled)
    return [
        Figure(
            what="lip closures hit", on=on, reached=100 * hit / closures if closures else None, unit="%", asked=hits,
            at_least=True, note=f"of {distinct} p, b, m; within {NEAR} frame",
        ),
        Figure(
            what="false lip closures", on=on, reached=100 * wrong / frames if frames else None, unit="per 100 frames",
            asked=false, note=f"more than {FAR} frames from any",
        ),
    ]  # fmt: skip


def lag_figure(sampled: Sequence[Sampled], on: str) -> Figure:
    """How many frames jawOpen comes too late or too early."""
    curves = [
        lagged_correlations(generated(motion, "jawOpen"), channel(item.clip.expression, "jawOpen"))
        for item in sampled
        if item.clip.expression is not None
        for motion in item.motions
    ]
    lag = int(np.nan_to_num(np.mean(curves, axis=0), nan=-1.0).argmax()) - MOST_LAG
    note = "in step" if lag == 0 else "the motion is late" if lag > 0 else "the motion is early"
    return Figure(what="best audio-motion lag", on=on, reached=float(abs(lag)), unit="frames", asked=1.0, note=note)


def spread_figures(sampled: Sequence[Sampled], on: str) -> list[Figure]:
    """How much is moved, beside the generator's motion for the same speech."""
    parts: dict[str, Part] = {
        "head": head,
        "gaze": gaze,
        "blink": lids,
        "hands": joints(*ARMS, *WRISTS, *FINGER_JOINTS),
    }
    told: dict[str, Part] = {
        "  of them arms": joints(*ARMS),
        "  wrists": joints(*WRISTS),
        "  fingers": joints(*FINGER_JOINTS),
    }
    low, high = SPREAD
    rows = []
    for name, part in {**parts, **told}.items():
        reached, data = (_over(spread, part, sampled, which) for which in ("motions", "designed"))
        rows.append(
            Figure(
                what=f"deviation of {name}" if name in parts else name, on=on, reached=_ratio(reached, data),
                unit="of data", asked=low if name in parts else None, up_to=high, note=_missing(reached, data),
            )
        )  # fmt: skip
    return rows


def jerk_figures(sampled: Sequence[Sampled], on: str, reference: Sequence[Sampled]) -> list[Figure]:
    """How restless head and hands are, beside the generator's motion for the speech of `reference`."""
    rows = []
    parts: dict[str, Part] = {"head": head, "hands": joints(*ARMS, *WRISTS, *FINGER_JOINTS)}
    for name, part in parts.items():
        reached, data = _over(jerk, part, sampled, "motions"), _over(jerk, part, reference, "designed")
        note = _missing(reached, data)
        if reached is None and name == "hands":
            arms = _ratio(
                _over(jerk, joints(*ARMS), sampled, "motions"), _over(jerk, joints(*ARMS), reference, "designed")
            )
            note = f"{note}, its arms reach {arms:.3g}" if arms is not None else note
        rows.append(
            Figure(what=f"jerk of {name}", on=on, reached=_ratio(reached, data), unit="of data", asked=JERK, note=note)
        )
    return rows


def blink_figures(sampled: Sequence[Sampled], on: str) -> list[Figure]:
    """Blinks a minute while somebody speaks, breaks included, and in silences of a second and more."""
    rows = []
    for what, (low, high), silent in (("speaking", BLINKS_SPEAKING, False), ("silent", BLINKS_SILENT, True)):
        made, minutes = _blink_rate(sampled, "motions", silent=silent)
        data, _ = _blink_rate(sampled, "designed", silent=silent)
        note = f"in {minutes:.1f} min" + ("" if data is None else f"; the data's own: {data:.3g}")
        rows.append(
            Figure(
                what=f"blinks, {what}", on=on, reached=made, unit="a minute",
                asked=low if minutes >= LEAST_MINUTES else None, up_to=high, note=note,
            )
        )  # fmt: skip
    return rows


def _blink_rate(sampled: Sequence[Sampled], which: str, *, silent: bool) -> tuple[float | None, float]:
    """Blinks a minute, and the minutes in which they were counted."""
    count = minutes = 0.0
    for item in sampled:
        there = item.clip.listening == silent
        for motion in getattr(item, which):
            count += float(blinks(generated(motion, "lids"))[there].sum())
            minutes += float(there.sum() / motion.fps / 60)
    return (count / minutes if minutes > 0 else None), minutes


def silence_figure(sampled: Sequence[Sampled], on: str, *, asked: bool) -> Figure:
    """How far the jaw hangs while nobody speaks; asked of clips with silence in them that are not sung."""
    ratios = []
    for which in ("motions", "designed"):
        quiet, loud = [], []
        for item in sampled:
            for motion in getattr(item, which):
                jaw = generated(motion, "jawOpen")
                quiet.append(jaw[item.clip.silent])
                loud.append(jaw[~item.clip.silent])
        ratios.append(_ratio(_mean_all(quiet), _mean_all(loud)))
    name = sampled[0].clip.name
    most = JAW_IN_NOISE if is_noisy(name) else JAW_IN_SILENCE
    silence_s = sum(float(item.clip.silent.sum() / item.clip.features.fps) for item in sampled)
    note = f"{silence_s:.1f} s of silence" + ("" if ratios[1] is None else f"; the data's own: {ratios[1]:.3g}")
    return Figure(
        what="jawOpen in silence over speech", on=on, reached=ratios[0], unit="x",
        asked=most if asked and silence_s > 0 and not is_singing(name) else None, note=note,
    )  # fmt: skip


def _over(
    measure: Callable[[Float[np.ndarray, "s t d"]], float], part: Part, sampled: Sequence[Sampled], which: str
) -> float | None:
    """Root mean square of a measure over the clips; None if a motion lacks the part."""
    values = []
    for item in sampled:
        found = [part(motion) for motion in getattr(item, which)]
        there = [values for values in found if values is not None]
        if not there or len(there) < len(found):
            return None
        values.append(measure(np.stack(there)))
    return float(np.sqrt(np.mean(np.square(values)))) if values else None


def _missing(reached: float | None, data: float | None) -> str:
    if reached is None:
        return "this model lacks some of its joints"
    return "" if data is not None else "the corpus does not move some of its joints"


def _ratio(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None or b <= 0 else a / b


def _mean(values: Sequence[float]) -> float | None:
    """Mean where what does not move at all correlates with nothing; None of nothing."""
    return float(np.nan_to_num(values).mean()) if len(values) else None


def _mean_all(pieces: Sequence[Float[np.ndarray, " n"]]) -> float | None:
    values = np.concatenate(pieces) if pieces else np.zeros(0)
    return float(values.mean()) if len(values) else None
