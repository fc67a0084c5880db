"""Collects how far made videos are from the true one, frame by frame, for each region."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from jaxtyping import Bool, Float
from torch import Tensor

from .image_metrics import gradient_similarity, mean_difference, ms_ssim, psnr, ssim
from .reenact_regions import REGIONS

METRICS = ("PSNR", "SSIM", "MS-SSIM", "L1", "gradient similarity", "flicker")
"""The last two: see `image_metrics.gradient_similarity`; and how far the difference of consecutive frames is from the
true one, a mean of values of 0 to 1."""
LPIPS = "LPIPS"

Image = Float[Tensor, "3 h w"]
Distance = Callable[[Image, Image], float]


class Scores:
    """Sums over frames. Clips are averaged, so that long ones do not count more."""

    def __init__(self, distance: Distance | None = None) -> None:
        """
        Args:
            distance: LPIPS of whole pictures, where it is at hand.
        """
        self._distance = distance
        self._clips: list[dict[tuple[str, str, str], list[float]]] = []

    def open_clip(self, rows: Sequence[str]) -> ClipScores:
        """Of the next clip, whose made videos are called `rows`."""
        self._clips.append(defaultdict(list))
        return ClipScores(self._clips[-1], rows, self._distance)

    def mean(self, row: str, metric: str, region: str) -> float | None:
        """Over the clips that show the region; None if none does."""
        each = self.each(row, metric, region)
        return sum(each) / len(each) if each else None

    def each(self, row: str, metric: str, region: str) -> list[float]:
        """Clip by clip."""
        found = [clip[row, metric, region] for clip in self._clips if clip.get((row, metric, region))]
        return [sum(values) / len(values) for values in found]

    def gain(self, row: str, over: str, metric: str, region: str) -> float | None:
        """How much more one row has than another."""
        one, other = self.mean(row, metric, region), self.mean(over, metric, region)
        return None if one is None or other is None else one - other


class ClipScores:
    """Takes the frames of one clip in order. Made by `Scores.open_clip`."""

    def __init__(
        self, values: dict[tuple[str, str, str], list[float]], rows: Sequence[str], distance: Distance | None
    ) -> None:
        self._values, self._rows, self._distance = values, tuple(rows), distance
        self._before: tuple[Image, Mapping[str, Image]] | None = None

    def add(self, truth: Image, made: Mapping[str, Image], regions: dict[str, Bool[Tensor, "h w"]] | None) -> None:
        """One frame of each row.

        Args:
            regions: None for a frame that is only there for the next one's difference, such as the reference itself.
        """
        if regions is not None:
            for row in self._rows:
                self._add_row(row, truth, made[row], regions)
        self._before = (truth, {row: made[row] for row in self._rows})

    def _add_row(self, row: str, truth: Image, made: Image, regions: dict[str, Bool[Tensor, "h w"]]) -> None:
        maps = {
            "SSIM": ssim(made, truth, regions),
            "MS-SSIM": ms_ssim(made, truth, regions),
            "gradient similarity": gradient_similarity(made, truth, regions),
            "PSNR": {name: psnr(made, truth, region) for name, region in regions.items()},
            "L1": {name: mean_difference(made, truth, region) for name, region in regions.items()},
        }
        if self._before is not None:
            true_step, step = truth - self._before[0], made - self._before[1][row]
            maps["flicker"] = {name: mean_difference(step, true_step, region) for name, region in regions.items()}
        if self._distance is not None:
            maps[LPIPS] = {"full": self._distance(made, truth)}
        for metric, values in maps.items():
            for region, value in values.items():
                self._values[row, metric, region].append(value)


def format_scores(scores: Scores, rows: Sequence[str], *, with_lpips: bool = False) -> str:
    """Rows and columns as in Table 3 of the paper, a block for each metric."""
    width = max(len(row) for row in rows)
    lines = [" " * width + "".join(f"{region:>9}" for region in REGIONS)]
    for metric in (*METRICS, *((LPIPS,) if with_lpips else ())):
        lines.append(metric)
        for row in rows:
            values = (scores.mean(row, metric, region) for region in REGIONS)
            lines.append(f"{row:{width}}" + "".join(f"{'-' if v is None else _digits(v):>9}" for v in values))
    return "\n".join(lines)


def _digits(value: float) -> str:
    return f"{value:.2f}" if value >= 2 else f"{value:.4f}"
