import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from learned_person import SIZE, made_up_clip

from tests.render.bodies import BallBody
from tests.video.tiny_cascade import tiny_models
from tests.video.tiny_video import tiny_config, tiny_network
from vlogger_core.cli import main
from vlogger_core.data.video_clips import FAR
from vlogger_core.errors import InputError
from vlogger_core.progress import silent
from vlogger_core.render.view import cut
from vlogger_core.train.personalise import format_figures, learn_person, personalise
from vlogger_core.train.personalise_clip import MIN_FRAMES, PersonClip
from vlogger_core.train.personalise_pairs import Pairs, held_out_spans, make_runs, training_spans
from vlogger_core.train.personalise_state import open_state
from vlogger_core.train.personalise_trainer import PersonTraining
from vlogger_core.video.cascade_plan import plan_cascade
from vlogger_core.video.models import VideoModels
from vlogger_core.video.person_file import Person, personalised

QUICK = PersonTraining(steps=4, looks=2, batch=2, frames=2, rank=2)


@pytest.fixture(scope="module")
def clip() -> PersonClip:
    return made_up_clip()


def test_the_last_fifth_is_never_learned_from(clip: PersonClip):
    assert (clip.num_frames, clip.first_held_out) == (25, 20)
    spans = training_spans(clip, 40)
    learned = {t for span in spans for t in range(span.first, span.stop)} | {span.reference for span in spans}
    held = {t for span in held_out_spans(clip) for t in range(span.first, span.stop)}
    assert max(learned) == 19
    assert held == set(range(20, 25))
    assert {span.reference for span in held_out_spans(clip)} == {0}


def test_references_lie_far_from_what_they_become(clip: PersonClip):
    spans = training_spans(clip, 40)
    assert len({span.reference for span in spans}) == 6
    for span in spans:
        assert min(abs(t - span.reference) for t in range(span.first, span.stop)) >= FAR * 20


def test_frames_without_a_face_are_left_out(clip: PersonClip):
    missing = torch.zeros(25, dtype=torch.bool)
    missing[[12, 22]] = True
    seen = replace(clip, tracked=replace(clip.tracked, track=replace(clip.tracked.track, missing=missing)))
    used = {t for span in [*training_spans(seen, 200), *held_out_spans(seen)] for t in range(span.first, span.stop)}
    assert not used & {12, 22}


def test_runs_are_the_frames_that_were_asked_for(clip: PersonClip):
    plan = plan_cascade([tiny_config()], SIZE)
    spans = [*training_spans(clip, 24)[:2], *training_spans(clip, 24)[-1:], *held_out_spans(clip)]
    with torch.no_grad():
        runs = make_runs(clip, spans, plan, 0)
    assert [(run.reference, run.first, run.num_frames) for run in runs] == [
        (span.reference, span.first, span.stop - span.first) for span in spans
    ]
    for run in runs:
        shown = cut(clip.tracked.frame(run.first), plan.frame, plan.stages[0])
        torch.testing.assert_close(run.sample.target[0].float(), shown.clamp(0, 1), atol=0.01, rtol=0)
        redder = (run.sample.target - run.sample.warp).float()[:, 0].mean()
        assert (redder > 0.1) == (run.reference == 0)


@pytest.fixture(scope="module")
def pairs(clip: PersonClip) -> Pairs:
    plan = plan_cascade([network.config for network in tiny_models().networks], SIZE)
    with torch.no_grad():
        runs = make_runs(clip, training_spans(clip, 24), plan, 1)
    runs = [replace(run, change=torch.zeros(run.num_frames, 3, 24, 16).half()) for run in runs]
    return Pairs(runs, own_reference=0, window=16, step=2, frames=2, mirrored=0.5)


