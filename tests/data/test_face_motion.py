import logging
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import scipy.io.wavfile

from vlogger_core.cli import main
from vlogger_core.data.face_motion import (
    HELD_OUT_RECORDINGS,
    TRAINING_RECORDINGS,
    channel_names,
    loudness,
    read_face_motion,
    recordings,
)
from vlogger_core.data.face_motion_table import ARKIT_OF_CHANNEL, MOVING, UNMATCHED
from vlogger_core.data.lag import best_lag
from vlogger_core.errors import InputError
from vlogger_core.names import ARKIT_EXPRESSIONS, EXPRESSION_INDEX
from vlogger_core.speech.audio import to_speech

CHANNELS = ("mouth_stretch_c", "mouth_press_l", "eye_lookLeft_r", "tooth_d_d")
FPS = Fraction(24)


@pytest.fixture
def faces(samples) -> Path:
    folder = samples / "face_motion"
    if not folder.is_dir():
        pytest.skip(f"no face motion at {folder}")
    return folder


def _save(folder: Path, rig: np.ndarray, *, name: str = "take", seconds: float | None = None) -> None:
    rng = np.random.default_rng(0)
    seconds = len(rig) / 30 if seconds is None else seconds
    noise = (rng.normal(size=round(seconds * 16000)) * 3000).astype(np.int16)
    scipy.io.wavfile.write(folder / f"{name}.wav", 16000, noise)
    np.save(folder / f"{name}_bs.npy", rig.astype(np.float32))
    (folder / "my_blendshape_names.txt").write_text("\n".join(CHANNELS))


def _jaw(folder: Path, fps: Fraction = FPS) -> np.ndarray:
    return read_face_motion(folder, "take", fps=fps)[1][:, EXPRESSION_INDEX["jawOpen"]].double().numpy()


def test_every_target_is_an_arkit_channel_and_no_channel_is_both():
    assert {t for targets in ARKIT_OF_CHANNEL.values() for t, _ in targets} <= set(ARKIT_EXPRESSIONS)
    assert set(ARKIT_EXPRESSIONS) >= MOVING
    assert not UNMATCHED & set(ARKIT_OF_CHANNEL)


def test_sides_mirror_each_other():
    swapped = {"Left": "Right", "Right": "Left"}

    def mirrored(name: str) -> str:
        for side, other in swapped.items():
            if name.endswith(side):
                return name.removesuffix(side) + other
        return name

    for channel, targets in ARKIT_OF_CHANNEL.items():
        other = channel.replace("lookLeft", "look*").replace("lookRight", "lookLeft").replace("look*", "lookRight")
        if other[-1] in "lr" and other[-2] in "_ud12":
            other = other[:-1] + {"l": "r", "r": "l"}[other[-1]]
            assert ARKIT_OF_CHANNEL[other] == tuple((mirrored(name), gain) for name, gain in targets)


def test_channels_land_where_the_table_says(tmp_path):
    _save(tmp_path, np.tile([0.4, 0.6, 0.2, 0.9], (60, 1)))
    audio, expression = read_face_motion(tmp_path, "take")
    assert (audio.sample_rate, tuple(expression.shape)) == (16000, (48, 52))
    found = {ARKIT_EXPRESSIONS[i]: round(float(expression[10, i]), 3) for i in expression[10].nonzero()[:, 0]}
    assert found == {"jawOpen": 0.4, "mouthPressLeft": 0.6, "eyeLookInRight": 0.2}


@pytest.mark.parametrize("fps", [FPS, Fraction(25), Fraction(30000, 1001), Fraction(60)])
def test_a_ramp_keeps_its_time_to_the_end(tmp_path, fps):
    num = 30 * 120
    rig = np.zeros((num, 4))
    rig[:, 0] = np.arange(num) / num
    _save(tmp_path, rig)
    jaw = _jaw(tmp_path, fps)
    centre_s = (np.arange(len(jaw)) + 0.5) / float(fps)
    inner = slice(1, -3)
    np.testing.assert_allclose(jaw[inner], centre_s[inner] * 30 / num, atol=2e-7)


