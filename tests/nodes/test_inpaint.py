from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from tests.edit.edited_ball import ball_clip, closed, soft_disc
from tests.nodes.test_video import files, load, output
from vlogger_core.datatypes import Audio
from vlogger_core.video.writer import write_video

__all__ = ["files", "output"]
WIDGETS = {
    "inside": "carry only",
    "seed": 3,
    "steps": 2,
    "upscaler_steps": 1,
    "solver": "DDIM",
    "control_guidance": 1.0,
    "reference_guidance": 1.0,
    "overlap": "50 %",
}
NUM_FRAMES = 5


@pytest.fixture(scope="module")
def clip() -> dict[str, Any]:
    fit, motion, frames = ball_clip(NUM_FRAMES)
    return {
        "frames": frames.movedim(1, -1).contiguous(),
        "mask": soft_disc(NUM_FRAMES, (48, 40)).clone(),
        "body": fit,
        "motion": closed(motion),
        "motion_before": motion,
    }


def test_outside_the_mask_nothing_changes(inpaint: ModuleType, pack: ModuleType, files: Path, clip: dict) -> None:
    frames, fps = inpaint.VloggerInpaintEditor.execute(**clip, **WIDGETS).args
    assert fps == 24.0
    same = clip["mask"] == 0
    assert torch.equal(frames[same], clip["frames"][same])
    assert (frames - clip["frames"])[~same].abs().mean() > 0.02
    model = load(pack, "base.safetensors", "64.safetensors")
    made, _ = inpaint.VloggerInpaintEditor.execute(
        **clip, **{**WIDGETS, "inside": "video model"}, video_model=model
    ).args
    assert torch.equal(made[same], clip["frames"][same])
    assert not torch.equal(made, frames)


def test_one_painted_mask_holds_for_all_frames(inpaint: ModuleType, clip: dict) -> None:
    each, _ = inpaint.VloggerInpaintEditor.execute(**clip, **WIDGETS).args
    one, _ = inpaint.VloggerInpaintEditor.execute(**{**clip, "mask": clip["mask"][:1]}, **WIDGETS).args
    assert torch.equal(each, one)