def test_what_is_drawn_depends_on_the_seed_alone(pairs: Pairs):
    one, same, other = (pairs.draw(3, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(one.batch.target, same.batch.target)
    assert not torch.equal(one.batch.target, other.batch.target)


def test_windows_lie_on_the_pixels_of_the_stage_before(pairs: Pairs):
    drawn = pairs.draw(16, np.random.default_rng(0))
    assert drawn.batch.target.shape == (16, 2, 3, 16, 16)
    assert drawn.change is not None
    assert drawn.change.shape == (16, 2, 3, 8, 8)
    assert drawn.references.shape == (16, 3, 48, 32)


def face(person: Person, size: int, whose: str) -> float:
    return person.figures[f"{size} psnr_full {whose}"]


@pytest.mark.parametrize("rank", [2, pytest.param(None, marks=pytest.mark.slow)])
def test_a_person_is_learned(clip: PersonClip, rank: int | None):
    models = VideoModels(base=tiny_network(tiny_config(temperature=0.0), trained=False))
    training = PersonTraining(steps=40, looks=4, batch=4, frames=2, rank=rank, learning_rate=0.02)
    person = learn_person(models, clip, training=training)
    assert face(person, 16, "person") > face(person, 16, "base") + 1
    assert "psnr_full" in format_figures(person)


def test_upscalers_learn_from_what_the_person_before_gives(clip: PersonClip):
    models, told, shown = tiny_models(), [], []

    def stage(sentence: str):
        told.append(sentence)
        return silent

    person = learn_person(models, clip, training=QUICK, stage=stage, watch=shown.append)
    assert [made.size for made in person.made_for] == [16, 32, 64]
    assert [sentence for sentence in told if "Learning" in sentence] == [f"Learning {s} px" for s in (16, 32, 64)]
    assert [picture.shape for picture in shown[::2]] == [(3, 24, 48), (3, 48, 96), (3, 96, 192)]
    assert personalised(models, person).networks[2] is not models.networks[2]


def test_noise_at_full_temperature_is_learned_from_too(clip: PersonClip):
    models = VideoModels(base=tiny_network(tiny_config(prediction="epsilon", compose=False)))
    assert learn_person(models, clip, training=QUICK).rank == 2


@pytest.mark.slow
def test_stages_beyond_the_clips_pixels_stay_as_they_are(clip: PersonClip, caplog: pytest.LogCaptureFixture):
    models = tiny_models()
    larger = tiny_network(tiny_config(size=128, upscale=2, patch=8, coarse=4, control_entry="input"))
    person = learn_person(replace(models, upscalers=(*models.upscalers, larger)), clip, training=QUICK)
    assert [made.size for made in person.made_for] == [16, 32, 64]
    assert "64 px on its shorter side, too few to learn 128 px from" in caplog.text


class Stop(Exception):
    """What a user who has enough does."""


@pytest.mark.slow
def test_a_stopped_run_goes_on_exactly(clip: PersonClip, tmp_path: Path):
    models, state = tiny_models(), tmp_path / "me.state.pt"
    models = VideoModels(base=models.base, upscalers=models.upscalers[:1])
    whole = learn_person(models, clip, training=QUICK)

    def watch(_: torch.Tensor) -> None:
        raise Stop

    for _ in range(3):
        with pytest.raises(Stop):
            learn_person(models, clip, training=QUICK, state=state, watch=watch)
    assert state.is_file()
    resumed = learn_person(models, clip, training=QUICK, state=state)
    for one, other in zip(whole.adapters, resumed.adapters, strict=True):
        assert all(torch.equal(value, other[name]) for name, value in one.items())
    assert whole.figures == resumed.figures


def test_a_state_of_another_run_is_refused(clip: PersonClip, tmp_path: Path):
    models, state = VideoModels(base=tiny_network()), tmp_path / "me.state.pt"
    open_state(state, models, clip, QUICK).save()
    with pytest.raises(InputError, match=r"me\.state\.pt was begun with another clip, other models or other settings"):
        learn_person(models, clip, training=replace(QUICK, seed=1), state=state)


def test_minutes_end_in_time(clip: PersonClip):
    person = learn_person(
        VideoModels(base=tiny_network()), clip, training=replace(QUICK, steps=None, minutes=0.005, looks=1)
    )
    assert person.figures


@pytest.mark.parametrize("count", [1, MIN_FRAMES - 1])
def test_too_short_a_clip_is_refused(count: int):
    with pytest.raises(InputError, match=rf"The clip has {count} frames?, .* at least {MIN_FRAMES} frames"):
        personalise(tiny_models(), [torch.zeros(3, 64, 64)] * count, Fraction(25), body=BallBody())


def test_a_clip_without_a_person_is_refused():
    with pytest.raises(InputError, match="No face was found in any of the 20 frames"):
        personalise(
            tiny_models(), [torch.full((3, 64, 64), 0.5)] * 20, Fraction(25), body=BallBody(), landmarks="cascade"
        )


def test_a_cut_clip_is_refused():
    one, other = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with pytest.raises(InputError, match=r"The clip is cut at frame 15 \(0\.60 s\)"):
        personalise(tiny_models(), [one] * 15 + [other] * 15, Fraction(25), body=BallBody())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--out", "me.pt"], r"--out must be a \.safetensors file in a folder that exists\. Got me\.pt"),
        (["--out", "no/me.safetensors"], r"in a folder that exists\. Got no/me\.safetensors"),
        (["--out", "me.safetensors", "--rank", "0"], r"--rank must lie in 1 to 512\. Got 0"),
        (["--out", "me.safetensors", "--minutes", "0"], r"--minutes must lie in 0\.1 to 1440\. Got 0"),
        (["--out", "me.safetensors", "--resume"], r"There is no me\.state\.pt to go on with"),
        (["--out", "me.safetensors"], r"There is no video file gone\.mp4"),
    ],
)
def test_the_command_says_what_is_wrong(
    options: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.chdir(tmp_path)
    assert main(["personalise", "--video", "gone.mp4", *options]) == 2
    assert re.search(message, capsys.readouterr().err)
    assert list(tmp_path.iterdir()) == []


def test_a_stopped_run_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "me.state.pt").touch()
    assert main(["personalise", "--video", "gone.mp4", "--out", "me.safetensors"]) == 2
    assert "me.state.pt is of a run that was stopped: give --resume" in capsys.readouterr().err
