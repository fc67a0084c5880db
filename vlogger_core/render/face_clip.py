"""A video of the face alone: what Wan-Animate takes the expression from (`face_video`).

Wan2.2-Animate's preprocessing cuts out the box of the 68 face points with 1.3 times its area, three quarters of what
it adds in height above it, since hair is there and only air below the chin, and stretches it to 512 x 512 in every
frame anew, 30 frames a second. Here the box is square and steady instead: its size follows the face within a second,
its middle within a third of one, so neither an opening mouth nor noise makes the picture pump.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from ..body.wholebody import face_68
from ..datatypes import BodyFit, Motion
from ..progress import Progress, silent
from ..threads import one_thread
from .ahead import aside
from .camera import project
from .posed import pose_body
from .scene import open_scene, resize, sample

FACE_AREA = 1.3
"""The box has this much more area than that of the face points."""
SHARE_ABOVE = 0.75
"""Of what is added in height."""
CLIP_SIDE = 512
SIDE_SIGMA_S, MIDDLE_SIGMA_S = 0.5, 0.15
"""Of the Gaussians that steady the box's size and its middle."""


def face_boxes(
    fit: BodyFit, motion: Motion, size: tuple[int, int] | None = None, *, progress: Progress = silent
) -> Float[Tensor, "t 3"]:
    """A square around the face in every frame of a motion, as left, top and side in pixels of a picture of `size`.

    It stays in the picture: at the border it is moved, and where the picture is too small it shrinks.

    Args:
        size: (h, w), by default the photo's, as for `maps.ControlMaps`.
        progress: called after each frame, and while the photo is prepared.

    Raises:
        InputError: see `scene.open_scene` and `posed.pose_body`.
    """
    if not (fit.model.face_landmark_weight > 0).any():
        raise ValueError(f"The body model must have face points. Got {fit.model.name}, which has none.")
    faces = []
    scene = aside(lambda _: open_scene(fit, motion, size), lambda: progress(0, motion.num_frames))
    with one_thread():
        for t in range(motion.num_frames):
            vertices, _ = pose_body(scene, motion, t)
            faces.append(project(face_68(fit.model, vertices[None])[0], scene.camera)[0].cpu())
            progress(t + 1, motion.num_frames)
        boxes = square_boxes(torch.stack(faces), float(motion.fps))
        return _into_picture(boxes, *scene.size)


def square_boxes(faces: Float[Tensor, "t n 2"], fps: float) -> Float[Tensor, "t 3"]:
    """Steady squares (left, top, side) around the face points of a clip, which may reach beyond the picture."""
    low, high = faces.amin(1), faces.amax(1)
    width, height = (high - low).unbind(-1)
    added = (FACE_AREA**0.5 - 1) * height
    middle_x = (low[:, 0] + high[:, 0]) / 2
    middle_y = (low[:, 1] + high[:, 1] + (1 - 2 * SHARE_ABOVE) * added) / 2
    side = FACE_AREA**0.5 * torch.maximum(width, height)
    side = _steady(side[:, None], SIDE_SIGMA_S * fps)
    middle = _steady(torch.stack((middle_x, middle_y), 1), MIDDLE_SIGMA_S * fps)
    return torch.cat((middle - side / 2, side), 1)


def crop_faces(
    frames: Iterable[Float[Tensor, "3 h w"]], boxes: Float[Tensor, "t 3"], *, side: int = CLIP_SIDE
) -> Iterator[Float[Tensor, "3 side side"]]:
    """The square of each frame, `side` pixels wide, as the frames come.

    Raises:
        ValueError: if there are not as many frames as boxes.
    """
    count = 0
    for frame in frames:
        if count == len(boxes):
            raise ValueError(f"frames must be as many as the boxes, {len(boxes)}. Got more.")
        left, top, width = boxes[count].tolist()
        yield _crop(frame, left, top, width, side)
        count += 1
    if count < len(boxes):
        raise ValueError(f"frames must be as many as the boxes, {len(boxes)}. Got {count}.")


def _crop(frame: Float[Tensor, "3 h w"], left: float, top: float, width: float, side: int) -> Float[Tensor, "3 s s"]:
    h, w = frame.shape[-2:]
    x0, y0 = max(int(left), 0), max(int(top), 0)
    x1, y1 = min(int(left + width) + 1, w), min(int(top + width) + 1, h)
    part = frame[:, y0:y1, x0:x1]
    scale = min(1.0, side / width)
    small = resize(part, (max(1, round(scale * (y1 - y0))), max(1, round(scale * (x1 - x0)))))
    steps = (torch.arange(side, device=frame.device) + 0.5) * (width / side)
    x = (left - x0 + steps) * (small.shape[-1] / (x1 - x0))
    y = (top - y0 + steps) * (small.shape[-2] / (y1 - y0))
    pixels = torch.stack((x[None].expand(side, -1), y[:, None].expand(-1, side)), -1)
    return sample(small, pixels, "bicubic").permute(2, 0, 1).clamp(0, 1)


def _into_picture(boxes: Float[Tensor, "t 3"], h: int, w: int) -> Float[Tensor, "t 3"]:
    side = boxes[:, 2].clamp(max=min(h, w))
    corner = boxes[:, :2] + (boxes[:, 2] - side)[:, None] / 2
    room = torch.stack((w - side, h - side), 1)
    return torch.cat((corner.clamp(min=0).minimum(room), side[:, None]), 1)


def _steady(values: Float[Tensor, "t d"], sigma: float) -> Float[Tensor, "t d"]:
    """A Gaussian along time, `sigma` in frames; the ends are held."""
    reach = max(1, round(3 * sigma))
    offsets = torch.arange(-reach, reach + 1, device=values.device)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    columns = values.T[:, None]
    held = torch.cat((columns[..., :1].expand(-1, -1, reach), columns, columns[..., -1:].expand(-1, -1, reach)), -1)
    return F.conv1d(held, (kernel / kernel.sum())[None, None].to(values))[:, 0].T
