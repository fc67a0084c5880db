"""The rows of the paper's Table 2 that concern M: without the residual, the temporal loss, the guidance.

The paper measures the final video; here the motion is laid on Anny, whose head is turned in the reference pose as in
a photo that is not frontal, and compared with the generator's for the same speech: the distance of lip points in the
world, and the third derivative of the face's points. Head motion is a matter of chance, of which the distance holds
most; the lips' own part is told beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..body.anny_model import load_anny
from ..body.face_outlines import LIPS
from ..body.protocol import BodyModel, RestBody
from ..datatypes import Motion
from ..motion.checkpoint import SHIPPED_WEIGHTS, load_motion_model
from ..motion.sampler import sample_variations
from ..names import JOINT_INDEX
from ..progress import Progress, silent
from ..rotation import compose_rotvec
from .motion_sets import SpokenClip
from .table import Figure

FOLDER = SHIPPED_WEIGHTS.parent / "ablation"
BASE = "base"
TURNED_DEG = {"spine2": (3.0, 10.0, -2.0), "neck": (4.0, 9.0, 3.0), "head": (5.0, 11.0, 4.0)}
"""The reference pose about x, y and z: somebody who sits half turned and looks past the camera."""
CLIPS, SEEDS = 4, 2
FACE_POINTS = 468
_CHUNK = 64


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the paper's Table 2 and the checkpoint that stands for it."""

    name: str
    checkpoint: str = BASE
    guided: bool = True
    landmark_mm: float
    """Mouth landmark error in the paper."""
    jitter: float
    """Jitter in the paper, whose unit mm/s^3 must be m/s^3: real faces would stand still otherwise."""


ROWS = (
    Row(name="full model", landmark_mm=3.06, jitter=3.58),
    Row(name="no residual", checkpoint="no_residual", landmark_mm=4.22, jitter=6.56),
    Row(name="no temporal loss", checkpoint="no_temporal", landmark_mm=3.18, jitter=4.64),
    Row(name="no guidance", guided=False, landmark_mm=3.32, jitter=3.49),
)


@dataclass(frozen=True, kw_only=True)
class Errors:
    """Of one row, over all clips."""

    landmark_mm: float
    lips_mm: float
    """Of a head that is held still."""
    jitter: float
    """m/s^3."""


