"""What learning one person adds: the part of a clip that was held out, made by the base model and by the person's.

Both begin with the same frame of the clip, the one that its track shows (paper, section 4.3 and Fig. 7).
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from ..body.protocol import BodyModel
from ..errors import InputError
from ..pipeline import video_size
from ..progress import Progress, silent
from ..render.scene import resize
from ..render.stage import open_stage
from ..train.personalise import learn_person
from ..train.personalise_clip import PersonClip, open_person_clip
from ..train.personalise_trainer import PersonTraining
from ..video.models import VideoModels
from ..video.person_file import Person, load_person, personalised, save_person
from ..video.reader import VideoReader
from .reenact_clips import BETTER, SIZE, WARP, warped
from .reenact_models import Cascade
from .reenact_regions import REGIONS, regions_of
from .reenact_scores import Scores
from .table import Figure

BASE, PERSON, STRENGTH_0 = "base model", "personalised", "strength 0"
CLIPS = 3
PSNR_DB = 1.0
"""How much nearer the person's face must come than the base model's."""
MINUTES = 15.0
TRAINING = PersonTraining(steps=600)
"""By steps, so that the figures do not depend on how busy the machine is."""


@dataclass(frozen=True, kw_only=True)
class Learned:
    """A person, and the clip it was learned from."""

    path: Path
    clip: PersonClip
    person: Person
    minutes: float
    """Tracking and training together, by the clock."""
    cpu_minutes: float
    """The same of one core, which does not depend on what else the machine does."""


def learn_clips(
    models: VideoModels,
    paths: Sequence[Path],
    body: BodyModel,
    training: PersonTraining = TRAINING,
    *,
    progress: Progress = silent,
) -> list[Learned]:
    """Learn the person of each clip, from its first four fifths."""
    learned = []
    for i, path in enumerate(paths):
        part = partial(_part, progress, i, len(paths))
        begun, cpu = time.monotonic(), time.process_time()
        reader = VideoReader(path)
        clip = open_person_clip(reader, reader.fps, body, progress=lambda *_, part=part: part(0, 1))
        person = learn_person(models, clip, training=training, stage=lambda _, part=part: part)
        minutes, cpu_minutes = (time.monotonic() - begun) / 60, (time.process_time() - cpu) / 60
        learned.append(Learned(path=path, clip=clip, person=person, minutes=minutes, cpu_minutes=cpu_minutes))
    progress(1, 1)
    return learned


def score_people(
    models: VideoModels, learned: Sequence[Learned], *, size: int = SIZE, progress: Progress = silent
) -> tuple[Scores, bool]:
    """Compare base model and person with the held-out frames of each clip, frame by frame.

    Returns:
        The scores, and whether strength 0 gave the base model's frames exactly.
    """
    scores, same = Scores(), True
    for i, one in enumerate(learned):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "person.safetensors")
            save_person(file, one.person)
            person = load_person(file)
        rows = {BASE: models, PERSON: personalised(models, person), STRENGTH_0: personalised(models, person, 0.0)}
        same &= _score(scores, one.clip, rows, size, partial(_part, progress, i, len(learned)))
    progress(1, 1)
    return scores, same


def person_figures(scores: Scores, same: bool, learned: Sequence[Learned], refused: bool) -> list[Figure]:
    """What is asked of personalisation.

    Args:
        same: see `score_people`.
        refused: see `is_refused`.
    """
    on = f"{len(learned)} clips, held-out fifth"
    figures = [
        Figure(
            what="personalised over base model, PSNR of the face", on=on, unit="dB",
            reached=scores.gain(PERSON, BASE, "PSNR", "face"), asked=PSNR_DB, at_least=True,
            note=_spread(scores, "PSNR", "{:+.1f}"),
        ),
        Figure(
            what="personalised over base model, gradient similarity of the face", on=on,
            reached=scores.gain(PERSON, BASE, "gradient similarity", "face"), asked=BETTER, at_least=True,
            note=_spread(scores, "gradient similarity", "{:+.4f}"),
        ),
        Figure(
            what="tracking and training, of one core", on="the slowest clip", unit="min", asked=MINUTES,
            reached=max((one.cpu_minutes for one in learned), default=None),
            note="by the clock: " + " ".join(f"{one.minutes:.1f}" for one in learned),
        ),
        Figure(what="strength 0 is the base model, exactly", on=on, reached=float(same), asked=1.0, at_least=True),
        Figure(
            what="a file made for another base is refused", on="a changed base", reached=float(refused), asked=1.0,
            at_least=True,
        ),
    ]  # fmt: skip
    for region in REGIONS:
        gain = scores.gain(PERSON, BASE, "PSNR", region)
        if region != "face" and gain is not None:
            figures.append(Figure(what=f"personalised over base model, PSNR, {region}", on=on, unit="dB", reached=gain))
    return figures


def is_refused(models: VideoModels, person: Person, other: VideoModels) -> bool:
    """Whether a person is refused by other models than its own, by name, and taken by its own."""
    personalised(models, person)
    try:
        personalised(other, person, name="person.safetensors")
    except InputError as error:
        return "person.safetensors" in str(error) and person.made_for[0].name in str(error)
    return False


@torch.no_grad()
def _score(scores: Scores, clip: PersonClip, rows: dict[str, VideoModels], size: int, progress: Progress) -> bool:
    track, start, count = clip.tracked.track, clip.first_held_out, clip.num_frames
    motion, camera = track.motion.slice(start, count), track.fit.camera
    shape = video_size(camera.width, camera.height, size)
    opened = scores.open_clip([WARP, BASE, PERSON])
    stage = open_stage(track.fit, motion, shape, progress=lambda *_: progress(0, 1))
    same, done = True, 0
    made = {
        name: Cascade(models=models).sample(track.fit, motion, shape, lambda *_: progress(done, count - start))
        for name, models in rows.items()
    }
    for t, warp in enumerate(warped(stage)):
        done = t
        frames: dict[str, Float[Tensor, "3 h w"]] = {name: next(video) for name, video in made.items()}
        same &= torch.equal(frames.pop(STRENGTH_0), frames[BASE])
        truth = resize(clip.tracked.frame(start + t), shape).clamp(0, 1)
        opened.add(truth, {WARP: warp, **frames}, regions_of(stage.maps.posed(t)))
    return same


def _part(progress: Progress, i: int, count: int, done: int, total: int) -> None:
    progress(1000 * i + 1000 * done // max(1, total), 1000 * count)


def _spread(scores: Scores, metric: str, form: str) -> str:
    """Clip by clip, so that one that fails is seen."""
    pairs = zip(scores.each(PERSON, metric, "face"), scores.each(BASE, metric, "face"), strict=True)
    return "clips: " + " ".join(form.format(one - other) for one, other in pairs)
