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
