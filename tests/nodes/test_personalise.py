from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from tests.video.tiny_video import tiny_config, tiny_network
from vlogger_core.video.checkpoint import save_video_model

from ..render.bodies import ball_fit, head_motion

WIDGETS = {"minutes": 0.1, "fps": 25.0, "landmarks": "cascade", "face_index": 0}
UPSCALER = {"upscale": 2, "patch": 8, "coarse": 4, "control_entry": "input"}


@pytest.fixture
def nodes(pack: ModuleType) -> ModuleType:
    import importlib

    return importlib.import_module(f"{pack.__name__}.personalise")


@pytest.fixture
def folder(pack: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's people."""
    import folder_paths

    people = tmp_path / "vlogger" / "person"
    people.mkdir(parents=True)
    monkeypatch.setattr(folder_paths, "models_dir", str(tmp_path))
    monkeypatch.setitem(folder_paths.folder_names_and_paths, "vlogger_person", ([str(people)], {".safetensors"}))
    return people


@pytest.fixture
def model(pack: ModuleType, tmp_path: Path) -> Any:
    """A cascade of 16 and 32 px."""
    from vlogger_pack.vlogger_core.video.models import load_video_models

    save_video_model(tmp_path / "base.safetensors", tiny_network())
    save_video_model(tmp_path / "32.safetensors", tiny_network(tiny_config(size=32, **UPSCALER)))
    networks = load_video_models(tmp_path / "base.safetensors", [tmp_path / "32.safetensors"])
    return pack.managed.video_model(networks)


@pytest.fixture
def person(pack: ModuleType, model: Any, folder: Path) -> str:
    """One who changes the base only."""
    from vlogger_pack.vlogger_core.video.adapters import new_adapter
    from vlogger_pack.vlogger_core.video.person_file import Person, made_of, save_person

    base = model.networks.base
    adapter = new_adapter(base, None, generator=torch.Generator())
    changed = {name: value + 0.05 for name, value in adapter.items()}
    save_person(folder / "me_00001.safetensors", Person(made_for=(made_of(base),), adapters=(changed,)))
    return "me_00001.safetensors"


def frames(pack: ModuleType, model: Any) -> torch.Tensor:
    fit, motion = ball_fit(80, 64), head_motion([[0.0, 0.02 * t, 0.0] for t in range(3)])
    sampling = {"seed": 3, "steps": 2, "solver": "DDIM", "control_guidance": 1.0, "reference_guidance": 1.0}
    return pack.VloggerTemporalSampler.execute(model, fit, motion, overlap="0 %", **sampling).args[0]


def test_a_person_is_offered_and_loaded(pack: ModuleType, nodes: ModuleType, model: Any, person: str) -> None:
    _, choice, _ = nodes.VloggerLoadPerson.define_schema().inputs
    assert choice.options == ["none", person]
    assert nodes.VloggerLoadPerson.validate_inputs(person) is True
    (loaded,) = nodes.VloggerLoadPerson.execute(model, person, 1.0).args
    assert [patcher.model for patcher in loaded.patchers] == list(loaded.networks.networks)
    assert loaded.patchers[0] is not model.patchers[0]
    assert loaded.patchers[1] is model.patchers[1]
    assert not torch.equal(frames(pack, loaded), frames(pack, model))


def test_strength_0_and_nobody_are_the_model_itself(
    pack: ModuleType, nodes: ModuleType, model: Any, person: str
) -> None:
    (none,) = nodes.VloggerLoadPerson.execute(model, person, 0.0).args
    (nobody,) = nodes.VloggerLoadPerson.execute(model, "none", 1.0).args
    assert none.patchers == nobody.patchers == model.patchers
    assert torch.equal(frames(pack, none), frames(pack, model))


def test_what_cannot_be_loaded_is_said(
    pack: ModuleType, nodes: ModuleType, model: Any, person: str, tmp_path: Path
) -> None:
    assert "no person named" in nodes.VloggerLoadPerson.validate_inputs("you.safetensors")
    from vlogger_pack.vlogger_core.video.models import load_video_models

    save_video_model(tmp_path / "other.safetensors", tiny_network(seed=5))
    other = pack.managed.video_model(load_video_models(tmp_path / "other.safetensors", []))
    with pytest.raises(ValueError, match=r"me_00001\.safetensors was made for the base model of 16 px"):
        nodes.VloggerLoadPerson.execute(other, person, 1.0)


def test_a_changed_person_is_loaded_again(nodes: ModuleType, person: str, folder: Path) -> None:
    import os

    before = nodes.VloggerLoadPerson.fingerprint_inputs(person, 1.0)
    os.utime(folder / person, (1, 1))
    assert nodes.VloggerLoadPerson.fingerprint_inputs(person, 1.0) != before


@pytest.mark.parametrize("name", ["", "a/b", "..", "person.safetensors"])
def test_only_plain_names_are_taken(nodes: ModuleType, name: str) -> None:
    assert "cannot be the name of a file" in nodes.VloggerPersonalise.validate_inputs(name)
    assert nodes.VloggerPersonalise.validate_inputs("Anna 2") is True


def test_clips_that_tell_nothing_are_refused(nodes: ModuleType, model: Any, folder: Path) -> None:
    body = ball_fit().model
    for count, said in ((1, "The clip has 1 frame, and its last fifth"), (20, "No face was found in any of the 20")):
        with pytest.raises(ValueError, match=said):
            nodes.VloggerPersonalise.execute(
                torch.full((count, 64, 64, 3), 0.5), model, "me", body_model=body, **WIDGETS
            )
    assert list(folder.iterdir()) == []


def test_nothing_is_overwritten(nodes: ModuleType, person: str, folder: Path) -> None:
    assert nodes._new_file("me").name == "me_00002.safetensors"
    assert nodes._new_file("you").name == "you_00001.safetensors"


def test_defaults_are_those_of_the_core(nodes: ModuleType) -> None:
    from vlogger_pack.vlogger_core.train.personalise_trainer import PersonTraining

    widgets = {put.id: getattr(put, "default", None) for put in nodes.VloggerPersonalise.define_schema().inputs}
    training = PersonTraining()
    assert (widgets["minutes"], widgets["rank"], widgets["seed"]) == (training.minutes, training.rank, training.seed)
