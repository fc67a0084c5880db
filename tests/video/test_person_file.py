from pathlib import Path

import pytest
import torch

from tests.video.test_adapters import random_adapter, said
from tests.video.tiny_cascade import SETTINGS, somebody, tiny_models
from tests.video.tiny_video import tiny_config, tiny_network, tiny_upscaler_config
from vlogger_core.errors import InputError
from vlogger_core.video.cascade import sample_cascade
from vlogger_core.video.checkpoint import save_video_model
from vlogger_core.video.models import VideoModels
from vlogger_core.video.person_file import (
    Person,
    as_kept,
    load_person,
    made_of,
    network_print,
    personalised,
    save_person,
)


def person_of(models: VideoModels, stages: int = 2, rank: int | None = 2) -> Person:
    networks = models.networks[:stages]
    return Person(
        made_for=tuple(made_of(network) for network in networks),
        adapters=tuple(random_adapter(network, rank) for network in networks),
        rank=rank,
        figures={"16 psnr_face base": 20.5, "16 psnr_face person": 22.0},
    )


@pytest.mark.parametrize("rank", [2, None])
def test_what_is_kept_comes_back(tmp_path: Path, rank: int | None):
    person = person_of(tiny_models(), rank=rank)
    file = tmp_path / "me.safetensors"
    save_person(file, person)
    assert list(tmp_path.iterdir()) == [file]
    loaded = load_person(file)
    assert (loaded.made_for, loaded.rank, loaded.figures) == (person.made_for, rank, person.figures)
    kept = as_kept(person)
    for one, other in zip(loaded.adapters, kept.adapters, strict=True):
        assert one.keys() == other.keys()
        assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_strength_0_is_the_base_models_video_exactly():
    models = tiny_models()
    fit, motion = somebody(5)

    def video(chosen: VideoModels) -> torch.Tensor:
        chunks = sample_cascade(chosen, fit, motion, (40, 32), SETTINGS)
        return torch.cat([chunk.frames for chunk in chunks])

    person = person_of(models)
    base, none, whole = video(models), video(personalised(models, person, 0.0)), video(personalised(models, person))
    assert torch.equal(base, none)
    assert not torch.equal(base, whole)


def test_only_what_was_learned_is_another_network():
    models = tiny_models()
    made = personalised(models, person_of(models, stages=2))
    assert [new is old for new, old in zip(made.networks, models.networks, strict=True)] == [False, False, True]


def test_a_person_serves_fewer_stages_than_it_was_made_for():
    models = tiny_models()
    person = person_of(models)
    only_base = personalised(VideoModels(base=models.base), person)
    assert torch.equal(said(only_base.base), said(personalised(models, person).base))


def test_another_base_is_refused_by_name():
    models = tiny_models()
    person = person_of(models)
    others = VideoModels(base=tiny_network(seed=7))
    wanted, got = made_of(models.base), made_of(others.base)
    assert wanted.name.startswith("base model of 16 px (")
    for strength in (0.0, 1.0):
        with pytest.raises(InputError) as refusal:
            personalised(others, person, strength, name="me.safetensors")
        said = str(refusal.value)
        assert said.startswith(f"me.safetensors was made for the {wanted.name}, and the {got.name} is loaded:")
    large = VideoModels(base=tiny_network(tiny_config(size=32)))
    with pytest.raises(InputError, match=r"base model of 16 px .* base model of 32 px"):
        personalised(large, person)


def test_another_upscaler_is_refused_by_name():
    models = tiny_models()
    other = tiny_network(tiny_upscaler_config(clip_frames=3), seed=8)
    with pytest.raises(InputError, match="upscaler from 16 to 32 px"):
        personalised(VideoModels(base=models.base, upscalers=(other,)), person_of(models))


def test_a_model_is_known_again_in_any_number_format(tmp_path: Path):
    from vlogger_core.video.checkpoint import load_video_model

    save_video_model(tmp_path / "base.safetensors", tiny_network())
    prints = {
        network_print(load_video_model(tmp_path / "base.safetensors").to(dtype))
        for dtype in (torch.float32, torch.float16, torch.bfloat16)
    }
    assert len(prints) == 1


def test_files_that_are_no_person_are_refused(tmp_path: Path):
    with pytest.raises(InputError, match="There is no person at"):
        load_person(tmp_path / "nobody.safetensors")
    save_video_model(tmp_path / "model.safetensors", tiny_network())
    with pytest.raises(InputError, match=r"is not a VLOGGER person: choose one made by .* personalise"):
        load_person(tmp_path / "model.safetensors")
    person = person_of(tiny_models())
    stray = Person(made_for=person.made_for[:1], adapters=person.adapters[:1])
    save_person(tmp_path / "me.safetensors", stray)
    content = (tmp_path / "me.safetensors").read_bytes()
    (tmp_path / "half.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="damaged"):
        load_person(tmp_path / "half.safetensors")
    save_person(tmp_path / "stray.safetensors", Person(made_for=(), adapters=()))
    with pytest.raises(InputError, match="holds weights of models that it does not name"):
        load_person(tmp_path / "stray.safetensors")