def test_an_empty_mask_gives_the_clip_back_and_says_so(
    inpaint: ModuleType, pack: ModuleType, clip: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(pack.runtime.Reporter, "note", lambda self, text: said.append(text))
    frames, _ = inpaint.VloggerInpaintEditor.execute(**{**clip, "mask": torch.zeros(1, 48, 40)}, **WIDGETS).args
    assert frames is clip["frames"]
    assert said == ["The edit changes nothing that is seen: the mask is empty, and the clip comes back untouched."]


def test_wrong_inputs_are_told(inpaint: ModuleType, clip: dict) -> None:
    for wrong, said in (
        ({"inside": "video model"}, "video_model is missing: connect VLOGGER Load Video Model, or set inside to carry"),
        ({"mask": torch.ones(3, 48, 40)}, "each of the clip's 5 frames"),
        ({"mask": torch.ones(1, 24, 20)}, "Got 5 of 20 x 24 px"),
        ({"frames": clip["frames"][:4]}, "The clip has 4 frames, and the motion before the edit has 5"),
    ):
        with pytest.raises(ValueError, match=said):
            inpaint.VloggerInpaintEditor.execute(**{**clip, **WIDGETS, **wrong})


def test_the_widgets_have_the_cores_defaults(inpaint: ModuleType, pack: ModuleType) -> None:
    from vlogger_pack.vlogger_core.edit.mask import EditMaskSettings
    from vlogger_pack.vlogger_core.video.cascade import CascadeSettings
    from vlogger_pack.vlogger_core.video.sampler import SamplerSettings

    for node in (inpaint.VloggerInpaintEditor, inpaint.VloggerEditVideo):
        widgets = {put.id: put.default for put in node.define_schema().inputs if hasattr(put, "default")}
        names = [field.name for field in fields(SamplerSettings) if field.name in widgets]
        assert pack.video_widgets.settings(**{name: widgets[name] for name in names}) == CascadeSettings().base
        assert widgets["upscaler_steps"] == CascadeSettings().upscalers.steps
    assert widgets["mask_grow"] == EditMaskSettings().grow_px
    assert widgets["mask_feather"] == EditMaskSettings().feather_px


@pytest.fixture
def movie(tmp_path: Path, clip: dict) -> Path:
    """The clip as a file with sound."""
    sound = Audio(waveform=torch.sin(torch.arange(3400) / 9)[None], sample_rate=16000)
    return write_video(tmp_path / "clip.mp4", clip["frames"].movedim(-1, 1), Fraction(24), sound, crf=1)


def test_a_video_is_edited_into_a_file_with_its_sound(
    inpaint: ModuleType, clip: dict, movie: Path, output: Path
) -> None:
    from comfy_api.latest import InputImpl

    values = {name: clip[name] for name in ("body", "motion", "motion_before")}
    video = InputImpl.VideoFromFile(str(movie))
    result = inpaint.VloggerEditVideo.execute(video, **values, filename_prefix="edited/clip", **WIDGETS)
    (made,) = result.args
    parts = made.get_components()
    assert parts.images.shape == (NUM_FRAMES, 48, 40, 3)
    assert parts.audio is not None
    (run,) = (output / "edited").glob("clip_run_*")
    assert (run / "frames-000000.mkv").is_file()
    new = {"waveform": torch.zeros(1, 1, 3400), "sample_rate": 16000}
    result = inpaint.VloggerEditVideo.execute(video, **values, filename_prefix="edited/clip", audio=new, **WIDGETS)
    assert result.args[0].get_components().audio["waveform"].abs().max() < 0.01
    assert len(list((output / "edited").glob("clip_run_*"))) == 1


def test_an_edit_that_changes_nothing_gives_the_video_back(
    inpaint: ModuleType, pack: ModuleType, clip: dict, movie: Path, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from comfy_api.latest import InputImpl

    said: list[str] = []
    monkeypatch.setattr(pack.runtime.Reporter, "note", lambda self, text: said.append(text))
    video = InputImpl.VideoFromFile(str(movie))
    same = {"body": clip["body"], "motion": clip["motion_before"], "motion_before": clip["motion_before"]}
    result = inpaint.VloggerEditVideo.execute(video, **same, filename_prefix="edited/clip", **WIDGETS)
    assert result.args == (video,)
    assert "comes back untouched" in said[0]
    assert not output.exists() or not list(output.rglob("*_run_*"))


def test_a_longer_motion_extends_the_video_where_that_is_wanted(
    inpaint: ModuleType, clip: dict, movie: Path, output: Path
) -> None:
    from comfy_api.latest import InputImpl

    from vlogger_core.edit.extend import extended

    values = {
        "body": clip["body"],
        "motion": extended(clip["motion"], NUM_FRAMES + 3),
        "motion_before": clip["motion_before"],
        "filename_prefix": "edited/longer",
    }
    video = InputImpl.VideoFromFile(str(movie))
    with pytest.raises(ValueError, match="The clip has 5 frames, and the edited motion has 8"):
        inpaint.VloggerEditVideo.execute(video, **values, **WIDGETS)
    (made,) = inpaint.VloggerEditVideo.execute(video, **values, **WIDGETS, extend=True).args
    assert len(made.get_components().images) == NUM_FRAMES + 3


def test_another_frame_rate_is_refused(inpaint: ModuleType, clip: dict, movie: Path, output: Path) -> None:
    from comfy_api.latest import InputImpl

    values = {"body": clip["body"], "motion_before": clip["motion_before"], "filename_prefix": "edited/rate"}
    motion = replace(clip["motion"], fps=Fraction(25))
    with pytest.raises(
        ValueError, match="The video has 24 frames a second, and the motion 25: its sound would not fit"
    ):
        inpaint.VloggerEditVideo.execute(InputImpl.VideoFromFile(str(movie)), motion=motion, **values, **WIDGETS)


@pytest.fixture
def inpaint(pack: ModuleType) -> ModuleType:
    import importlib

    return importlib.import_module(f"{pack.__name__}.inpaint")
