"""A cascade small enough for tests, and somebody to film."""

from __future__ import annotations

from tests.render.bodies import ball_fit, head_motion
from tests.video.tiny_video import tiny_config, tiny_network, tiny_upscaler_config
from vlogger_core.datatypes import BodyFit, Motion
from vlogger_core.video.cascade import CascadeSettings
from vlogger_core.video.models import VideoModels
from vlogger_core.video.sampler import SamplerSettings

SETTINGS = CascadeSettings(base=SamplerSettings(steps=2), upscalers=SamplerSettings(steps=1))


def tiny_models(*, trained: bool = True) -> VideoModels:
    """16, 32 and 64 pixels."""
    return VideoModels(
        base=tiny_network(tiny_config(), trained=trained),
        upscalers=(
            tiny_network(tiny_upscaler_config(clip_frames=3), trained=trained),
            tiny_network(tiny_config(**UPSCALER_64), trained=trained),
        ),
    )


UPSCALER_64 = {"size": 64, "upscale": 2, "patch": 8, "coarse": 4, "control_entry": "input", "clip_frames": 2}


def somebody(num_frames: int = 7, size: tuple[int, int] = (80, 64)) -> tuple[BodyFit, Motion]:
    """A ball that turns."""
    return ball_fit(*size), head_motion([[0.0, 0.03 * t, 0.0] for t in range(num_frames)], jaw_open=0.3)
