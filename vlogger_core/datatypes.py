"""The nouns the stages exchange.

Axis key: b batch, t frames, n audio samples, c channels, h w pixels, j joints, v vertices, f faces, d features.
Images are float 0 to 1, sRGB. Video is `t c h w` here; ComfyUI's `B H W C` exists only in `nodes/sockets.py`.

World frame: metres, right-handed, Y up, Z towards the viewer, the camera at the origin looking along -Z. A body in
its rest pose faces +Z and its left side is +X, as SMPL-X has it, so a person who looks into the camera has the
identity as global orientation and a negative z translation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from .body.protocol import BodyModel
from .names import ARKIT_EXPRESSIONS, SMPLX_JOINTS


@dataclass(frozen=True, kw_only=True)
class Audio:
    """Sound as it came: any rate, any number of channels."""

    waveform: Float[Tensor, "c n"]
    """-1 to 1."""
    sample_rate: int
    """Hz."""

    @property
    def duration_s(self) -> float:
        return self.waveform.shape[-1] / self.sample_rate


@dataclass(frozen=True, kw_only=True)
class TimedLabel:
    """A phone or a word with the time it sounds."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, kw_only=True)
class SpeechTimings:
    """When each phone (IPA) and each word of synthesised speech sounds, in order."""

    phones: tuple[TimedLabel, ...]
    words: tuple[TimedLabel, ...]


@dataclass(frozen=True, kw_only=True)
class SpeechFeatures:
    """What the motion model hears: one feature vector a video frame."""

    features: Float[Tensor, "t d"]
    fps: Fraction
    kind: str
    """Which front end made them, such as `mel80x4`; a checkpoint accepts one kind."""
    waveform: Float[Tensor, " n"] | None = None
    """The speech itself, mono at 16 kHz, for face back ends that hear it; None where only the features are known."""


@dataclass(frozen=True, kw_only=True)
class Motion:
    """How a body moves, independent of which body.

    Joint rotations are residuals over the reference pose (VLOGGER's delta theta, section 3.1) in the joint's own
    SMPL-X frame: `R = R_ref @ exp(residual)`. Expressions are absolute; `body.expression` joins them with the
    photo's own. Translation is a residual in the world frame.
    """

    fps: Fraction
    expression: Float[Tensor, "t 52"]
    """The ARKit coefficients in the order of `names.ARKIT_EXPRESSIONS`, 0 to 1."""
    joint_names: tuple[str, ...]
    """Which SMPL-X joints move; those not named rest at the reference pose."""
    joint_rotvec: Float[Tensor, "t j 3"]
    """Radians."""
    translation: Float[Tensor, "t 3"]
    """Metres."""

    def __post_init__(self) -> None:
        frames = self.expression.shape[0]
        wanted = {
            "expression": (frames, len(ARKIT_EXPRESSIONS)),
            "joint_rotvec": (frames, len(self.joint_names), 3),
            "translation": (frames, 3),
        }
        for name, shape in wanted.items():
            got = getattr(self, name)
            if tuple(got.shape) != shape:
                raise ValueError(f"Motion.{name} must have the shape {shape}. Got {tuple(got.shape)}.")
            if not torch.isfinite(got).all():
                raise ValueError(f"Motion.{name} must be finite. Got NaN or infinity.")
        low, high = torch.aminmax(self.expression) if frames else (torch.tensor(0.0), torch.tensor(1.0))
        if low < 0 or high > 1:
            raise ValueError(f"Motion.expression must lie in 0 to 1. Got {low:.3g} to {high:.3g}.")
        if len(set(self.joint_names)) < len(self.joint_names):
            raise ValueError(f"Motion.joint_names must name each joint once. Got {', '.join(self.joint_names)}.")
        unknown = sorted(set(self.joint_names) - set(SMPLX_JOINTS))
        if unknown:
            raise ValueError(f"Motion.joint_names must be SMPL-X joints. Got {', '.join(unknown)}.")

    @property
    def num_frames(self) -> int:
        return self.expression.shape[0]

    def slice(self, start: int, stop: int) -> Motion:
        """The frames `[start, stop)`."""
        return Motion(
            fps=self.fps,
            expression=self.expression[start:stop],
            joint_names=self.joint_names,
            joint_rotvec=self.joint_rotvec[start:stop],
            translation=self.translation[start:stop],
        )

    def to(self, device: torch.device | str) -> Motion:
        """The same motion on another device."""
        tensors = ("expression", "joint_rotvec", "translation")
        return replace(self, **{name: getattr(self, name).to(device) for name in tensors})


