"""One count for stages that work at the same time."""

from __future__ import annotations

from ..progress import Progress


class CascadeProgress:
    """Progress of all stages as a number of frames, each stage weighted by the pixels that it works on."""

    def __init__(self, progress: Progress, num_frames: int) -> None:
        self._progress, self._num_frames = progress, num_frames
        self._shares: list[float] = []
        self._weights: list[int] = []

    def stage(self, steps: int, size: tuple[int, int], *, done: int = 0) -> Progress:
        """Where a stage reports to that takes so many steps at pictures of `size` (h, w), of which some are `done`."""
        index = len(self._shares)
        self._shares.append(done / max(1, self._num_frames))
        self._weights.append(steps * size[0] * size[1])

        def progress(done: int, total: int) -> None:
            self._shares[index] = max(self._shares[index], done / total)
            self.poll()

        return progress

    def poll(self, *_: object) -> None:
        """Report what is done so far. The last frame counts when `finish` tells of it."""
        share = sum(weight * share for weight, share in zip(self._weights, self._shares, strict=True))
        done = int(self._num_frames * share / max(1, sum(self._weights)))
        self._progress(min(done, self._num_frames - 1), self._num_frames)

    def finish(self) -> None:
        """Report that all is done."""
        self._progress(self._num_frames, self._num_frames)
