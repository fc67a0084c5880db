from pathlib import Path

import pytest

from tests.video.tiny_cascade import UPSCALER_64, tiny_models
from tests.video.tiny_video import tiny_config, tiny_network, tiny_upscaler_config
from vlogger_core.errors import InputError
from vlogger_core.video import models as shipped
from vlogger_core.video.checkpoint import save_video_model
from vlogger_core.video.models import VideoModels, load_video_models


def test_reads_a_cascade(tmp_path: Path):
    models = tiny_models()
    paths = [tmp_path / f"video_{network.config.size}.safetensors" for network in models.networks]
    for path, network in zip(paths, models.networks, strict=True):
        save_video_model(path, network)
    loaded = load_video_models(paths[0], paths[1:])
    assert [network.config for network in loaded.networks] == [network.config for network in models.networks]
    assert load_video_models(paths[0], ()).upscalers == ()


def test_only_what_a_size_needs():
    models = tiny_models()
    for side, count in ((8, 1), (16, 1), (17, 2), (32, 2), (33, 3), (64, 3), (500, 3)):
        assert len(models.up_to(side).networks) == count


def test_refuses_models_that_do_not_go_on_from_each_other():
    base, upscaler = tiny_network(), tiny_network(tiny_upscaler_config())
    last = tiny_network(tiny_config(**UPSCALER_64))
    with pytest.raises(InputError, match=r"The base model is an upscaler from 16 to 32 px"):
        VideoModels(base=upscaler)
    with pytest.raises(InputError, match=r"gives 16 px, and the model of 64 px after it goes on from 32 px"):
        VideoModels(base=base, upscalers=(last,))
    with pytest.raises(InputError, match=r"model of 16 px after it begins by itself: .* the next from 16 px"):
        VideoModels(base=base, upscalers=(base,))


def test_weights_that_the_pack_lacks_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    base, upscalers = tmp_path / "video_128.safetensors", (tmp_path / "video_256.safetensors",)
    monkeypatch.setattr(shipped, "SHIPPED_BASE", base)
    monkeypatch.setattr(shipped, "SHIPPED_UPSCALERS", upscalers)
    save_video_model(base, tiny_network())
    with pytest.raises(InputError, match=r"lacks the video model's weights \(.*video_256\.safetensors\): fetch"):
        load_video_models()
    with pytest.raises(InputError, match="There is no video model at"):
        load_video_models(tmp_path / "mine.safetensors", ())
