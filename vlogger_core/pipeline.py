"""The whole path: a portrait and speech become a video file.

    speech -> motion -> body -> preview or video model -> mp4

Each stage is a function of its own; this file only hands the nouns from one to the next.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from .assets import DEFAULT_QUALITY, QUALITIES
from .body.fitter import fit_photo
from .body.landmarks import gather_landmarks
from .body.load import load_body
from .datatypes import Audio, BodyFit, Motion
from .image import check_portrait
from .motion.checkpoint import load_motion_model
from .motion.controls import MotionControls, apply_controls
from .motion.sampler import sample_motion
from .progress import Item, Progress, counted, silent
from .render.preview import render_preview
from .render.raster import DEFAULT_BACKEND, check_backend
from .speech.audio import to_speech
from .speech.mel import mel_features
from .video.cascade import CascadeSettings, sample_cascade
from .video.film import open_film
from .video.models import VideoModels, load_video_models
from .video.person_file import load_person, personalised
from .video.writer import check_writable, write_video

Stage = Callable[[str], Progress]
"""Called when a stage begins, with a sentence about it; returns where that stage reports to."""


@dataclass(frozen=True, kw_only=True)
class GenerateConfig:
    """What a user may choose about a video."""

    seed: int = 0
    """Same seed, same motion."""
    short_side: int | None = 512
    """Pixels of the shorter side of the video; None keeps the photo's size."""
    steps: int = 20
    """Diffusion steps of the motion model."""
    guidance: float = 1.1
    """Classifier-free guidance of the motion model; 1 is none."""
    controls: MotionControls = field(default_factory=MotionControls)
    """How much of the motion is shown."""
    face_index: int = 0
    """Which face of the photo, from the largest to the smallest."""
    landmark_source: str = "auto"
    """`auto`, `mediapipe` or `cascade`."""
    fov_deg: float | None = None
    """The camera's diagonal field of view in degrees, where it is known; None estimates it."""
    smplx: Path | None = None
    """The user's SMPL-X file (`SMPLX_NEUTRAL.npz`); None is the embedded body, Anny."""
    rasteriser: str = DEFAULT_BACKEND
    """What draws the body, one of `render.raster.BACKENDS`; all but torch are optional packages."""
    quality: str = DEFAULT_QUALITY
    """Of `assets.QUALITIES`."""
    cascade: CascadeSettings = field(default_factory=CascadeSettings)
    """How the video model is sampled; its seed is the one above."""
    run_folder: Path | None = None
    """Where the video model keeps what is finished, so that a stopped run goes on; None keeps nothing."""
    person: Path | None = None
    """What the video model learned of one person, see `person_file.load_person`; None is the model as it is."""
    person_strength: float = 1.0
    """0 is the model as it is, 1 what was learned."""

    def __post_init__(self) -> None:
        if self.quality not in QUALITIES:
            raise ValueError(f"GenerateConfig.quality must be one of {', '.join(QUALITIES)}. Got {self.quality!r}.")


def video_size(width: int, height: int, short_side: int | None, *, multiple_of: int = 2) -> tuple[int, int]:
    """Height and width of the video: the photo's aspect, both a multiple of 2, as H.264 wants them, or of more."""
    scale = 1.0 if short_side is None else short_side / min(width, height)
    return multiple_of * round(height * scale / multiple_of), multiple_of * round(width * scale / multiple_of)


def generate(
    image: Float[Tensor, "3 h w"],
    audio: Audio,
    out: str | os.PathLike[str],
    *,
    config: GenerateConfig | None = None,
    device: torch.device | str = "cpu",
    stage: Stage = lambda sentence: silent,
) -> Path:
    """Make the person in `image` say `audio`, and write the video to `out`.

    Args:
        image: sRGB, 0 to 1, any aspect ratio; the whole picture is kept.
        audio: speech of any rate and number of channels; it sounds in the video as it came.

    Raises:
        InputError: if the photo shows no face, the audio is empty, `out` cannot be written, the rasteriser cannot be
            used, the video model's weights are missing, the person was learned by another model, or the run folder
            cannot be used, see `run_folder.open_run`.
    """
    config = config or GenerateConfig()
    check_writable(out)
    check_backend(config.rasteriser)
    image = check_portrait(image)
    models = _load_models(config) if config.quality == "video" else None
    speech = to_speech(audio, progress=stage("Listening"))
    progress = stage("Finding the face")
    landmarks = gather_landmarks(image, source=config.landmark_source, face_index=config.face_index, progress=progress)
    progress = stage("Loading the body")
    body = load_body(config.smplx, progress=progress)
    progress(1, 1)

    progress = stage("Speech to motion")
    motion_model = load_motion_model().to(device)
    features = mel_features(speech, motion_model.config.fps)
    motion = sample_motion(
        motion_model,
        features,
        seed=config.seed,
        steps=config.steps,
        guidance=config.guidance,
        progress=progress,
    )
    motion = apply_controls(motion, config.controls, features, config.seed)
    progress = stage("Fitting the body to the photo")
    fit = fit_photo(image, model=body, landmarks=landmarks, fov_deg=config.fov_deg, progress=progress)
    size = video_size(fit.camera.width, fit.camera.height, config.short_side)
    fit, motion = fit.to(device), motion.to(device)
    if models is not None:
        return _film(models, fit, motion, size, audio, out, config, device, stage)
    progress = stage("Rendering and encoding")
    frames = render_preview(fit, motion, size=size, backend=config.rasteriser, progress=progress)
    return write_video(out, _no_grad(frames), motion.fps, audio)


def _load_models(config: GenerateConfig) -> VideoModels:
    """As they show the person, if there is one."""
    models = load_video_models()
    if config.person is None:
        return models
    return personalised(models, load_person(config.person), config.person_strength, name=str(config.person))


def _film(
    models: VideoModels,
    fit: BodyFit,
    motion: Motion,
    size: tuple[int, int],
    audio: Audio,
    out: str | os.PathLike[str],
    config: GenerateConfig,
    device: torch.device | str,
    stage: Stage,
) -> Path:
    """The video model's part of `generate`."""
    for network in models.networks:
        network.to(device)
    settings = replace(config.cascade, base=replace(config.cascade.base, seed=config.seed))
    progress = stage("Sampling the video")
    if config.run_folder is None:
        chunks = sample_cascade(models, fit, motion, size, settings, backend=config.rasteriser, progress=progress)
        return write_video(out, _no_grad(frame for chunk in chunks for frame in chunk.frames), motion.fps, audio)
    with open_film(
        config.run_folder, models, fit, motion, size, settings, backend=config.rasteriser, progress=progress
    ) as film:
        for _ in _no_grad(film.chunks(progress)):
            pass
        frames = counted(film.frames(), motion.num_frames, stage("Encoding"))
        return write_video(out, frames, motion.fps, audio)


@torch.no_grad()
def _no_grad(items: Iterator[Item]) -> Iterator[Item]:
    """The same items, computed without gradients."""
    yield from items
