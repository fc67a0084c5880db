import copy
from dataclasses import replace

import pytest
import torch

from tests.video.tiny_cascade import SETTINGS, somebody, tiny_models
from vlogger_core.video.fingerprint import describe_video, fingerprint

MODELS = tiny_models()


def _described(**changes: object) -> dict:
    fit, motion = somebody(2)
    arguments = {"models": MODELS, "fit": fit, "motion": motion, "size": (80, 64), "settings": SETTINGS}
    return describe_video(**{**arguments, **changes}, backend="torch")


def test_the_same_video_has_the_same_description():
    described = _described()
    assert described == _described()
    assert (described["frames"], described["fps"], described["width"], described["height"]) == (2, "24", 64, 80)
    assert len(described["models"]) == 3


@pytest.mark.parametrize("what", ["photo", "body", "motion", "models", "base"])
def test_what_changes_is_told(what: str):
    fit, motion = somebody(2)
    models = copy.deepcopy(MODELS)
    with torch.no_grad():
        models.upscalers[1].base.conv_in.weight[0, 0, 0, 0] += 1e-3
    changed = {
        "photo": {"fit": replace(fit, image=fit.image + 0.01)},
        "body": {"fit": replace(fit, translation=fit.translation + 0.01)},
        "motion": {"motion": replace(motion, translation=motion.translation + 0.01)},
        "models": {"models": models},
        "base": {"settings": replace(SETTINGS, base=replace(SETTINGS.base, seed=1))},
    }[what]
    described, plain = _described(**changed), _described()
    assert {name for name in plain if plain[name] != described[name]} == {what}


def test_models_that_do_not_run_do_not_count():
    described = _described(size=(20, 16))
    assert len(described["models"]) == 1
    assert described["upscalers"] is None


def test_tensors_of_every_kind_have_a_fingerprint():
    values = {"half": torch.rand(3, 2).bfloat16(), "number": torch.tensor(3), "none": torch.zeros(0), "text": "a"}
    assert fingerprint(values) == fingerprint(dict(reversed(values.items())))
    turned = torch.rand(4, 4)
    assert fingerprint({"a": turned.T}) == fingerprint({"a": turned.T.contiguous()})
    assert fingerprint({"a": turned}) != fingerprint({"a": turned.reshape(2, 8)})
