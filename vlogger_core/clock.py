"""The one clock: which audio samples belong to which video frame.

Frame `i` at `fps` covers the samples `[frame_start(i), frame_start(i + 1))`. Every position is computed from the
frame index in integers, so nothing drifts however long the video is.
"""

from fractions import Fraction

from .errors import InputError

MIN_FPS, MAX_FPS = 8, 120


def as_fps(fps: Fraction | float | int | str) -> Fraction:
    """Return `fps` as an exact fraction; 23.976 and its kin become n * 1000 / 1001.

    Raises:
        InputError: if `fps` lies outside 8 to 120.
    """
    exact = Fraction(fps)
    for broadcast in (Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001)):
        if abs(exact - broadcast) < Fraction(1, 1000):
            exact = broadcast
    exact = exact.limit_denominator(1001)
    check_fps(exact)
    return exact


def check_fps(fps: Fraction) -> None:
    """Refuse a frame rate at which no video is made.

    Raises:
        InputError: if `fps` lies outside 8 to 120.
    """
    if not MIN_FPS <= fps <= MAX_FPS:
        raise InputError(f"fps must lie in {MIN_FPS} to {MAX_FPS}. Got {float(fps):g}: set the video's frame rate.")


def frame_start(frame: int, sample_rate: int, fps: Fraction) -> int:
    """First audio sample of a frame: floor(frame * sample_rate / fps)."""
    return frame * sample_rate * fps.denominator // fps.numerator


def num_frames(num_samples: int, sample_rate: int, fps: Fraction) -> int:
    """Frames that cover all samples: ceil(duration * fps)."""
    return -(-num_samples * fps.numerator // (sample_rate * fps.denominator))