def ablation_figures(
    clips: Sequence[SpokenClip], *, steps: int, guidance: float, progress: Progress = silent
) -> list[Figure]:
    """Measure every row whose checkpoint is there."""
    body = load_anny()
    stage = Stage(body)
    clips = clips[:CLIPS]
    truths = [stage.points(clip.designed([0])[0], residual=True) for clip in clips]
    measured: dict[str, Errors | None] = {}
    for i, row in enumerate(ROWS):

        def part(done: int, total: int, i: int = i) -> None:
            progress(1000 * i + 1000 * done // max(1, total), 1000 * len(ROWS))

        path = FOLDER / f"{row.checkpoint}.safetensors"
        if not path.is_file():
            measured[row.name] = None
            continue
        model = load_motion_model(path, absolute=True)
        errors = []
        for k, (clip, truth) in enumerate(zip(clips, truths, strict=True)):
            motions = sample_variations(
                model, clip.features, seeds=range(SEEDS), steps=steps, guidance=guidance if row.guided else 1.0,
                progress=lambda done, total, k=k: part(k * total + done, len(clips) * total),
            )  # fmt: skip
            made = (stage.points(motion, residual=model.config.residual) for motion in motions)
            errors += [compare(points, truth, float(clip.features.fps)) for points in made]
        measured[row.name] = Errors(
            **{name: sum(getattr(e, name) for e in errors) / len(errors) for name in Errors.__dataclass_fields__}
        )
    progress(1, 1)
    still = [jitter(truth.world, float(clip.features.fps)) for clip, truth in zip(clips, truths, strict=True)]
    return [*_figures(measured), _told("jitter of the truth", "ablation", sum(still) / len(still), "m/s^3", "")]


@dataclass(frozen=True, kw_only=True)
class FacePoints:
    """The points of a moving face, metres."""

    world: Float[Tensor, "t 468 3"]
    still: Float[Tensor, "t 468 3"]
    """With the body in the reference pose."""


class Stage:
    """An average body in the turned reference pose, on which motions are laid."""

    def __init__(self, body: BodyModel) -> None:
        self.body = body
        self.rest: RestBody = body.rest(body.mean_shape())
        self.reference = torch.zeros(len(JOINT_INDEX), 3)
        for name, degrees in TURNED_DEG.items():
            self.reference[JOINT_INDEX[name]] = torch.tensor([math.radians(d) for d in degrees])

    def pose(self, motion: Motion, *, residual: bool) -> Float[Tensor, "t 55 3"]:
        """The body's joints: a residual turns on from the reference, anything else replaces it."""
        pose = self.reference.expand(motion.num_frames, -1, -1).clone()
        moved = torch.tensor([JOINT_INDEX[name] for name in motion.joint_names])
        pose[:, moved] = compose_rotvec(pose[:, moved], motion.joint_rotvec) if residual else motion.joint_rotvec
        return pose

    @torch.no_grad()
    def points(self, motion: Motion, *, residual: bool) -> FacePoints:
        """Where the face goes."""
        moving = self.pose(motion, residual=residual)
        still = self.reference.expand_as(moving)
        return FacePoints(
            world=self._face(moving, motion.translation, motion.expression),
            still=self._face(still, torch.zeros_like(motion.translation), motion.expression),
        )

    def _face(
        self, pose: Float[Tensor, "t 55 3"], translation: Float[Tensor, "t 3"], expression: Float[Tensor, "t 52"]
    ) -> Float[Tensor, "t 468 3"]:
        pieces = []
        for part in zip(pose.split(_CHUNK), translation.split(_CHUNK), expression.split(_CHUNK), strict=True):
            vertices = self.body.pose(self.rest, *part).vertices
            pieces.append(self.body.face_landmarks(vertices)[:, :FACE_POINTS])
        return torch.cat(pieces)


def compare(made: FacePoints, truth: FacePoints, fps: float) -> Errors:
    """Mean distance of the lips' points, and how restless the face is."""
    lips = list(LIPS)

    def distance_mm(a: Tensor, b: Tensor) -> float:
        return 1000 * (a[:, lips] - b[:, lips]).norm(dim=-1).mean().item()

    return Errors(
        landmark_mm=distance_mm(made.world, truth.world),
        lips_mm=distance_mm(made.still, truth.still),
        jitter=jitter(made.world, fps),
    )


def jitter(points: Float[Tensor, "t p 3"], fps: float) -> float:
    """Mean length of the third difference, m/s^3."""
    return points.diff(n=3, dim=0).norm(dim=-1).mean().item() * fps**3


def _figures(measured: dict[str, Errors | None]) -> list[Figure]:
    full_row, full = ROWS[0], measured[ROWS[0].name]
    figures = []
    for what, name, paper_name, unit in (
        ("mouth landmark error", "landmark_mm", "landmark_mm", "mm"),
        ("  of a still head", "lips_mm", "landmark_mm", "mm"),
        ("face jitter", "jitter", "jitter", "m/s^3"),
    ):
        for row in ROWS:
            errors = measured[row.name]
            reached = None if errors is None else getattr(errors, name)
            note = f"no {FOLDER.name}/{row.checkpoint}.safetensors" if errors is None else ""
            if errors is not None:
                paper = getattr(row, paper_name)
                note = f"paper {paper}"
                if row is not full_row and full is not None:
                    theirs = "worse" if paper > getattr(full_row, paper_name) else "better"
                    ours = "worse" if reached > getattr(full, name) else "better"
                    agrees = "as here" if theirs == ours else f"{ours} here"
                    note += f", {theirs} than its full model, {agrees}"
            figures.append(_told(what, f"ablation, {row.name}", reached, unit, note))
    return figures


def _told(what: str, on: str, reached: float | None, unit: str, note: str) -> Figure:
    return Figure(what=what, on=on, reached=reached, unit=unit, note=note)
