from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from tests.video.tiny_video import tiny_config, tiny_network, tiny_sd15
from vlogger_core.video.checkpoint import save_video_model
from vlogger_core.video.network import VideoNetwork
from vlogger_core.video.sd15 import sd15_config

from ..render.bodies import ball_fit, head_motion
from ..video.sd15_files import write_folder

WIDGETS = {
    "seed": 3,
    "steps": 2,
    "solver": "DDIM",
    "control_guidance": 1.0,
    "reference_guidance": 1.0,
    "overlap": "50 %",
}
UPSCALER = {"upscale": 2, "patch": 8, "coarse": 4, "control_entry": "input"}


@pytest.fixture(scope="module")
def fit() -> Any:
    return ball_fit()


@pytest.fixture(scope="module")
def motion() -> Any:
    return head_motion([[0.0, 0.02 * t, 0.0] for t in range(7)])


@pytest.fixture
def files(pack: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cascade of 32, 64 and 128 px in the user's folder."""
    import folder_paths

    folder = tmp_path / "video"
    folder.mkdir()
    monkeypatch.setitem(folder_paths.folder_names_and_paths, "vlogger_video", ([str(folder)], {".safetensors"}))
    save_video_model(folder / "base.safetensors", tiny_network(tiny_config(size=32)))
    for size in (64, 128):
        save_video_model(folder / f"{size}.safetensors", tiny_network(tiny_config(size=size, **UPSCALER)))
    return folder


@pytest.fixture
def model(pack: ModuleType, files: Path) -> Any:
    return load(pack, "base.safetensors", "64.safetensors", "128.safetensors")


def load(pack: ModuleType, *names: str, **more: str) -> Any:
    (loaded,) = pack.VloggerVideoModel.execute(*names, **more).args
    return loaded


def test_the_loader_offers_the_shipped_set_and_the_users_files(pack: ModuleType, files: Path) -> None:
    base, upscaler, another, sd15 = pack.VloggerVideoModel.define_schema().inputs
    assert base.options == ["embedded", "128.safetensors", "64.safetensors", "base.safetensors"]
    assert upscaler.options[:3] == ["embedded", "none", "128.safetensors"]
    assert another.options[0] == sd15.options[0] == "none"


def test_the_loader_gives_the_stages_in_order(pack: ModuleType, model: Any) -> None:
    assert [network.config.size for network in model.networks.networks] == [32, 64, 128]
    assert [patcher.model for patcher in model.patchers] == list(model.networks.networks)
    assert load(pack, "base.safetensors", "none").networks.upscalers == ()


def test_the_loader_names_what_is_missing(pack: ModuleType, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vlogger_pack.vlogger_core.video import models

    monkeypatch.setattr(models, "SHIPPED_BASE", files / "video_128.safetensors")
    problem = pack.VloggerVideoModel.validate_inputs("base.safetensors", "gone.safetensors")
    assert "no video weights named" in problem
    assert "gone.safetensors" in problem
    assert pack.VloggerVideoModel.validate_inputs("base.safetensors", "none") is True
    with pytest.raises(ValueError, match=r"video_128\.safetensors"):
        load(pack, "embedded", "none")


def test_the_loader_refuses_stages_that_do_not_fit(pack: ModuleType, files: Path) -> None:
    with pytest.raises(ValueError, match="The stage before gives 32 px, and the model of 128 px after it goes on from"):
        load(pack, "base.safetensors", "128.safetensors")
    with pytest.raises(ValueError, match="is an upscaler"):
        load(pack, "64.safetensors", "none")


def test_a_changed_file_is_loaded_again(pack: ModuleType, files: Path) -> None:
    import os

    before = pack.VloggerVideoModel.fingerprint_inputs("base.safetensors", "none")
    os.utime(files / "base.safetensors", (1, 1))
    assert pack.VloggerVideoModel.fingerprint_inputs("base.safetensors", "none") != before


def test_a_base_of_stable_diffusion(
    pack: ModuleType, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fit: Any, motion: Any
) -> None:
    import folder_paths

    base = tiny_sd15()
    folder = write_folder(tmp_path / "diffusers" / "tiny", base)
    (folder / "model_index.json").touch()
    monkeypatch.setitem(folder_paths.folder_names_and_paths, "diffusers", ([str(tmp_path / "diffusers")], {"folder"}))
    config = sd15_config(base, clip_frames=4, size=32)
    save_video_model(files / "latent.safetensors", VideoNetwork(config, base=base.unet, autoencoder=base.autoencoder))
    with pytest.raises(ValueError, match=r"needs the Stable Diffusion 1\.5 that it was trained on"):
        load(pack, "latent.safetensors", "none")
    with pytest.raises(ValueError, match="set sd15 to none"):
        load(pack, "base.safetensors", "none", sd15="tiny")
    latent = load(pack, "latent.safetensors", "none", sd15="tiny")
    frames, _ = pack.VloggerTemporalSampler.execute(latent, fit, motion, **WIDGETS).args
    assert frames.shape == (7, 38, 32, 3)


def test_every_setting_of_the_core_is_a_widget_with_its_default(pack: ModuleType) -> None:
    from vlogger_pack.vlogger_core.diffusion import SOLVERS
    from vlogger_pack.vlogger_core.video.cascade import CascadeSettings
    from vlogger_pack.vlogger_core.video.sampler import SamplerSettings

    assert set(pack.video_widgets._SOLVERS.values()) == set(SOLVERS)
    defaults = CascadeSettings()
    for node, chosen in (
        (pack.VloggerTemporalSampler, defaults.base),
        (pack.VloggerUpscaler, defaults.upscalers),
        (pack.VloggerLongVideo, defaults.base),
    ):
        widgets = {put.id: put.default for put in node.define_schema().inputs if hasattr(put, "default")}
        names = [field.name for field in fields(SamplerSettings)]
        assert pack.video_widgets.settings(**{name: widgets[name] for name in names}) == chosen
    assert widgets["upscaler_steps"] == defaults.upscalers.steps


def test_the_sampler_gives_frames_of_the_bases_size(pack: ModuleType, model: Any, fit: Any, motion: Any) -> None:
    frames, fps = pack.VloggerTemporalSampler.execute(model, fit, motion, **WIDGETS).args
    assert frames.shape == (7, 38, 32, 3)
    assert 0 <= frames.min() < frames.max() <= 1
    assert fps == 24.0
    again, _ = pack.VloggerTemporalSampler.execute(model, fit, motion, **WIDGETS).args
    assert torch.equal(frames, again)
    other, _ = pack.VloggerTemporalSampler.execute(model, fit, motion, **{**WIDGETS, "seed": 4}).args
    assert not torch.equal(frames, other)


def test_upscalers_may_follow_each_other(pack: ModuleType, model: Any, fit: Any, motion: Any) -> None:
    frames, _ = pack.VloggerTemporalSampler.execute(model, fit, motion, **WIDGETS).args
    larger, _ = pack.VloggerUpscaler.execute(model, frames, fit, motion, 64, **WIDGETS).args
    assert larger.shape == (7, 76, 64, 3)
    largest, fps = pack.VloggerUpscaler.execute(model, larger, fit, motion, 128, **WIDGETS).args
    assert largest.shape == (7, 154, 128, 3)
    assert fps == 24.0


def test_the_upscaler_refuses_what_it_cannot_use(pack: ModuleType, model: Any, fit: Any, motion: Any) -> None:
    frames = torch.zeros(7, 38, 32, 3)
    for wrong, short_side, said in (
        (frames[:3], 64, "as many as the motion has, 7. Got 3"),
        (torch.zeros(7, 60, 50, 3), 64, "goes on from frames of 32 or 64 px on the shorter side. Got frames of 50 px"),
        (torch.zeros(7, 32, 32, 3), 64, "another shape than the photo"),
        (frames, 200, "up to 128 px"),
    ):
        with pytest.raises(ValueError, match=said):
            pack.VloggerUpscaler.execute(model, wrong, fit, motion, short_side, **WIDGETS)


def test_too_little_memory_names_the_widget(
    pack: ModuleType, model: Any, fit: Any, motion: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vlogger_pack.vlogger_core.video import cascade

    def fail(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(cascade, "sample_cascade", fail)
    with pytest.raises(ValueError, match="Lower clip_frames"):
        pack.VloggerTemporalSampler.execute(model, fit, motion, **WIDGETS)


@pytest.fixture
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import folder_paths

    folder = tmp_path / "output"
    monkeypatch.setattr(folder_paths, "output_directory", str(folder))
    return folder


def test_a_long_video_goes_on_where_it_was_stopped(
    pack: ModuleType, model: Any, fit: Any, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import comfy.model_management as management

    from tests.comfyui.movie import read_movie

    motion = head_motion([[0.0, 0.002 * t, 0.0] for t in range(50)])
    sound = {"waveform": torch.zeros(1, 1, 35000), "sample_rate": 16000}
    values = {"short_side": 64, "upscaler_steps": 1, "audio": sound, **WIDGETS}

    def run(prefix: str) -> Path:
        result = pack.VloggerLongVideo.execute(model, fit, motion, filename_prefix=prefix, **values)
        (shown,) = result.ui.values
        path = output / shown["subfolder"] / shown["filename"]
        (video,) = result.args
        assert video.get_dimensions() == (64, 76)
        return path

    undisturbed = run("whole/video")
    report = pack.runtime.Reporter.__call__

    def cancel(self: Any, done: int, total: int) -> None:
        if done >= 40 and total == 50:
            management.interrupt_current_processing(True)
        report(self, done, total)

    monkeypatch.setattr(pack.runtime.Reporter, "__call__", cancel)
    with pytest.raises(management.InterruptProcessingException):
        run("stopped/video")
    monkeypatch.undo()
    import folder_paths

    monkeypatch.setattr(folder_paths, "output_directory", str(output))
    (folder,) = (output / "stopped").iterdir()
    chunks = {path.name: path.stat().st_mtime_ns for path in folder.glob("frames-*")}
    assert list(chunks) == ["frames-000000.mkv"]
    resumed = run("stopped/video")
    assert (folder / "frames-000000.mkv").stat().st_mtime_ns == chunks["frames-000000.mkv"]
    movie = read_movie(resumed)
    assert movie.frames.shape == (50, 76, 64, 3)
    assert movie.fps == 24
    assert resumed.read_bytes() == undisturbed.read_bytes()
