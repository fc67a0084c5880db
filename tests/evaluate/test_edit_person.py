from dataclasses import replace
from pathlib import Path

import pytest
from learned_person import made_up_clip

from tests.video.tiny_cascade import tiny_models
from tests.video.tiny_video import tiny_network
from vlogger_core.evaluate.edit_person import BASE, PERSON, Learned, is_refused, person_figures, score_people
from vlogger_core.evaluate.table import format_table
from vlogger_core.train.personalise import learn_person
from vlogger_core.train.personalise_trainer import PersonTraining
from vlogger_core.video.models import VideoModels


@pytest.fixture(scope="module")
def models() -> VideoModels:
    return VideoModels(base=tiny_models(trained=False).base)


@pytest.fixture(scope="module")
def learned(models: VideoModels) -> Learned:
    clip = made_up_clip()
    training = PersonTraining(steps=30, looks=3, batch=4, rank=4, learning_rate=0.02)
    person = learn_person(models, clip, training=training)
    return Learned(path=Path("ball.mp4"), clip=clip, person=person, minutes=0.2, cpu_minutes=0.1)


def test_the_held_out_part_tells_what_a_person_adds(models: VideoModels, learned: Learned):
    scores, same = score_people(models, [learned], size=64)
    assert same
    gain = scores.gain(PERSON, BASE, "PSNR", "full")
    assert gain is not None
    assert gain > 0.5
    figures = person_figures(scores, same, [learned], refused=True)
    assert {figure.what for figure in figures if figure.asked == 1.0 and figure.met} >= {
        "strength 0 is the base model, exactly",
        "a file made for another base is refused",
    }
    slow = person_figures(scores, same, [replace(learned, cpu_minutes=20.0)], refused=True)
    assert "MISSED" in format_table([figure for figure in slow if "training" in figure.what])


def test_a_person_is_refused_by_another_base(models: VideoModels, learned: Learned):
    assert is_refused(models, learned.person, VideoModels(base=tiny_network(seed=9)))
    assert not is_refused(models, learned.person, models)
