"""Which frames are made together, and what each clip goes on from (temporal outpainting, paper section 3.2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ClipSpan:
    """The frames `[start, stop)`, of which those before `fresh` are known."""

    start: int
    fresh: int
    stop: int

    @property
    def known(self) -> int:
        return self.fresh - self.start


def num_known(clip_frames: int, overlap: float) -> int:
    """N - N': how many frames a clip of N frames takes over, at least one of them being new.

    Args:
        overlap: share of a clip, 0 to 0.9.
    """
    if not 0 <= overlap <= 0.9:
        raise ValueError(f"overlap must lie in 0 to 0.9. Got {overlap}.")
    return min(round(overlap * clip_frames), clip_frames - 1)


def clip_spans(num_frames: int, clip_frames: int, known: int, *, done: int = 0) -> Iterator[ClipSpan]:
    """N frames, then again and again N' more that go on from the last N - N'. The last clip may be shorter.

    Args:
        done: frames that are finished already, 0 or the `stop` of a span.
    """
    while done < num_frames:
        start = max(0, done - known)
        stop = min(num_frames, start + clip_frames)
        yield ClipSpan(start=start, fresh=done, stop=stop)
        done = stop
