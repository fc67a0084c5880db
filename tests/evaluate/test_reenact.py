"""`evaluate reenact` on made-up clips that are known exactly, and the command as a user meets it."""

from dataclasses import replace
from fractions import Fraction
from functools import partial

import pytest
import torch
from safetensors.torch import save_file

from tests.render.bodies import ball_fit, head_motion
from tests.video.tiny_cascade import SETTINGS, tiny_models
from vlogger_core.body.anny_model import load_anny
from vlogger_core.body.expression import compose_expression
from vlogger_core.cli import main
from vlogger_core.data.random_bodies import SIZE, random_body
from vlogger_core.datatypes import BodyFit
from vlogger_core.errors import InputError, ToolError
from vlogger_core.evaluate import reenact, reenact_ablation, reenact_clips, reenact_drift, reenact_lpips
from vlogger_core.evaluate.reenact_cache import FitCache, Tracked
from vlogger_core.evaluate.reenact_clips import OURS, STATIC, WARP, Made
from vlogger_core.evaluate.reenact_detail import still_motion
from vlogger_core.evaluate.reenact_models import Cascade
from vlogger_core.evaluate.reenact_regions import regions_of
from vlogger_core.evaluate.reenact_scores import Scores, format_scores
from vlogger_core.evaluate.table import chosen_parts
from vlogger_core.names import EXPRESSION_INDEX
from vlogger_core.render.posed import reference_frame
from vlogger_core.render.preview import render_preview
from vlogger_core.render.scene import open_scene
from vlogger_core.video.checkpoint import SHIPPED_BASE
from vlogger_core.video.writer import write_video


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Tracked:
    """A ball that turns, filmed by the warp itself."""
    fit, motion = ball_fit(64, 64), head_motion([[0.0, 0.06 * t, 0.0] for t in range(5)])
    path = tmp_path_factory.mktemp("clips") / "grid_ball.mp4"
    write_video(path, render_preview(fit, motion), Fraction(25), None)
    return Tracked(path=path, fit=fit, motion=motion)


@pytest.fixture(scope="module")
def cascade() -> Cascade:
    """Untrained: it gives the warp."""
    return Cascade(models=tiny_models(trained=False), settings=SETTINGS)


@pytest.fixture(scope="module")
def scores(clip, cascade) -> Scores:
    return reenact_clips.score_clips([clip], [Made(name=OURS, sample=cascade.sample)], size=64)


def test_the_warp_of_a_clip_that_it_made_is_better_than_the_static_frame(scores):
    gain = scores.gain(WARP, STATIC, "PSNR", "full")
    assert gain is not None
    assert gain > 3
    for metric, sign in (("SSIM", 1), ("MS-SSIM", 1), ("gradient similarity", 1), ("L1", -1), ("flicker", -1)):
        assert sign * scores.gain(WARP, STATIC, metric, "full") > 0


def test_an_untrained_model_is_no_better_than_the_warp_and_misses(scores):
    figures = {figure.what: figure for figure in reenact_clips.ours_figures(scores, "one ball")}
    assert figures["ours over raw warp, full"].reached == pytest.approx(0, abs=0.05)
    assert not figures["ours over raw warp, full"].met
    assert not figures["gradient similarity over raw warp, full"].met
    assert figures["flicker over the raw warp's"].met
    assert "gradient similarity over raw warp, hands" not in figures


def test_what_asked_of_the_warp_is_told_clip_by_clip(scores):
    full = reenact_clips.warp_figures(scores, "one ball")[0]
    assert (full.asked, full.at_least, full.met) == (1.0, True, True)
    assert full.note.startswith("clips: +")


def test_flicker_is_the_difference_of_differences():
    truth = torch.zeros(3, 20, 20)
    region = {"full": torch.ones(20, 20, dtype=torch.bool)}
    scores = Scores()
    clip = scores.open_clip(["steady", "flickering"])
    for t in range(5):
        brightness = torch.full_like(truth, 0.1 * (t % 2))
        clip.add(truth, {"steady": truth + 0.3, "flickering": brightness}, None if t == 0 else region)
    assert scores.mean("steady", "flicker", "full") == pytest.approx(0, abs=1e-6)
    assert scores.mean("flickering", "flicker", "full") == pytest.approx(0.1)
    assert scores.mean("steady", "PSNR", "hands") is None
    assert "steady" in format_scores(scores, ["steady", "flickering"])


def test_regions_lie_where_the_body_shows_them():
    known = random_body(load_anny(), 0)
    names = ("model", "shape", "joint_rotvec", "translation", "expression", "camera")
    fit = BodyFit(
        **{name: getattr(known, name) for name in names}, image=torch.zeros(3, SIZE, SIZE), mask=torch.ones(SIZE, SIZE)
    )
    found = regions_of(reference_frame(open_scene(fit, still_motion(fit, 1))))
    assert found["full"].all()
    assert found["mouth"].sum() < found["face"].sum() / 4
    assert (found["mouth"] & ~found["face"]).sum() < found["mouth"].sum() / 4
    nose = known.landmarks.face[1, :2].long()
    assert found["face"][nose[1], nose[0]]
    assert not found["body"][nose[1], nose[0]]


