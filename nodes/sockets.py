"""What travels between nodes, and how ComfyUI's forms of it become the core's and back.

ComfyUI's IMAGE is `[B H W C]`, its MASK `[B H W]`, its AUDIO `{"waveform": [B C T], "sample_rate"}`; `[B H W C]`
exists nowhere else. Conversions copy, so that nothing a node receives is ever changed, and, within `runtime.work`,
so that the core gets tensors it may differentiate.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch
from comfy_api.latest import io
from torch import Tensor

from .runtime import result_device

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..vlogger_core.datatypes import Audio, Camera

_MIN_SHORT_SIDE_PX = 64

Timings = io.Custom("VLOGGER_TIMINGS")
"""`datatypes.SpeechTimings`."""
Speech = io.Custom("VLOGGER_SPEECH")
"""`datatypes.SpeechFeatures`."""
MotionModel = io.Custom("VLOGGER_MOTION_MODEL")
"""`motion.checkpoint.MotionModel`."""
Motion = io.Custom("VLOGGER_MOTION")
"""`datatypes.Motion`."""
BodyModel = io.Custom("VLOGGER_BODY_MODEL")
"""`body.protocol.BodyModel`."""
Body = io.Custom("VLOGGER_BODY")
"""`datatypes.BodyFit`."""
Controls = io.Custom("VLOGGER_CONTROLS")
"""`render.maps.ControlMaps`."""
VideoModel = io.Custom("VLOGGER_VIDEO_MODEL")
"""`managed.VideoModel`."""
PoseKeypoint = io.Custom("POSE_KEYPOINT")
"""OpenPose's frames, as DWPose, OpenPose and SDPose nodes give them."""
FaceLandmarks = io.Custom("FACE_LANDMARKS")
"""What ComfyUI's own Detect Face Landmarks (MediaPipe) gives."""
DwPoses = io.Custom("DWPOSES")
"""Keypoints as kijai's SCAIL-Pose nodes give them."""
MhrPoseData = io.Custom("MHR_POSE_DATA")
"""People in space, as ComfyUI's own Predict SAM3D Body gives them."""


def photo_from_comfy(image: Tensor, *, name: str = "image") -> Tensor:
    """The one picture of an IMAGE as `[3 h w]`; grey becomes RGB, transparency is laid over neutral grey.

    Raises:
        InputError: if there is not exactly one picture.
    """
    from ..vlogger_core.errors import InputError
    from ..vlogger_core.image import NEUTRAL_GREY

    if image.ndim != 4 or image.shape[0] != 1:
        raise InputError(
            f"{name} must be one photo. Got a batch of {image.shape[0]}: choose one with an Image From Batch node."
        )
    picture = image[0].detach().movedim(-1, 0).float()
    if picture.shape[0] == 4:
        picture = picture[:3] * picture[3:] + NEUTRAL_GREY * (1 - picture[3:])
    if picture.shape[0] == 1:
        picture = picture.expand(3, -1, -1)
    if picture.shape[0] != 3:
        raise InputError(f"{name} must have 1, 3 or 4 channels. Got {picture.shape[0]}.")
    return picture.clone(memory_format=torch.contiguous_format)


def mask_from_comfy(mask: Tensor | None, like: Tensor) -> Tensor | None:
    """The one MASK as `[h w]`, of the size of the photo `like [3 h w]`.

    Raises:
        InputError: if there is more than one, or it has another size.
    """
    from ..vlogger_core.errors import InputError

    if mask is None:
        return None
    mask = mask.detach().float()
    planes = mask[None] if mask.ndim == 2 else mask
    if planes.shape[0] != 1 or planes.shape[-2:] != like.shape[-2:]:
        (height, width), (mask_height, mask_width) = like.shape[-2:], planes.shape[-2:]
        raise InputError(
            f"mask must be one mask of the photo's size, {width} x {height} px. "
            f"Got {planes.shape[0]} of {mask_width} x {mask_height} px."
        )
    return planes[0].clone(memory_format=torch.contiguous_format)


def audio_from_comfy(audio: dict[str, Any] | None) -> Audio:
    """The one sound of an AUDIO.

    Raises:
        InputError: if there is none, or several.
    """
    from ..vlogger_core.datatypes import Audio
    from ..vlogger_core.errors import InputError

    if audio is None:
        raise InputError("audio is missing: what is connected gives no sound. Connect a Load Audio node.")
    waveform = audio["waveform"]
    if waveform.shape[0] != 1:
        raise InputError(f"audio must be one recording. Got a batch of {waveform.shape[0]}.")
    return Audio(waveform=waveform[0].detach().float().clone(), sample_rate=int(audio["sample_rate"]))


def audio_to_comfy(audio: Audio) -> dict[str, Any]:
    """An AUDIO of one sound."""
    return {"waveform": audio.waveform[None].float().cpu(), "sample_rate": audio.sample_rate}


def image_to_comfy(image: Tensor) -> Tensor:
    """An IMAGE of one `[3 h w]`, or of all `[t 3 h w]`."""
    batch = image[None] if image.ndim == 3 else image
    return batch.detach().movedim(1, -1).float().clamp(0, 1).to(result_device()).contiguous()


def mask_to_comfy(mask: Tensor) -> Tensor:
    """A MASK of one `[h w]`, or of all `[t h w]`."""
    batch = mask[None] if mask.ndim == 2 else mask
    return batch.detach().float().to(result_device()).contiguous()


def frames_to_comfy(
    frames: Iterable[Tensor], num_frames: int, on_frame: Callable[[Tensor], None] = lambda frame: None
) -> Tensor:
    """An IMAGE of the `[3 h w]` frames as they come, each shown to `on_frame`; never held twice."""
    batch: Tensor | None = None
    for index, frame in enumerate(frames):
        if batch is None:
            height, width = frame.shape[-2:]
            batch = torch.empty(num_frames, height, width, 3, device=result_device())
        batch[index] = frame.detach().movedim(0, -1).clamp(0, 1)
        on_frame(frame)
    if batch is None:
        raise ValueError("frames must hold one frame at least. Got none.")
    return batch


def render_size(camera: Camera, short_side: int, multiple_of: int = 2) -> tuple[int, int]:
    """Height and width for the values of the widgets, in the shape of the photo that `camera` took.

    Raises:
        InputError: if `short_side` is neither 0 nor at least 64, or rounding would stretch the photo too much.
    """
    from ..vlogger_core.errors import InputError
    from ..vlogger_core.pipeline import video_size
    from ..vlogger_core.render.scene import keeps_shape

    if short_side != 0 and short_side < _MIN_SHORT_SIDE_PX:
        raise InputError(
            f"short_side must be {_MIN_SHORT_SIDE_PX} px or more, or 0 for the photo's own size. Got {short_side}."
        )
    height, width = video_size(camera.width, camera.height, short_side or None, multiple_of=multiple_of)
    if not keeps_shape((height, width), (camera.height, camera.width)):
        raise InputError(
            f"Rounding both sides to a multiple of {multiple_of} would stretch the photo of {camera.width} x "
            f"{camera.height} px too much, to {width} x {height}: raise short_side or lower multiple_of."
        )
    return height, width
