"""Points of a picture that are followed through the frames of a clip.

A detector says where a shoulder is to a few pixels, and where a face is with an error that changes as it speaks. What
a patch of skin, hair or cloth looks like tells how far it has gone to a fraction of a pixel (Lucas and Kanade 1981, in
pyramids as Bouguet 2000).
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

SIDE = 360
"""Pixels of the shorter side at which points are followed; smaller pictures are taken as they are."""
SPACING, QUALITY = 0.014, 0.001
"""Least distance between points as a share of the shorter side, and the least texture as a share of the best."""
WINDOW, LEVELS = 15, 3
"""Pixels of a patch, and how often the picture is halved."""
RETURN_PX = 0.3
"""A point that is followed back must arrive this near to where it came from."""
_STOP = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 0.01)


class Follower:
    """Follows the points of one picture into others of the same size, called frame by frame."""

    def __init__(self, image: Float[Tensor, "3 h w"]) -> None:
        self.scale = min(1.0, SIDE / min(image.shape[-2:]))
        self._first = self._grey(image)
        spacing = max(3.0, SPACING * min(self._first.shape))
        found = cv2.goodFeaturesToTrack(self._first, 0, QUALITY, spacing)
        self._points = np.zeros((0, 1, 2), np.float32) if found is None else found.reshape(-1, 1, 2)
        self._latest = self._points.copy()

    @property
    def start(self) -> Float[Tensor, "n 3"]:
        """The points in the first picture, each with confidence 1."""
        return self._told(self._points, np.ones(len(self._points), bool))

    def follow(self, image: Float[Tensor, "3 h w"]) -> Float[Tensor, "n 3"]:
        """Where the points are in another picture: x and y in its pixels, and 1, or 0 for one that is not found."""
        if not len(self._points):
            return self.start
        grey = self._grey(image)
        there, found = self._flow(self._first, grey, self._points, self._latest)
        back, returned = self._flow(grey, self._first, there, self._points)
        near = np.linalg.norm((back - self._points)[:, 0], axis=1) < RETURN_PX
        seen = found & returned & near
        self._latest = np.where(seen[:, None, None], there, self._latest)
        return self._told(there, seen)

    @staticmethod
    def _flow(one: np.ndarray, other: np.ndarray, points: np.ndarray, guess: np.ndarray) -> tuple[np.ndarray, ...]:
        there, found, _ = cv2.calcOpticalFlowPyrLK(
            one, other, points, guess.copy(), winSize=(WINDOW, WINDOW), maxLevel=LEVELS, criteria=_STOP,
            flags=cv2.OPTFLOW_USE_INITIAL_FLOW,
        )  # fmt: skip
        return there, found[:, 0] > 0

    def _grey(self, image: Float[Tensor, "3 h w"]) -> np.ndarray:
        pixels = (image.detach().cpu().clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
        grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
        if self.scale == 1:
            return grey
        size = (round(grey.shape[1] * self.scale), round(grey.shape[0] * self.scale))
        return cv2.resize(grey, size, interpolation=cv2.INTER_AREA)

    def _told(self, points: np.ndarray, seen: np.ndarray) -> Float[Tensor, "n 3"]:
        # OpenCV has pixel centres at whole numbers.
        xy = torch.from_numpy((points[:, 0] + 0.5) / self.scale).float()
        return torch.cat((xy, torch.from_numpy(seen).float()[:, None]), 1)
