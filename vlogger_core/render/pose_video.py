"""The moving body as a video of keypoint drawings, with the keypoints themselves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jaxtyping import Float
from torch import Tensor

from ..datatypes import BodyFit, Motion
from ..errors import InputError
from ..progress import Progress, silent
from .draw_face import draw_face, has_contours
from .draw_pose import SHOWN, STYLES, draw_pose
from .keypoints import pose_points
from .raster import DEFAULT_BACKEND

MEDIAPIPE_FACE = "MediaPipe face"
DRAWINGS: tuple[str, ...] = (*STYLES, MEDIAPIPE_FACE)


def render_poses(
    fit: BodyFit,
    motion: Motion,
    size: tuple[int, int] | None = None,
    *,
    style: str = "DWPose",
    show: str = "full",
    backend: str = DEFAULT_BACKEND,
    progress: Progress = silent,
) -> Iterator[tuple[Float[Tensor, "3 h w"], dict[str, Any]]]:
    """Every frame of a motion as a drawing (RGB on black) and as one frame of POSE_KEYPOINT, made as asked for.

    Args:
        size: (h, w), by default the photo's, as for `maps.ControlMaps`.
        style: one of `DRAWINGS`.
        show: a key of `draw_pose.SHOWN`; `MediaPipe face` draws the face whatever it is.
        backend: the rasteriser, as for `keypoints.pose_points`.
        progress: called after each frame.

    Raises:
        InputError: see `keypoints.pose_points`; and if the body model lacks the points of MediaPipe's face.
    """
    if style not in DRAWINGS:
        raise ValueError(f"style must be one of {', '.join(DRAWINGS)}. Got {style!r}.")
    if show not in SHOWN:
        raise ValueError(f"show must be one of {', '.join(SHOWN)}. Got {show!r}.")
    if style == MEDIAPIPE_FACE and not has_contours(fit.model):
        raise InputError(
            f"The body {fit.model.name} has too few of MediaPipe's face points to draw its contours. Choose another "
            "style, such as DWPose, or fit the Anny body."
        )
    frames = pose_points(fit, motion, size, backend=backend, progress=progress)
    return (
        (draw_face(points) if style == MEDIAPIPE_FACE else draw_pose(keypoints, STYLES[style], show), keypoints)
        for points, keypoints in ((points, points.to_pose_keypoint()) for points in frames)
    )
