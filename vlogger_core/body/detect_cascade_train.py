"""Learns `face_regressor`'s weights: `python -m vlogger_core.body.detect_cascade_train PHOTOS OUT.safetensors`.

The teacher is MediaPipe: its points on the photos are the truth. Each photo is mirrored, lit and blurred in many ways,
and its face made to smile, speak, blink and turn by warping it as the Anny body moves its own face points.
Deterministic.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial.transform import Rotation

from ..names import EXPRESSION_INDEX
from .anny_model import load_anny
from .face_outlines import INNER_LIPS
from .face_regressor import FaceRegressor, apply, apply_inverse, describe, eye_frame, similarity
from .protocol import BodyModel

NUM_STAGES, NUM_SHAPES, NUM_GUESSES = 5, 30, 36
RIDGE = 40.0
NOISE_SHIFT, NOISE_SCALE, NOISE_TURN = 0.10, 0.09, 0.12
"""Spread of the first guess: eye distances, logarithm, radians."""

YAW_DEG, PITCH_DEG = 10.0, 6.0
"""How far faces are turned."""

_EXPRESSIONS = (
    (("mouthSmileLeft", "mouthSmileRight"), 1.0),
    (("cheekSquintLeft", "cheekSquintRight", "eyeSquintLeft", "eyeSquintRight"), 0.8),
    (("jawOpen",), 0.6),
    (("mouthUpperUpLeft", "mouthUpperUpRight", "mouthLowerDownLeft", "mouthLowerDownRight"), 0.8),
    (("mouthPucker",), 0.7),
    (("mouthFrownLeft", "mouthFrownRight"), 0.6),
    (("eyeBlinkLeft", "eyeBlinkRight"), 1.0),
    (("browInnerUp", "browOuterUpLeft", "browOuterUpRight"), 0.8),
    (("browDownLeft", "browDownRight"), 0.8),
)
"""What faces are made to do, and the most of it."""

Photo = tuple[Float[np.ndarray, "h w"], Float[np.ndarray, "478 2"]]

_log = logging.getLogger(__name__)


def train(photos: list[Photo], moves: FaceMoves, *, seed: int = 0) -> FaceRegressor:
    """Learn from grey pictures (0 to 1) with their points (pixels)."""
    rng = np.random.default_rng(seed)
    aligned = []
    for _, points in photos:
        centre, distance, turn = eye_frame(points)
        c, s = np.cos(turn), np.sin(turn)
        aligned.append((points - centre) @ np.array([[c, -s], [s, c]]) / distance)
    mean = np.mean(aligned, 0)
    opposite = _opposites(mean)
    mean = (mean + mean[opposite] * [-1, 1]) / 2

    samples = []
    for grey, points in photos:
        for mirrored in (False, True):
            picture, truth = grey, points
            if mirrored:
                picture = np.ascontiguousarray(grey[:, ::-1])
                truth = (points * [-1, 1] + [grey.shape[1], 0])[opposite]
            for k in range(NUM_GUESSES):
                moved, moved_truth = (picture, truth) if k % 4 == 0 else moves.warp(picture, truth, rng)
                samples.append((_relit(moved, rng), moved_truth, _guess(moved_truth, mean, rng)))
    basis = _basis([apply_inverse(similarity(mean, truth), truth) for _, truth, _ in samples], mean)

    stages = []
    points = [guess for _, _, guess in samples]
    for stage in range(NUM_STAGES):
        features, targets, frames, places = [], [], [], []
        for (grey, truth, _), present in zip(samples, points):
            frame = similarity(mean, present)
            canonical = apply_inverse(frame, present)
            features.append(np.append(describe(grey, frame, canonical), 1.0))
            targets.append(basis @ (apply_inverse(frame, truth) - canonical).reshape(-1))
            frames.append(frame)
            places.append(canonical)
        x, y = np.array(features), np.array(targets)
        penalty = RIDGE * np.eye(x.shape[1])
        penalty[-1, -1] = 1e-6
        weights = np.linalg.solve(x.T @ x + penalty, x.T @ y)
        stages.append(weights)
        shifts = x @ weights @ basis
        model = FaceRegressor(mean=mean, basis=basis, weights=np.array(stages), template=x[0, :-1])
        points = [
            apply(frame, model.constrained(place + move.reshape(-1, 2)))
            for frame, place, move in zip(frames, places, shifts)
        ]
        error = [
            np.linalg.norm(present - truth, axis=1).mean() / eye_frame(truth)[1]
            for (_, truth, _), present in zip(samples, points)
        ]
        _log.info("stage %d: mean error %.2f %% of the eye distance", stage + 1, 100 * np.mean(error))
    at_truth = [describe(g, f := similarity(mean, t), apply_inverse(f, t)) for g, t, _ in samples[::NUM_GUESSES]]
    return FaceRegressor(mean=mean, basis=basis, weights=np.array(stages), template=np.mean(at_truth, 0))


@dataclass(frozen=True, kw_only=True)
class FaceMoves:
    """How face points move when a face does, from the body model: eye distances, x right, y down, z to the front."""

    neutral: Float[np.ndarray, "478 3"]
    deltas: Float[np.ndarray, "52 478 3"]

    @staticmethod
    def of(model: BodyModel) -> FaceMoves:
        rest, zeros = model.rest(model.mean_shape()), torch.zeros(53, 55, 3)
        expression = torch.cat((torch.zeros(1, 52), torch.eye(52)))
        points = model.face_landmarks(model.pose(rest, zeros, zeros[:, 0], expression).vertices).numpy()
        points = points * [1.0, -1.0, 1.0]
        centre, distance, _ = eye_frame(points[0, :, :2])
        points = (points - [*centre, points[0, :, 2].mean()]) / distance
        return FaceMoves(neutral=points[0], deltas=points[1:] - points[0])

    def warp(
        self, grey: Float[np.ndarray, "h w"], truth: Float[np.ndarray, "478 2"], rng: np.random.Generator
    ) -> tuple[Float[np.ndarray, "h w"], Float[np.ndarray, "478 2"]]:
        """A picture of the face with another expression, turned a little, and its points."""
        expression = np.zeros(len(self.deltas))
        for names, most in _EXPRESSIONS:
            if rng.uniform() < 0.4:
                expression[[EXPRESSION_INDEX[name] for name in names]] = rng.uniform(0, most)
        turn = Rotation.from_euler("yx", [rng.normal(0, YAW_DEG), rng.normal(0, PITCH_DEG)], degrees=True)
        moved = turn.apply(self.neutral + np.tensordot(expression, self.deltas, 1))
        centre, distance, angle = eye_frame(truth)
        c, s = np.cos(angle), np.sin(angle)
        points = truth + distance * (moved - self.neutral)[:, :2] @ np.array([[c, s], [-s, c]])
        ring = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        ring = centre + [0, 0.4 * distance] + 2.1 * distance * np.stack((np.cos(ring), np.sin(ring)), 1)
        height, width = grey.shape
        fixed = np.concatenate((ring, [[0, 0], [0, height], [width, 0], [width, height]]))
        step = 4
        y, x = np.mgrid[0 : height + step : step, 0 : width + step : step]
        source = LinearNDInterpolator(np.concatenate((points, fixed)), np.concatenate((truth, fixed)))
        field = source(np.stack((x + 0.5, y + 0.5), -1)).astype(np.float32) - 0.5
        size = field.shape[1] * step, field.shape[0] * step
        field = np.nan_to_num(field, nan=-1.0)
        matrix = np.array([[step, 0, 0], [0, step, 0]], np.float64)
        fields = [cv2.warpAffine(np.ascontiguousarray(field[..., i]), matrix, size) for i in (0, 1)]
        picture = cv2.remap(
            grey,
            fields[0][:height, :width],
            fields[1][:height, :width],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        gap = np.linalg.norm(points[13] - points[14]) - np.linalg.norm(truth[13] - truth[14])
        if gap > 0.04 * distance:
            lips, middle = points[list(INNER_LIPS)], (points[13] + points[14]) / 2
            dark, teeth = rng.uniform(0.03, 0.3), rng.uniform(0.5, 0.95)
            cv2.fillPoly(picture, [np.round(lips).astype(np.int32)], dark)
            if rng.uniform() < 0.8:
                biting = lips.copy()
                below = lips[:, 1] > middle[1]
                biting[below, 1] = middle[1] + rng.uniform(-0.3, 1) * (lips[below, 1] - middle[1])
                cv2.fillPoly(picture, [np.round(biting).astype(np.int32)], teeth)
        return picture, points


def _opposites(mean: Float[np.ndarray, "478 2"]) -> np.ndarray:
    """For each point the one on the other side of the face."""
    mirrored = mean * [-1, 1]
    return np.linalg.norm(mirrored[:, None] - mean[None], axis=-1).argmin(1)


def _guess(truth: np.ndarray, mean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The mean face about as far from the truth as the frontal-face cascade leaves it."""
    centre, distance, turn = eye_frame(truth)
    turn = turn * rng.uniform(0, 1) + NOISE_TURN * rng.standard_normal()
    distance *= np.exp(NOISE_SCALE * rng.standard_normal())
    centre = centre + NOISE_SHIFT * distance * rng.standard_normal(2)
    c, s = np.cos(turn), np.sin(turn)
    return centre + distance * mean @ np.array([[c, s], [-s, c]])


