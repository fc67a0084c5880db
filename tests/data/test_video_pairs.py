"""Rendered and warped training pairs, small."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from vlogger_core.body.anny_model import AnnyBody, load_anny
from vlogger_core.data import video_photos
from vlogger_core.data.random_bodies import random_body
from vlogger_core.data.video_bodies import body_sample, draw_somebody
from vlogger_core.data.video_crop import Crop, PairSettings
from vlogger_core.data.video_motions import MotionBank, fit_at, join_motions, motion_between, stillness
from vlogger_core.data.video_photos import PhotoPairs
from vlogger_core.data.video_portraits import fit_portraits
from vlogger_core.datatypes import BodyFit
from vlogger_core.errors import InputError
from vlogger_core.motion.layout import MOTION_JOINTS
from vlogger_core.names import EXPRESSION_INDEX, PART_INDEX
from vlogger_core.render.stage import open_stage

SETTINGS = PairSettings(size=64, crop=Crop(side=64), backend="torch", warp="preview")


@pytest.fixture(scope="module")
def model() -> AnnyBody:
    return load_anny()


@pytest.fixture(scope="module")
def bank() -> MotionBank:
    """Someone who sways, blinks and says aah."""
    rng = np.random.default_rng(0)
    motion = np.zeros((40, 52 + 3 * len(MOTION_JOINTS) + 3))
    motion[:, EXPRESSION_INDEX["jawOpen"]] = 0.3 + 0.3 * np.sin(np.arange(40) / 3)
    motion[:, 52:-3] = 0.02 * rng.normal(size=(40, 3 * len(MOTION_JOINTS)))
    return MotionBank(recordings=(motion,))


@pytest.fixture(scope="module")
def fit(model: AnnyBody) -> BodyFit:
    """A body before a photo of stripes."""
    body = random_body(model, 3)
    camera = body.camera.resized(64, 64)
    still = BodyFit(
        model=model, shape=body.shape, joint_rotvec=body.joint_rotvec, translation=body.translation,
        expression=torch.zeros(52), camera=camera, image=torch.rand(3, 64, 64), mask=torch.zeros(64, 64),
    )  # fmt: skip
    stage = open_stage(still, stillness(), (64, 64), backend="torch")
    covered = stage.maps.posed(0).raster.covered.float()
    stripes = 0.5 + 0.4 * torch.sin(torch.arange(64) / 5.0)
    image = torch.where(covered > 0, stripes.expand(3, 64, 64), 0.2)
    return replace(still, image=image, mask=covered)


def test_wild_motions_stay_motions(bank: MotionBank):
    rng = np.random.default_rng(1)
    for wild in (0.0, 1.0):
        motion = bank.cut(rng, num_frames=6, wild=wild)
        assert motion.num_frames == 6
        assert motion.joint_rotvec.abs().max() < 1.6


def test_the_way_between_two_fits_leads_there(fit: BodyFit, bank: MotionBank):
    motion = bank.cut(np.random.default_rng(2), num_frames=2, wild=1.0)
    start, end = fit_at(fit, motion, 0), fit
    reached = fit_at(start, motion_between(start, end), 0)
    torch.testing.assert_close(reached.joint_rotvec, end.joint_rotvec, atol=1e-4, rtol=0)
    torch.testing.assert_close(reached.translation, end.translation)
    assert join_motions([stillness(), stillness()]).num_frames == 2


@pytest.fixture(scope="module")
def pair(model: AnnyBody, bank: MotionBank):
    def make(seed: int):
        rng = np.random.default_rng(seed)
        person, shape = draw_somebody(model, rng, SETTINGS)
        motion = bank.cut(rng, num_frames=2, wild=0.5)
        return body_sample(person, shape, motion, rng, SETTINGS, kind="clip", backdrops=[])

    return make


def test_rendered_pairs_are_what_their_seed_says(pair):
    first, again = pair(5), pair(5)
    assert first.target.shape == (2, 3, 64, 64)
    assert first.to_files() == again.to_files()


def test_the_warp_of_a_rendered_person_is_near_the_truth(pair):
    sample = pair(6)
    person = sample.parts > 0
    assert 0.05 < person.float().mean() < 0.95
    warped = (sample.warp - sample.target).abs().mean(1)
    assert warped[person].mean() < 0.12
    assert (sample.parts == PART_INDEX["lips"]).any()
    # The background stands still.
    assert warped[(sample.warp == sample.background).all(1)].median() < 0.05


def test_a_photo_comes_back_from_nowhere(fit: BodyFit, monkeypatch: pytest.MonkeyPatch):
    for name in ("off_fit", "off_motion"):
        monkeypatch.setattr(video_photos, name, lambda value, rng: value)
    monkeypatch.setattr(video_photos, "ZOOMS", (1.0,))
    still = replace(
        stillness(),
        joint_names=tuple(MOTION_JOINTS),
        joint_rotvec=torch.zeros(1, len(MOTION_JOINTS), 3),
    )
    sample = PhotoPairs([("a", fit)], SETTINGS).sample(still, None, np.random.default_rng(0))
    torch.testing.assert_close(sample.target[0], fit.image, atol=1e-5, rtol=0)
    assert (sample.warp - sample.target).abs().mean() < 0.01


def test_photos_carried_away_come_back_near_the_truth(fit: BodyFit, bank: MotionBank):
    rng = np.random.default_rng(3)
    pairs = PhotoPairs([("a", fit)], SETTINGS)
    single = pairs.sample(bank.cut(rng, num_frames=1, wild=0.5), None, rng)
    assert single.kind == "frames"
    assert (single.warp - single.target).abs().mean() < 0.1
    clip = pairs.sample(bank.cut(rng, num_frames=1, wild=0.5), bank.cut(rng, num_frames=3, wild=0.0), rng)
    assert (clip.kind, len(clip.target)) == ("clip", 3)
    assert pairs.backdrops()[0].shape == (3, 64, 64)


def test_the_plain_flow_is_black_inside_the_mouth(fit: BodyFit, bank: MotionBank):
    motion = bank.cut(np.random.default_rng(0), num_frames=1, wild=0.0)
    motion.expression[:, EXPRESSION_INDEX["jawOpen"]] = 1.0
    for warp, black in (("flow", True), ("preview", False)):
        maps = open_stage(fit, motion, (128, 128), backend="torch", warp=warp).frames(0, 1)
        inside = torch.isin(maps.parts, torch.tensor([PART_INDEX[n] for n in ("mouth_cavity", "teeth", "tongue")]))[0]
        assert inside.any()
        assert (maps.warp_flow[0, :, inside] == 0).all() == black
    with pytest.raises(ValueError, match=r"warp must be one of preview, flow\. Got 'x'"):
        open_stage(fit, motion, (64, 64), backend="torch", warp="x")


def test_crops_are_large_enough(fit: BodyFit):
    maps = open_stage(fit, stillness(), (64, 64), backend="torch").frames(0, 1)
    with pytest.raises(ValueError, match="at least 80 pixels"):
        Crop(side=80)(
            np.random.default_rng(0), maps, fit.image[None], background=fit.image, reference=fit.image,
            kind="frames", info={},
        )  # fmt: skip


def test_a_folder_without_faces_is_refused(model: AnnyBody, tmp_path: Path):
    (tmp_path / "photo.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match="holds no portrait that can be used"):
        fit_portraits(tmp_path, tmp_path / "fits", model)
