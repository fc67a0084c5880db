"""Which tracked clips are fit to be learned from (paper section 3.3), and what is wrong with the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..body.landmarks import PhotoLandmarks
from ..body.track import Track
from ..datatypes import Audio
from ..render.fill import box_max

BACKGROUND_CHANGE = 0.05
"""Brightness by which the background may change between its median picture and a frame, at nine pixels in ten."""
MISSING_SHARE, CUT_SHARE = 0.05, 0.10
"""Frames without a face, and with a face that reaches beyond the picture."""
JITTER = 0.035
"""How far the head's points may jump to and fro between frames, in distances between the eyes."""
HAND_CONFIDENCE = 0.3
SOUND_DB = 15.0
"""Between the loud and the quiet parts of speech in a quiet room; noise and music have less."""
CLIPPED_SHARE = 0.005
_BLOCK_S = 0.05
_PERSON = 0.1


@dataclass(frozen=True, kw_only=True)
class Demands:
    """What may be left out."""

    hands: bool = True
    sound: bool = True


def why_not(
    frames: Float[Tensor, "t 3 h w"],
    landmarks: Sequence[PhotoLandmarks],
    track: Track,
    person: Float[Tensor, "h w"],
    audio: Audio | None,
    demands: Demands,
) -> str | None:
    """The first reason to reject a clip, None if it can be used.

    Args:
        frames: small pictures will do.
        person: how much of each of their pixels shows the person in any frame.
    """
    checks = (
        lambda: background_moves(frames, person),
        lambda: face_is_partial(landmarks, track),
        lambda: head_jitters(landmarks),
        lambda: hands_never_seen(landmarks, track) if demands.hands else None,
        lambda: sound_is_poor(audio) if demands.sound else None,
    )
    return next((reason for check in checks if (reason := check())), None)


def background_moves(frames: Float[Tensor, "t 3 h w"], person: Float[Tensor, "h w"]) -> str | None:
    """Compare what never shows the person with its median over time."""
    margin = max(2, round(0.03 * min(person.shape)))
    free = box_max(person[None], (margin, margin), (margin, margin))[0] < _PERSON
    if free.float().mean() < 0.02:
        return None
    grey = frames[:, :, free].mean(1)
    change = (grey - grey.median(0).values).abs().quantile(0.9, dim=1)
    worst = float(change.max())
    if worst > BACKGROUND_CHANGE:
        frame = int(change.argmax())
        return f"the background changes by {worst:.2f} in frame {frame} (up to {BACKGROUND_CHANGE} is allowed)"
    return None


def face_is_partial(landmarks: Sequence[PhotoLandmarks], track: Track) -> str | None:
    """Frames in which the face is not seen, or not whole."""
    missing = float(track.missing.float().mean())
    if missing > MISSING_SHARE:
        return f"the face is not seen in {missing:.0%} of the frames (up to {MISSING_SHARE:.0%} is allowed)"
    seen = [points for points in landmarks if points.face[:, 2].any()]
    cut = sum(not _inside(points) for points in seen) / max(1, len(seen))
    if cut > CUT_SHARE:
        return f"the face reaches beyond the picture in {cut:.0%} of the frames (up to {CUT_SHARE:.0%} is allowed)"
    return None


def _inside(points: PhotoLandmarks) -> bool:
    left, top, right, bottom = points.face_box
    return left >= 0 and top >= 0 and right <= points.width and bottom <= points.height


def head_jitters(landmarks: Sequence[PhotoLandmarks]) -> str | None:
    """Points that jump to and fro move against the mean of their neighbours in time."""
    seen = [points for points in landmarks if points.face[:, 2].any()]
    if len(seen) < 5:
        return "fewer than five frames show the face"
    middles = torch.stack([points.face[:468, :2].mean(0) / points.eye_distance for points in seen])
    jumps = (middles[1:-1] - (middles[:-2] + middles[2:]) / 2).norm(dim=1)
    usual = float(jumps.square().mean().sqrt())
    if usual > JITTER:
        return f"the detected face jitters by {usual:.3f} eye distances (up to {JITTER} is allowed)"
    return None


def hands_never_seen(landmarks: Sequence[PhotoLandmarks], track: Track) -> str | None:
    """Hands that hold something, or are never in the picture, are never detected."""
    told = max(float(track.confidence[name].max()) for name in ("left_hand", "right_hand"))
    found = any(points.left_hand[:, 2].any() or points.right_hand[:, 2].any() for points in landmarks)
    return None if found and told > HAND_CONFIDENCE else "no hand is seen in any frame"


def sound_is_poor(audio: Audio | None) -> str | None:
    """Silence, noise, or a microphone that was overdriven."""
    if audio is None:
        return "it has no sound"
    mono = audio.waveform.mean(0)
    block = max(1, round(_BLOCK_S * audio.sample_rate))
    if len(mono) < 4 * block:
        return "its sound is too short to judge"
    power = mono[: len(mono) // block * block].reshape(-1, block).square().mean(1).clamp(min=1e-10)
    loud, quiet = (10 * torch.log10(power.quantile(q)) for q in (0.9, 0.1))
    if loud < -50:
        return f"its sound is nearly silent ({float(loud):.0f} dB)"
    if loud - quiet < SOUND_DB:
        return f"its speech stands out of the noise by {float(loud - quiet):.0f} dB only ({SOUND_DB:.0f} are wanted)"
    clipped = float((mono.abs() > 0.995).float().mean())
    return f"{clipped:.1%} of its sound is clipped" if clipped > CLIPPED_SHARE else None