def _relit(grey: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another exposure, sharpness, noise and side light."""
    lit = np.clip(grey, 0, 1) ** np.exp(0.35 * rng.standard_normal())
    x = np.linspace(-1, 1, grey.shape[1], dtype=np.float32)
    lit = lit * (1 + 0.35 * rng.standard_normal() * x).clip(0.3, 2)
    if (blur := rng.uniform(0, 2.5)) > 0.7:
        lit = cv2.GaussianBlur(lit, (0, 0), blur)
    return (lit + 0.02 * rng.uniform() * rng.standard_normal(grey.shape)).astype(np.float32)


def _basis(shapes: list[np.ndarray], mean: np.ndarray) -> np.ndarray:
    """Orthonormal rows: similarities, then the main ways in which shapes differ."""
    x, y = mean.T
    zero, one = np.zeros_like(x), np.ones_like(x)
    similar = [np.stack(pair, 1).reshape(-1) for pair in ((x, y), (-y, x), (one, zero), (zero, one))]
    rigid = np.linalg.qr(np.array(similar).T)[0].T
    offsets = np.array([(shape - mean).reshape(-1) for shape in shapes])
    offsets -= offsets @ rigid.T @ rigid
    return np.concatenate((rigid, np.linalg.svd(offsets, full_matrices=False)[2][:NUM_SHAPES]))


def main() -> None:
    """Read photos, ask MediaPipe, learn, write."""
    from safetensors.numpy import save_file

    from ..errors import InputError
    from ..image import load_image
    from .detect_mediapipe import detect

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    photos = []
    for path in sorted(args.photos.iterdir()):
        pixels = (load_image(path).permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
        try:
            points = detect(pixels, 0).face[:, :2].double().numpy()
        except InputError as error:
            _log.warning("%s is left out: %s", path.name, error)
            continue
        grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
        photos.append(_cropped(grey, points))
    model = train(photos, FaceMoves.of(load_anny()))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.astype(np.float32) for name, value in vars(model).items()}, args.out)


def _cropped(grey: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The face with its surroundings at 80 px between the eyes, where work is fast."""
    centre, distance, _ = eye_frame(points)
    scale, half = 80 / distance, 260
    matrix = np.array([[scale, 0, half - scale * centre[0]], [0, scale, half - scale * centre[1]]])
    shifted = matrix.copy()
    shifted[:, 2] += 0.5 * scale - 0.5
    smooth = cv2.GaussianBlur(grey, (0, 0), 0.5 / scale) if scale < 0.8 else grey
    crop = cv2.warpAffine(smooth, shifted, (2 * half, 2 * half), borderMode=cv2.BORDER_REPLICATE)
    return crop, apply(matrix, points)


if __name__ == "__main__":
    main()
