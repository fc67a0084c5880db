import pytest

from vlogger_core.video.config import EMBEDDED_256, EMBEDDED_512, EMBEDDED_BASE, SD15, VideoConfig


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 130}, r"size must be a multiple of patch, 4. Got 130"),
        ({"coarse": 3}, r"coarse must be a divisor of patch"),
        ({"upscale": 3}, r"size must be a multiple of upscale, 3"),
        ({"temporal_kernel": 2}, r"temporal_kernel must be odd. Got 2"),
        ({"channels": (64, 100, 128)}, r"channels must be multiples of groups, 16. Got 100"),
        ({"attention": (True,)}, r"attention must be as many values as channels. Got 1"),
        ({"prediction": "noise", "compose": False}, r"prediction must be one of x0, epsilon, v. Got noise"),
        ({"prediction": "epsilon"}, r"prediction must be x0 for a composing model. Got epsilon"),
        ({"temperature": 2.0}, r"temperature must be 0 to 1. Got 2"),
        ({"still": 0.1, "prediction": "v", "compose": False}, r"still must be 0 but for pixels. Got 0.1"),
        ({"clip_frames": 0}, r"clip_frames must be at least 1"),
    ],
)
def test_refuses_what_cannot_be(changes: dict, message: str):
    with pytest.raises(ValueError, match=message):
        VideoConfig(**changes)


def test_the_cascade_fits_together():
    assert EMBEDDED_BASE.size * EMBEDDED_256.upscale == EMBEDDED_256.size
    assert EMBEDDED_256.size * EMBEDDED_512.upscale == EMBEDDED_512.size
    assert (EMBEDDED_BASE.signal_channels, SD15.signal_channels) == (48, 4)