def test_a_still_motion_leaves_the_photo_s_own_expression():
    expression = torch.rand(52, generator=torch.Generator().manual_seed(0)) * 0.5
    # No motion holds what faces cannot: eyes that look both ways, lips closed further than the jaw opens.
    expression[10:18] = 0
    expression[EXPRESSION_INDEX["mouthClose"]] = 0
    fit = replace(ball_fit(), expression=expression)
    motion = still_motion(fit, 2)
    assert torch.allclose(compose_expression(fit.expression, motion.expression)[1], expression, atol=0.02)


def test_a_recurring_motion_recurs():
    motion = reenact_drift.recurring_motion(300)
    assert torch.equal(motion.expression[:100], motion.expression[200:])
    assert torch.equal(motion.joint_rotvec[:100], motion.joint_rotvec[200:])
    assert motion.expression.max() > 0.9
    step = motion.joint_rotvec[:101].diff(dim=0).norm(dim=-1)
    assert step.max() < 2 * step.median() + 0.02


def test_drift_is_found(tmp_path, clip):
    cache = FitCache(tmp_path, clip.fit.model)
    photo = tmp_path / "p04_ball.png"
    photo.write_bytes(b"a photo")
    cache.keep(Tracked(path=photo, fit=clip.fit))

    def fading(by: float, fit, motion, size, progress):
        picture = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0))
        for t in range(motion.num_frames):
            yield picture * (1 - by * t / motion.num_frames)

    steady = reenact_drift.drift_figures([photo], partial(fading, 0.0), cache, num_frames=200)
    assert [figure.met for figure in steady[:2]] == [True, True]
    fades = reenact_drift.drift_figures([photo], partial(fading, 0.2), cache, num_frames=200)
    assert [figure.met for figure in fades[:2]] == [False, False]
    assert fades[0].reached == pytest.approx(10, abs=1.5)
    with pytest.raises(InputError, match="--frames must be a multiple of 100"):
        reenact_drift.drift_figures([photo], partial(fading, 0.0), cache, num_frames=150)


def test_a_track_comes_back_from_the_cache(tmp_path, clip):
    cache = FitCache(tmp_path / "cache", clip.fit.model)
    assert cache.find(clip.path) is None
    cache.keep(clip)
    found = cache.clip(clip.path)
    assert found.motion.joint_names == clip.motion.joint_names
    assert torch.equal(found.motion.joint_rotvec, clip.motion.joint_rotvec)
    assert torch.equal(found.fit.image, clip.fit.image)
    assert (found.motion.fps, found.fit.camera) == (clip.motion.fps, clip.fit.camera)
    (kept,) = (tmp_path / "cache").iterdir()
    kept.write_bytes(b"broken")
    with pytest.raises(InputError, match="damaged"):
        cache.find(clip.path)


def test_another_file_of_the_same_name_is_another(tmp_path, clip):
    cache = FitCache(tmp_path / "cache", clip.fit.model)
    photo = tmp_path / "photo.png"
    photo.write_bytes(b"one")
    cache.keep(Tracked(path=photo, fit=clip.fit))
    assert cache.photo(photo).camera == clip.fit.camera
    photo.write_bytes(b"two")
    assert cache.find(photo) is None


def test_parts_are_chosen_and_wrong_ones_refused(capsys):
    assert chosen_parts("speed, warp", reenact.PARTS) == ("warp", "speed")
    assert main(["evaluate", "reenact", "--only", "warp,dream"]) == 2
    assert "--only takes warp, ours, detail" in capsys.readouterr().err


@pytest.mark.skipif(SHIPPED_BASE.is_file(), reason="the weights are there")
def test_without_weights_only_what_needs_none_can_be_measured(capsys):
    assert main(["evaluate", "reenact", "--only", "ours"]) == 2
    assert "lacks the video model's weights" in capsys.readouterr().err


def test_settings_out_of_range_are_refused(capsys):
    assert main(["evaluate", "reenact", "--only", "warp", "--overlap", "0.95", "--data", "/nowhere"]) == 2
    assert "--overlap must lie in 0 to 0.9" in capsys.readouterr().err


def test_lpips_says_what_it_needs(tmp_path):
    path = tmp_path / "alexnet.safetensors"
    save_file({"features.0.weight": torch.zeros(1)}, path)
    with pytest.raises((ToolError, InputError), match=r"pip install lpips|lacks features"):
        reenact_lpips.open_lpips(path)


@pytest.mark.parametrize("reduction", [None, "dense"])
def test_a_base_model_is_measured_with_less_to_go_by(clip, reduction):
    settings = SETTINGS.base
    sample = reenact_ablation.base_video(tiny_models(trained=False).base, settings, reduction)
    frames = list(sample(clip.fit, clip.motion, (64, 64), lambda done, total: None))
    assert len(frames) == clip.motion.num_frames
    still = (frames[0] - frames[-1]).abs().max() < 1e-5
    assert still == (reduction == "dense")


def test_ablations_that_are_not_trained_are_told(monkeypatch, tmp_path):
    monkeypatch.setattr(reenact_ablation, "SHIPPED_BASE", tmp_path / "video_128.safetensors")
    figures, _, rows = reenact_ablation.ablation_figures([], SETTINGS.base, tmp_path)
    assert rows == []
    assert all(figure.reached is None and figure.met for figure in figures)
    assert figures[0].note.startswith("not measured: there is no ")
