"""The readers of recorded faces, heads and bodies."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from vlogger_core.data.motion_folder_body import read_smplx
from vlogger_core.data.motion_folder_clock import to_frames
from vlogger_core.data.motion_folder_face import read_beat_face, read_live_link
from vlogger_core.data.motion_folder_head import neck_and_head
from vlogger_core.errors import InputError
from vlogger_core.names import EXPRESSION_INDEX

from .recordings import jaw, timecode, write_beat_face, write_live_link, write_smplx


@pytest.mark.parametrize("rate", [24, 25, 30, 60])
def test_frame_rates_are_told_by_the_time_code(tmp_path: Path, rate: int) -> None:
    write_live_link(tmp_path / "a.csv", 3, rate=rate)
    track = read_live_link(tmp_path / "a.csv")
    np.testing.assert_allclose(track.times_s, np.arange(3 * rate) / rate, atol=1e-4)
    np.testing.assert_allclose(track.expression[:, EXPRESSION_INDEX["jawOpen"]], jaw(track.times_s), atol=1e-3)


@pytest.mark.parametrize(
    "written",
    [
        lambda seconds, rate: f"{seconds:.4f}",
        lambda seconds, rate: f"{int(seconds) // 3600:02}:{int(seconds) // 60 % 60:02}:{seconds % 60:07.4f}",
        timecode,
    ],
    ids=["seconds", "clock", "time code"],
)
def test_other_times_and_midnight(tmp_path: Path, written: Callable[[float, int], str]) -> None:
    first_s = 0.0 if written(86399.0, 60).startswith("86") else 86398.5
    write_live_link(tmp_path / "a.csv", 3, first_s=first_s, written=written)
    np.testing.assert_allclose(read_live_link(tmp_path / "a.csv").times_s, np.arange(180) / 60, atol=1e-3)


@pytest.mark.parametrize("rate", [30, 60])
def test_drop_frame_time_codes(tmp_path: Path, rate: int) -> None:
    """Two numbers of 30 are left out at the beginning of each minute but every tenth (SMPTE 12M)."""
    labels = [n for n in range(664 * rate) if n % (60 * rate) >= rate // 15 or n // (60 * rate) % 10 == 0]

    def written(seconds: float, rate: int) -> str:
        whole, frame = divmod(labels[round(seconds * rate)], rate)
        return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02};{frame:02}.000"

    write_live_link(tmp_path / "a.csv", 66, rate=rate, first_s=595.0, written=written)
    wanted = np.arange(66 * rate) * 1.001 / rate
    np.testing.assert_allclose(read_live_link(tmp_path / "a.csv").times_s, wanted, atol=1e-6)


@pytest.mark.parametrize(("sound_s", "second_s"), [(120.12, 1.001), (120.0, 1.0), (120.06, 1.0), (None, 1.0)])
def test_the_sound_tells_the_length_of_a_second(tmp_path: Path, sound_s: float | None, second_s: float) -> None:
    write_live_link(tmp_path / "a.csv", 120, rate=30)
    times_s = read_live_link(tmp_path / "a.csv", sound_s).times_s
    np.testing.assert_allclose(times_s, np.arange(3600) * second_s / 30, atol=1e-4)


def test_late_camera_frames_are_kept_once(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    write_live_link(path, 3)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:50], lines[49], *lines[50:]]))
    assert len(read_live_link(path).times_s) == 180


def test_beat_faces(tmp_path: Path) -> None:
    write_beat_face(tmp_path / "a.json", 3)
    track = read_beat_face(tmp_path / "a.json")
    np.testing.assert_allclose(track.expression[:, EXPRESSION_INDEX["jawOpen"]], jaw(track.times_s))
    assert track.head_rad is None


def percent(times_s: np.ndarray) -> np.ndarray:
    return 100 * jaw(times_s)


@pytest.mark.parametrize(
    ("seconds", "channels", "message"),
    [
        (1, {}, "a.csv is shorter than 2 s"),
        (3, {"JawOpen": np.zeros_like}, "the mouth in a.csv never opens"),
        (3, {"JawOpen": percent}, "must hold coefficients of 0 to 1. Got 0 to 60"),
        (3, {"CheekPuff": lambda times_s: np.full_like(times_s, np.nan)}, "holds NaN"),
    ],
)
def test_impossible_faces(tmp_path: Path, seconds: float, channels: dict, message: str) -> None:
    write_live_link(tmp_path / "a.csv", seconds, **channels)
    with pytest.raises(InputError, match=message):
        read_live_link(tmp_path / "a.csv")


def test_damaged_faces(tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    write_live_link(table, 4)
    lines = table.read_text().splitlines()
    for text, message in (
        ("\n".join([*lines[:100], *lines[160:]]), r"a.csv has a gap of 1.0 s at 1.6 s"),
        ("\n".join(lines)[:-300], "a.csv has a row without numbers"),
        ("\n".join([*lines[:100], lines[3], lines[4], *lines[100:]]).replace("JawOpen", "x"), "lacks the columns"),
        ("", "is no Live Link Face recording"),
        ("\n".join(line.replace(":", "h") for line in lines), "neither HH:MM:SS:FF.fff"),
        (lines[0], "neither HH:MM:SS:FF.fff"),
        ("\n".join([*lines[:100], 400 * "9" + lines[100]]), "times beyond all bounds"),
    ):
        table.write_text(text)
        with pytest.raises(InputError, match=message):
            read_live_link(table)
    face = tmp_path / "a.json"
    for text in (
        "{}",
        "[]",
        '{"names": ["jawOpen"], "frames": [{"weights": [0.1, 0.2], "time": 0}]}',
        '{"names": ["jawOpen"], "frames": [{"weights": [0.1], "time": 1' + 400 * "0" + "}]}",
        100000 * "[",
    ):
        face.write_text(text)
        with pytest.raises(InputError, match=r"a\.json"):
            read_beat_face(face)


@pytest.mark.parametrize("rate", [24, 25, 30, 59.94])
def test_no_drift(rate: float) -> None:
    times_s = (np.arange(round(600 * rate)) + 0.5) / rate
    frames = to_frames(np.sin(2 * np.pi * 0.7 * times_s), times_s, 600 * 24)
    wanted = np.sin(2 * np.pi * 0.7 * (np.arange(600 * 24) + 0.5) / 24)
    assert np.abs(frames - wanted)[1:-1].max() < 0.01


def head_channels(eyes: float) -> dict:
    """A head that turns, nods and tilts; eyes that turn `eyes` times as far."""

    def turn(times_s: np.ndarray) -> np.ndarray:
        return 0.25 * np.sin(2 * np.pi * 0.4 * times_s)

    def nod(times_s: np.ndarray) -> np.ndarray:
        return 0.2 * np.sin(2 * np.pi * 0.5 * times_s)

    def look(function: Callable, sign: float) -> Callable[[np.ndarray], np.ndarray]:
        return lambda times_s: np.clip(sign * eyes * function(times_s), 0, None)

    return {
        "HeadYaw": lambda times_s: 0.3 + turn(times_s),
        "HeadPitch": nod,
        "HeadRoll": lambda times_s: 0.5 * turn(times_s),
        "EyeLookOutLeft": look(turn, 1),
        "EyeLookInRight": look(turn, 1),
        "EyeLookInLeft": look(turn, -1),
        "EyeLookOutRight": look(turn, -1),
        "EyeLookUpLeft": look(nod, 1),
        "EyeLookUpRight": look(nod, 1),
        "EyeLookDownLeft": look(nod, -1),
        "EyeLookDownRight": look(nod, -1),
    }


@pytest.mark.parametrize(("eyes", "sign"), [(-1.0, 1), (0.0, 1), (1.0, -1)], ids=["against", "still", "along"])
def test_head_signs(tmp_path: Path, eyes: float, sign: int, caplog: pytest.LogCaptureFixture) -> None:
    write_live_link(tmp_path / "a.csv", 10, **head_channels(eyes))
    joints = neck_and_head(read_live_link(tmp_path / "a.csv"), 240, "a")
    turned = joints["neck"] + joints["head"]
    times_s = (np.arange(240) + 0.5) / 24
    turn, nod = 0.25 * np.sin(2 * np.pi * 0.4 * times_s), 0.2 * np.sin(2 * np.pi * 0.5 * times_s)
    for axis, wanted in enumerate((-nod, turn, 0.5 * turn)):  # Up is -X, the person's left +Y.
        assert np.corrcoef(turned[:, axis], sign * wanted)[0, 1] > 0.97
    assert ("mirrored" in caplog.text) == ("inverted" in caplog.text) == (sign < 0)


def test_angles_in_degrees_are_refused(tmp_path: Path) -> None:
    write_live_link(tmp_path / "a.csv", 3, HeadYaw=lambda times_s: 20 * np.sin(times_s))
    with pytest.raises(InputError, match="not radians"):
        neck_and_head(read_live_link(tmp_path / "a.csv"), 72, "a")


def test_bodies_over_their_mean_pose(tmp_path: Path) -> None:
    def swing(times_s: np.ndarray) -> np.ndarray:
        return np.stack([0 * times_s, 0 * times_s, -1.2 + 0.3 * np.sin(2 * np.pi * times_s)], axis=1)

    write_smplx(tmp_path / "a.npz", 4, left_shoulder=swing, left_index1=swing, jaw=swing)
    body = read_smplx(tmp_path / "a.npz")
    for name in ("left_shoulder", "left_index1"):
        np.testing.assert_allclose(body.joints[name][:, 2], swing(body.times_s)[:, 2] + 1.2, atol=1e-6)
    assert not {"pelvis", "jaw", "left_knee", "left_eye_smplhf"} & set(body.joints)
    assert body.translation is not None
    assert np.abs(body.translation).max() < 1e-9
    write_smplx(tmp_path / "a.npz", 4, walked_m=2.0)
    assert read_smplx(tmp_path / "a.npz").translation is None


def test_bad_bodies(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    for arrays, message in (
        ({"poses": np.zeros((90, 165))}, "lacks the arrays poses or mocap_frame_rate"),
        ({"poses": np.zeros((90, 72)), "mocap_frame_rate": 30}, r"must hold poses \[t, 165\]"),
        ({"poses": np.zeros((90, 165)), "mocap_frame_rate": 0}, "0 frames a second"),
        ({"poses": np.full((90, 165), np.inf), "mocap_frame_rate": 30}, "NaN or infinity"),
        ({"poses": np.array([{}], dtype=object), "mocap_frame_rate": 30}, "an npz of plain arrays"),
    ):
        np.savez(path, **arrays)
        with pytest.raises(InputError, match=message):
            read_smplx(path)
    write_smplx(path, 3)
    whole = path.read_bytes()
    saved = io.BytesIO()
    np.save(saved, np.zeros((90, 165)))
    for damaged in (b"PK no zip", b"", whole[:100], saved.getvalue()):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match="an npz of plain arrays"):
            read_smplx(path)


def test_a_damaged_member_of_a_body(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, poses=np.random.default_rng(0).normal(size=(90, 165)), mocap_frame_rate=30)
    with zipfile.ZipFile(path) as file:
        first = len(file.infolist()[0].FileHeader())
    whole = path.read_bytes()
    path.write_bytes(whole[: first + 50] + bytes(range(200)) + whole[first + 250 :])
    with pytest.raises(InputError, match="an npz of plain arrays"):
        read_smplx(path)


@pytest.mark.parametrize("far", [13.0, 1e30])
def test_rotations_that_are_no_radians(tmp_path: Path, far: float) -> None:
    write_smplx(tmp_path / "a.npz", 3, left_elbow=lambda times_s: np.full((len(times_s), 3), far))
    with pytest.raises(InputError, match=r"a\.npz holds rotations of up to"):
        read_smplx(tmp_path / "a.npz")
