import logging
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from vlogger_core.cli import main
from vlogger_core.data.motion_folder import find_recordings, make_shards, read_recording
from vlogger_core.data.shards import Stream
from vlogger_core.datatypes import Motion
from vlogger_core.errors import InputError
from vlogger_core.motion.file import save_motion
from vlogger_core.motion.layout import MOTION_JOINTS, NUM_EXPRESSIONS
from vlogger_core.names import EXPRESSION_INDEX
from vlogger_core.train.motion_data import load_windows

from .recordings import jaw, write_beat_face, write_live_link, write_smplx, write_sound


def read(folder: Path) -> Stream:
    (take,) = find_recordings(folder)
    return read_recording(take, np.random.default_rng(0))


def joint(stream: Stream, name: str) -> np.ndarray:
    start = NUM_EXPRESSIONS + 3 * MOTION_JOINTS.index(name)
    return stream.motion[:, start : start + 3].numpy()


def nod(times_s: np.ndarray) -> np.ndarray:
    return 0.1 * np.sin(2 * np.pi * 0.5 * times_s)


def test_a_face_without_a_body(tmp_path: Path) -> None:
    write_sound(tmp_path / "take.wav", 6)
    write_live_link(tmp_path / "take.csv", 6, HeadPitch=nod)
    stream = read(tmp_path)
    times_s = (np.arange(144) + 0.5) / 24
    assert stream.features.shape == (144, 320)
    assert len(stream.motion) == 144
    opened = stream.motion[:, EXPRESSION_INDEX["jawOpen"]].numpy()
    assert np.corrcoef(opened, jaw(times_s))[0, 1] > 0.99
    np.testing.assert_allclose(joint(stream, "head")[:, 0], -0.6 * nod(times_s), atol=2e-3)
    np.testing.assert_allclose(joint(stream, "neck")[:, 0], -0.4 * nod(times_s), atol=2e-3)
    assert joint(stream, "left_elbow").std() > 1e-4


def test_a_face_with_a_body(tmp_path: Path) -> None:
    def turned(times_s: np.ndarray) -> np.ndarray:
        return np.stack([np.zeros_like(times_s), 0.2 + nod(times_s), np.zeros_like(times_s)], axis=1)

    (tmp_path / "wave16k").mkdir()
    (tmp_path / "smplxflame_30").mkdir()
    write_sound(tmp_path / "wave16k" / "take.wav", 6)
    write_beat_face(tmp_path / "take.json", 6)
    write_smplx(tmp_path / "smplxflame_30" / "take.npz", 6, pelvis=turned, left_elbow=turned)
    stream = read(tmp_path)
    wanted = nod((np.arange(144) + 0.5) / 24)
    for name in ("spine1", "left_elbow"):
        np.testing.assert_allclose(joint(stream, name)[:, 1], wanted - wanted.mean(), atol=2e-3)
    # What the file holds still is designed.
    assert np.ptp(joint(stream, "right_elbow"), axis=0).max() > np.deg2rad(0.1)
    assert np.ptp(stream.motion[:, -3:].numpy(), axis=0).max() > 1e-4


def test_a_tracked_clip_stays_as_it_is(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    times_s = (np.arange(120) + 0.5) / 24
    expression = torch.rand(120, 52, generator=generator)
    expression[:, EXPRESSION_INDEX["jawOpen"]] = torch.from_numpy(jaw(times_s)).float()
    motion = Motion(
        fps=Fraction(24),
        expression=expression,
        joint_names=("head", "jaw"),
        joint_rotvec=0.1 * torch.randn(120, 2, 3, generator=generator),
        translation=0.01 * torch.randn(120, 3, generator=generator),
    )
    save_motion(tmp_path / "clip.safetensors", motion)
    write_sound(tmp_path / "clip.wav", 5)
    stream = read(tmp_path)
    torch.testing.assert_close(stream.motion[:, :NUM_EXPRESSIONS], motion.expression)
    np.testing.assert_allclose(joint(stream, "head"), motion.joint_rotvec[:, 0], atol=1e-6)
    torch.testing.assert_close(stream.motion[:, -3:], motion.translation)


def test_the_calibrated_table_comes_first(tmp_path: Path) -> None:
    write_sound(tmp_path / "take.wav", 3)
    for ending, opened in (("_raw", 0.9), ("_cal", 0.4)):
        write_live_link(
            tmp_path / f"take{ending}.csv", 3, JawOpen=lambda times_s, opened=opened: opened * (times_s > 1)
        )
    assert read(tmp_path).motion[:, EXPRESSION_INDEX["jawOpen"]].max() == pytest.approx(0.4, abs=1e-3)


@pytest.mark.parametrize(("late_s", "message"), [(0.0, None), (0.3, "0.29 s after"), (-0.3, "0.29 s before")])
def test_a_jaw_beside_the_sound_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, late_s: float, message: str | None
) -> None:
    write_sound(tmp_path / "take.wav", 12)
    write_live_link(tmp_path / "take.csv", 12, JawOpen=lambda times_s: jaw(times_s - late_s))
    read(tmp_path)
    assert "Do both begin together" in caplog.text if message else not caplog.text
    assert message is None or message in caplog.text


