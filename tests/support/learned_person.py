"""A clip of a ball that talks, as the tracker would give it, whose colours the warp does not have."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tests.render.bodies import ball_fit, head_motion
from vlogger_core.body.landmarks import (
    BODY_POINTS,
    CASCADE,
    NUM_FACE_POINTS,
    NUM_HAND_POINTS,
    PhotoLandmarks,
    no_points,
)
from vlogger_core.body.track import Track
from vlogger_core.data.video_clips import TrackedClip
from vlogger_core.render.preview import render_preview
from vlogger_core.train.personalise_clip import PersonClip

SIZE = (80, 64)


def made_up_clip(num_frames: int = 25) -> PersonClip:
    """The first frame is the photo; from then on the person is redder than the photo tells."""
    fit = ball_fit(*SIZE)
    turns = [[0.0, 0.3 * torch.sin(torch.tensor(0.4 * t)).item(), 0.0] for t in range(num_frames)]
    motion = head_motion(turns, jaw_open=0.2)
    with torch.no_grad():
        frames = [redder(frame, t) for t, frame in enumerate(render_preview(fit, motion, size=SIZE))]
    points = PhotoLandmarks(
        width=SIZE[1],
        height=SIZE[0],
        face=_round_the_middle(),
        body=no_points(len(BODY_POINTS)),
        left_hand=no_points(NUM_HAND_POINTS),
        right_hand=no_points(NUM_HAND_POINTS),
        source=CASCADE,
    )
    track = Track(
        fit=fit, motion=motion, confidence={}, missing=torch.zeros(num_frames, dtype=torch.bool), reference_frame=0
    )
    pixels = [(frame.clamp(0, 1) * 255).round().byte() for frame in frames]
    return PersonClip(tracked=TrackedClip(name="ball", track=track, pixels=pixels, landmarks=[points] * num_frames))


def redder(frame: Tensor, t: int) -> Tensor:
    return frame if t == 0 else torch.cat((frame[:1] * 0.6 + 0.4, frame[1:] * 0.7))


def _round_the_middle() -> Tensor:
    """Face points where the ball is."""
    angle = torch.linspace(0, 2 * math.pi, NUM_FACE_POINTS)
    x, y = SIZE[1] / 2 + 12 * angle.cos(), SIZE[0] / 2 + 12 * angle.sin()
    return torch.stack((x, y, torch.ones(NUM_FACE_POINTS)), 1)