@dataclass(frozen=True, kw_only=True)
class Camera:
    """A pinhole camera at the world's origin: full perspective, square pixels, the axis through the image centre.

    Pixel centres lie at +0.5; x grows to the right and y downwards.
    """

    fov_deg: float
    """Diagonal field of view (paper section 3.1)."""
    width: int
    height: int

    @property
    def f_px(self) -> float:
        """Focal length in pixels."""
        return math.hypot(self.width, self.height) / 2 / math.tan(math.radians(self.fov_deg) / 2)

    def resized(self, width: int, height: int) -> Camera:
        """The same view on another pixel grid of the same aspect ratio."""
        return Camera(fov_deg=self.fov_deg, width=width, height=height)


@dataclass(frozen=True, kw_only=True)
class BodyFit:
    """One person in one photo: the body, where it stands, and what it looks like."""

    model: BodyModel
    shape: Float[Tensor, " d"]
    """The body model's own shape code."""
    joint_rotvec: Float[Tensor, "55 3"]
    """Reference pose (theta_ref) in SMPL-X frames, radians; the pelvis row is the global orientation."""
    translation: Float[Tensor, "3"]
    """Of the pelvis, metres, world frame."""
    expression: Float[Tensor, "52"]
    """The photo's own expression."""
    camera: Camera
    image: Float[Tensor, "3 h w"]
    """The photo, at the camera's size."""
    mask: Float[Tensor, "h w"]
    """The person's matte, hair and clothes included, 0 to 1."""
    confidence: Mapping[str, float] = field(default_factory=dict)
    """0 to 1 for each of face, torso, left_hand, right_hand: how much the photo told about it."""

    def to(self, device: torch.device | str) -> BodyFit:
        """The same fit, body model included, on another device."""
        tensors = ("shape", "joint_rotvec", "translation", "expression", "image", "mask")
        moved = {name: getattr(self, name).to(device) for name in tensors}
        return replace(self, model=self.model.to(device), **moved)


@dataclass(frozen=True, kw_only=True)
class MapFrames:
    """Control maps of a run of frames. `None` where a map was not asked for."""

    dense: Float[Tensor, "t 3 h w"] | None = None
    """Template vertex position, 0 to 1 over the template's bounding box; 0 where there is no body."""
    dense_head: Float[Tensor, "t 3 h w"] | None = None
    """The same over the bounding box of head and neck, for finer steps in few bits; 0 outside them."""
    parts: Int[Tensor, "t h w"] | None = None
    """Index into `names.PARTS`."""
    joint_parts: Int[Tensor, "t h w"] | None = None
    """1 + the SMPL joint, 0 to 23, that moves the surface most; 0 where there is no body."""
    warp: Float[Tensor, "t 3 h w"] | None = None
    """The photo's colours carried by the body surface; 0 where not valid."""
    warp_valid: Bool[Tensor, "t h w"] | None = None
    """Where the surface was visible in the photo; nowhere inside the mouth."""
    warp_flow: Float[Tensor, "t 3 h w"] | None = None
    """The whole photo carried along, hair and clothes included, over the painted backdrop; 0 inside the mouth."""
    warp_flow_confidence: Float[Tensor, "t h w"] | None = None
    """How far it can be relied on, 0 to 1; see `render.confidence`."""
    warp_flow_matte: Float[Tensor, "t h w"] | None = None
    """How much of each of its pixels shows the person, 0 to 1."""
    depth: Float[Tensor, "t h w"] | None = None
    """Distance along the camera axis in metres; infinity where there is no body."""
    normal: Float[Tensor, "t 3 h w"] | None = None
    """Unit normals of the surface: x to the right, y up, z towards the viewer (OpenGL); 0 where there is no body."""
    silhouette: Bool[Tensor, "t h w"] | None = None
    """Where there is a body."""


@dataclass(frozen=True, kw_only=True)
class Clip:
    """Video with its sound."""

    frames: Float[Tensor, "t c h w"]
    fps: Fraction
    audio: Audio | None = None