def test_shards_are_read_by_the_training(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    data.mkdir()
    for name in ("a", "b", "c"):
        write_sound(data / f"{name}.wav", 4)
        write_live_link(data / f"{name}.csv", 4)
    write_live_link(data / "mute.csv", 4)
    with caplog.at_level(logging.INFO):
        assert main(["data", "motion-folder", "--data", str(data), "--out", str(out)]) == 0
    assert "mute is left out: it has no sound: put mute.wav beside it." in caplog.text
    assert f"3 recordings written to {out}, 1 left out" in caplog.text
    lengths = [load_windows(out / part, behind=2, ahead=4).lengths.tolist() for part in ("train", "validation")]
    assert lengths == [[96, 96], [96]]


def test_of_a_single_recording_the_end_is_held_out(tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    data.mkdir()
    (out / "train").mkdir(parents=True)
    (out / "train" / "recorded_00007.safetensors").write_bytes(b"of an earlier call")
    write_sound(data / "a.wav", 10)
    write_live_link(data / "a.csv", 10)
    assert make_shards(data, out, held_out=0.2) == (1, 0)
    assert load_windows(out / "train", behind=0, ahead=0).lengths.tolist() == [192]
    assert load_windows(out / "validation", behind=0, ahead=0).lengths.tolist() == [48]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_something_is_left_for_training(tmp_path: Path, count: int) -> None:
    for index in range(count):
        write_sound(tmp_path / f"{index}.wav", 3)
        write_live_link(tmp_path / f"{index}.csv", 3)
    out = tmp_path.parent / f"{tmp_path.name}-out"
    make_shards(tmp_path, out, held_out=0.999)
    assert len(load_windows(out / "train", behind=0, ahead=0).lengths) == 1


def test_damaged_files_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    data.mkdir()
    for name in ("deep", "empty", "whole"):
        write_sound(data / f"{name}.wav", 4)
        write_live_link(data / f"{name}.csv", 4)
    (data / "deep.csv").unlink()
    (data / "deep.json").write_text(100000 * "[")
    (data / "empty.npz").touch()
    assert make_shards(data, out, held_out=0.2) == (1, 2)
    assert "deep is left out: deep.json holds no names" in caplog.text
    assert "empty is left out: empty.npz cannot be read" in caplog.text


@pytest.mark.parametrize(
    ("num_frames", "turn_rad", "message"),
    [
        (0, 0.0, "take.safetensors is shorter than 2 s"),
        (1, 0.0, "take.safetensors is shorter than 2 s"),
        (96, 1e30, "take.safetensors holds rotations of up to 1e"),
    ],
)
def test_motions_that_are_none(tmp_path: Path, num_frames: int, turn_rad: float, message: str) -> None:
    motion = Motion(
        fps=Fraction(24),
        expression=torch.zeros(num_frames, 52),
        joint_names=("head",),
        joint_rotvec=torch.full((num_frames, 1, 3), turn_rad),
        translation=torch.zeros(num_frames, 3),
    )
    save_motion(tmp_path / "take.safetensors", motion)
    write_sound(tmp_path / "take.wav", 4)
    write_live_link(tmp_path / "take.csv", 4)
    with pytest.raises(InputError, match=message):
        read(tmp_path)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (("wav", "npz"), "tells nothing of lips and lids that could be used"),
        (("wav", "wav2", "csv"), "take.wav is there twice"),
        (("wav", "long csv"), "the sound lasts 4.0 s, the motion 8.0 s: cut them alike"),
        (("wav", "table"), "take.csv is no Live Link Face recording"),
        (("silence", "csv"), "its sound is silent"),
    ],
)
def test_refused_recordings(tmp_path: Path, files: tuple[str, ...], message: str) -> None:
    (tmp_path / "more").mkdir()
    writers = {
        "wav": lambda: write_sound(tmp_path / "take.wav", 4),
        "wav2": lambda: write_sound(tmp_path / "more" / "take.wav", 4),
        "silence": lambda: write_sound(tmp_path / "take.wav", 4, loud=0.0),
        "csv": lambda: write_live_link(tmp_path / "take.csv", 4),
        "long csv": lambda: write_live_link(tmp_path / "take.csv", 8),
        "npz": lambda: write_smplx(tmp_path / "take.npz", 4),
        "table": lambda: (tmp_path / "take.csv").write_text("name,age\nAda,36\n"),
    }
    for name in files:
        writers[name]()
    with pytest.raises(InputError, match=message):
        read(tmp_path)


def test_bad_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "motion-folder", "--data", str(tmp_path / "no"), "--out", str(tmp_path / "out")]) == 2
    assert "There is no folder" in capsys.readouterr().err
    with pytest.raises(InputError, match="holds no recordings"):
        make_shards(tmp_path, tmp_path.parent / "out")
    with pytest.raises(InputError, match="lies within"):
        make_shards(tmp_path, tmp_path / "out")
    write_live_link(tmp_path / "mute.csv", 3)
    with pytest.raises(InputError, match="None of the 1 recordings"):
        make_shards(tmp_path, tmp_path.parent / "out")
