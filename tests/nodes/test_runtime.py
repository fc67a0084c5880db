from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch


def test_work_leaves_inference_mode_and_comes_back(pack: ModuleType) -> None:
    with torch.inference_mode():
        with pack.runtime.work():
            assert not torch.is_inference_mode_enabled()
            assert not torch.is_grad_enabled()
        with pack.runtime.work(grad=True):
            assert torch.is_grad_enabled()
        assert torch.is_inference_mode_enabled()


def test_reporter_obeys_cancel(pack: ModuleType) -> None:
    import comfy.model_management as model_management

    report = pack.runtime.Reporter()
    report(1, 3)
    model_management.interrupt_current_processing(True)
    with pytest.raises(model_management.InterruptProcessingException):
        report(2, 3)
    report(3, 3)


def test_reporter_shows_frames_now_and_then(pack: ModuleType) -> None:
    import comfy.utils

    sent: list[tuple[int, int, Any]] = []
    comfy.utils.set_progress_bar_global_hook(
        lambda done, total, preview, node_id=None: sent.append((done, total, preview))
    )
    try:
        report = pack.runtime.Reporter()
        for step in range(1, 21):
            report.show(torch.full((3, 4, 6), 0.5))
            report(step, 20)
    finally:
        comfy.utils.set_progress_bar_global_hook(None)
    previews = [preview for _, _, preview in sent if preview is not None]
    assert len(previews) == 1
    assert previews[0][1].size == (6, 4)
    assert sent[-1][:2] == (20, 20)


def test_motion_weights_are_found_by_name(pack: ModuleType, tmp_path: Path) -> None:
    import folder_paths

    motions = pack.runtime.MOTIONS
    motions.register()
    motions.register()
    folders, extensions = folder_paths.folder_names_and_paths["vlogger_motion"]
    assert folders == [motions.folder]
    assert extensions == {".safetensors", ".onnx"}
    folders.append(str(tmp_path))
    (tmp_path / "mine.safetensors").touch()
    (tmp_path / "notes.txt").touch()
    assert motions.choices() == ["embedded", "mine.safetensors"]
    assert motions.path("embedded") is None
    assert motions.path("mine.safetensors") == tmp_path / "mine.safetensors"
    assert motions.problem("embedded") is None
    assert motions.problem("mine.safetensors") is None
    assert motions.folder in motions.problem("other.safetensors")
    with pytest.raises(ValueError, match=r'no motion weights named "other\.safetensors"'):
        motions.path("other.safetensors")


def test_the_time_left_is_told_after_a_few_steps(pack: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    clock_s = [100.0]
    monkeypatch.setattr(pack.runtime.time, "monotonic", lambda: clock_s[0])
    said: list[str] = []
    text = pack.runtime.NodeText()
    monkeypatch.setattr(text, "_send", lambda: said.append(text._time))
    report = pack.runtime.Reporter(text)
    report(0, 100)
    clock_s[0] += 60  # Preparation.
    for done in range(1, 101):
        report(done, 100)
        clock_s[0] += 2
    assert said[0] == "About 3 min left"
    assert "About 60 s left" not in said
    assert said[-1] == "About 5 s left"
    text.tell_end("Done in")
    assert said[-1] == "Done in 4 min"


def test_other_work_has_a_time_of_its_own(pack: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    clock_s = [0.0]
    monkeypatch.setattr(pack.runtime.time, "monotonic", lambda: clock_s[0])
    text = pack.runtime.NodeText()
    report = pack.runtime.Reporter(text)
    for total, step_s in ((10, 10.0), (20, 3.0)):
        for done in range(6):
            report(done, total)
            clock_s[0] += step_s
    assert text._time == "About 45 s left"


def test_short_work_says_nothing_of_time(pack: ModuleType) -> None:
    text = pack.runtime.NodeText()
    report = pack.runtime.Reporter(text)
    for done in range(10):
        report(done, 10)
    text.tell_end("Done in")
    assert not text._time


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: you tried to"),
        RuntimeError("MPS backend out of memory (MPS allocated: 17 GB)"),
    ],
)
def test_too_little_memory_says_what_to_lower(pack: ModuleType, error: Exception) -> None:
    said = pytest.raises(ValueError, match=r"not enough memory on cpu for this\. Lower clip_frames\.")
    with said, pack.runtime.memory_advice("Lower clip_frames."):
        raise error


def test_what_the_core_said_of_memory_is_said_in_words_of_widgets(pack: ModuleType) -> None:
    from vlogger_pack.vlogger_core.video.memory import explain_out_of_memory

    said = pytest.raises(ValueError, match=r"not enough memory on cpu for this\. Lower clip_frames\.")
    with said, pack.runtime.memory_advice("Lower clip_frames."), explain_out_of_memory((8, 8), 16):
        raise torch.OutOfMemoryError("CUDA out of memory.")
    with pytest.raises(ValueError, match=r"^steps$"), pack.runtime.memory_advice("Lower clip_frames."):
        raise ValueError("steps")


def test_other_errors_keep_their_words(pack: ModuleType) -> None:
    with pytest.raises(RuntimeError, match="shapes"), pack.runtime.memory_advice("Lower clip_frames."):
        raise RuntimeError("shapes do not fit")


def test_bases_are_checkpoints_and_diffusers_folders(
    pack: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import folder_paths

    for name, (_, endings) in [(n, folder_paths.folder_names_and_paths[n]) for n in ("checkpoints", "diffusers")]:
        folder = tmp_path / name
        folder.mkdir()
        monkeypatch.setitem(folder_paths.folder_names_and_paths, name, ([str(folder)], endings))
    (tmp_path / "checkpoints" / "sd15.safetensors").touch()
    (tmp_path / "checkpoints" / "old.ckpt").touch()
    (tmp_path / "diffusers" / "mine" / "v1").mkdir(parents=True)
    (tmp_path / "diffusers" / "mine" / "v1" / "model_index.json").touch()
    folder = str(Path("mine", "v1"))
    assert pack.runtime.sd15_choices() == ["none", "sd15.safetensors", folder]
    assert pack.runtime.sd15_path("none") is None
    assert pack.runtime.sd15_path("sd15.safetensors") == tmp_path / "checkpoints" / "sd15.safetensors"
    assert pack.runtime.sd15_path(folder) == tmp_path / "diffusers" / "mine" / "v1"
    with pytest.raises(ValueError, match=r'no Stable Diffusion 1\.5 named "gone"'):
        pack.runtime.sd15_path("gone")
