"""Frames laid on a constant clock by their time stamps: phones, screen recorders and calls write them as they come."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from itertools import pairwise
from statistics import median

from ..clock import as_fps

OFF = 0.75
"""Frames from the place on the clock that is theirs, from which a video's rate counts as variable."""
UNEVEN = 0.25
"""Share of a frame by which steps between time stamps may differ from the usual one."""
SAME_RATE = 0.002
"""Rates that differ by less are the same, measured from time stamps in milliseconds."""
MAX_GAP_S = 10.0
"""Time stamps that leap further, or back, are wrong: the clock goes on from there."""
COMMON_RATES = tuple(as_fps(rate) for rate in ("24000/1001", 24, 25, "30000/1001", 30, 50, "60000/1001", 60, 120))


def usual_rate(times_s: Iterable[Fraction], average: Fraction) -> Fraction:
    """The frame rate of most frames of a video: its average, unless some frames come late or are missing.

    Args:
        times_s: when some frames in a row are shown, in any order.
        average: over the whole video.
    """
    times = sorted(times_s)
    steps = [float(b - a) for a, b in pairwise(times) if b > a]
    if len(steps) < 8:
        return average
    middle = median(steps)
    near = [step for step in steps if abs(step - middle) <= UNEVEN * middle]
    rate = len(near) / sum(near)
    if abs(rate / float(average) - 1) <= SAME_RATE or len(near) < 0.5 * len(steps):
        return average
    common = min(COMMON_RATES, key=lambda known: abs(float(known) / rate - 1))
    return common if abs(float(common) / rate - 1) <= 5 * SAME_RATE else Fraction(rate).limit_denominator(1001)


class FrameClock:
    """How often each frame is to be shown on a constant clock.

    Frames that come about when they should are each shown once, whatever their time stamps say exactly. From the first
    that does not on, each place of the clock shows the frame whose time stamp is nearest to it or, if there is none,
    the one before.
    """

    def __init__(self, fps: Fraction) -> None:
        self.fps = fps
        self.is_even = True
        """Whether all frames so far came when they should."""
        self.shown = 0
        """How many places of the clock the frames before the latest fill."""
        self._offset = Fraction(0)

    def repeats(self, time_s: Fraction | None) -> int:
        """How often the frame before is to be shown, now that the next one is known to come at `time_s`.

        0 leaves it out. `time_s` counts from the first frame; None where the file does not say.
        """
        self.shown += (count := self._repeats(time_s))
        return count

    def _repeats(self, time_s: Fraction | None) -> int:
        due = self.shown + 1
        if time_s is None:
            return 1
        place = (time_s + self._offset) * self.fps
        if not -1 <= float(place - due) / float(self.fps) <= MAX_GAP_S:
            self._offset += Fraction(due) / self.fps - (time_s + self._offset)
            return 1
        if self.is_even and abs(place - due) <= OFF:
            return 1
        self.is_even = False
        return max(0, round(place) - self.shown)