def test_the_mean_over_time_stays(tmp_path):
    rng = np.random.default_rng(1)
    rig = np.zeros((300, 4))
    rig[10:-10, 0] = rng.random(280)
    _save(tmp_path, rig)
    assert _jaw(tmp_path).sum() / 24 == pytest.approx(rig[:, 0].sum() / 30, rel=1e-5)


def test_one_key_is_held(tmp_path):
    _save(tmp_path, np.full((1, 4), 0.3), seconds=0.15)
    np.testing.assert_allclose(_jaw(tmp_path), 0.3, atol=1e-6)


def test_bad_folders_are_named(tmp_path, caplog):
    with pytest.raises(InputError, match=r"There is no NAME\.wav with its NAME_bs\.npy"):
        recordings(tmp_path)
    with pytest.raises(InputError, match=r"must hold one \*blendshape_names\.txt"):
        channel_names(tmp_path)
    _save(tmp_path, np.zeros((60, 4)), seconds=4.0)
    with pytest.raises(InputError, match=r"lasts 2\.00 s and its sound 4\.00 s"):
        read_face_motion(tmp_path, "take")
    _save(tmp_path, np.zeros((60, 5)))
    with pytest.raises(InputError, match=r"must hold floats \[frames, 4\].* Got float32 \[60, 5\]"):
        read_face_motion(tmp_path, "take")
    _save(tmp_path, np.full((60, 4), np.nan))
    with pytest.raises(InputError, match="NaN or infinite"):
        read_face_motion(tmp_path, "take")
    np.save(tmp_path / "take_bs.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"Cannot read .* as an array"):
        read_face_motion(tmp_path, "take")
    (tmp_path / "take_bs.npy").unlink()
    with pytest.raises(InputError, match="There is no face motion"):
        read_face_motion(tmp_path, "take")
    (tmp_path / "my_blendshape_names.txt").write_text("mouth_stretch_c ear_wiggle")
    with caplog.at_level(logging.WARNING):
        assert channel_names(tmp_path) == ["mouth_stretch_c", "ear_wiggle"]
    assert "ear_wiggle" in caplog.text


def test_the_table_knows_every_channel_of_the_samples(faces):
    assert set(channel_names(faces)) == set(ARKIT_OF_CHANNEL) | UNMATCHED
    assert recordings(faces) == [*TRAINING_RECORDINGS, *HELD_OUT_RECORDINGS]


@pytest.mark.parametrize("name", [*TRAINING_RECORDINGS, *HELD_OUT_RECORDINGS])
def test_the_samples_jaw_follows_their_speech(faces, name):
    audio, expression = read_face_motion(faces, name)
    jaw = expression[:, EXPRESSION_INDEX["jawOpen"]].numpy()
    sound = loudness(to_speech(audio), len(jaw), FPS)
    lag, r = best_lag(jaw, sound)
    assert lag in (0, 1)
    assert r > 0.65
    speaking = sound > 0.15
    assert 0.15 < jaw[speaking].mean() < 0.3
    assert jaw[~speaking].mean() < 0.35 * jaw[speaking].mean()
    still = [i for channel, i in EXPRESSION_INDEX.items() if "eye" in channel or "brow" in channel]
    assert expression[:, still].max() < 0.01


def test_the_samples_press_their_lips_where_speech_is_soft(faces):
    for name in TRAINING_RECORDINGS:
        audio, expression = read_face_motion(faces, name)
        press = expression[:, EXPRESSION_INDEX["mouthPressLeft"]].numpy()
        jaw = expression[:, EXPRESSION_INDEX["jawOpen"]].numpy()
        sound = loudness(to_speech(audio), len(press), FPS)
        assert jaw[press > 0.3].mean() < 0.12
        assert sound[press > 0.3].mean() < 0.75 * sound[jaw > 0.25].mean()


def test_the_check_prints_a_line_for_each_recording(tmp_path, capsys):
    rig = np.zeros((90, 4))
    rig[:, 0] = np.random.default_rng(3).random(90)
    rig[:, 3] = 0.5
    _save(tmp_path, rig)
    assert main(["data", "face-motion", "--data", str(tmp_path)]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("take: 3.0 s, jaw and loudness r ")
    assert line.endswith("lids not recorded, moving but unmapped: tooth_d_d")
