import json
import math
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from vlogger_core.datatypes import Audio, Motion
from vlogger_core.export.viewer_curves import (
    head_angles_deg,
    speech_bars,
    viewer_curves,
    write_viewer_curves,
)
from vlogger_core.names import EXPRESSION_INDEX

FRAMES, FPS = 12, Fraction(24)


def motion_of(axis: int | None = None, angle_deg: float = 0.0, joint: str = "head") -> Motion:
    rotvec = torch.zeros(FRAMES, 1, 3)
    if axis is not None:
        rotvec[..., axis] = math.radians(angle_deg)
    expression = torch.zeros(FRAMES, 52)
    expression[:, EXPRESSION_INDEX["jawOpen"]] = torch.linspace(0, 1, FRAMES)
    expression[:, EXPRESSION_INDEX["eyeBlinkRight"]] = 0.25
    return Motion(
        fps=FPS, expression=expression, joint_names=(joint,), joint_rotvec=rotvec, translation=torch.zeros(FRAMES, 3)
    )


@pytest.mark.parametrize(("axis", "column"), [(1, 0), (0, 1), (2, 2)])
@pytest.mark.parametrize("joint", ["neck", "head"])
def test_a_turn_about_one_axis_is_that_angle(axis: int, column: int, joint: str) -> None:
    angles = head_angles_deg(motion_of(axis, 20.0, joint))
    expected = torch.zeros(FRAMES, 3)
    expected[:, column] = 20.0
    torch.testing.assert_close(angles, expected, atol=1e-3, rtol=0)


def test_the_rows_hold_what_the_motion_has() -> None:
    audio = Audio(waveform=torch.rand(2, 16_000), sample_rate=16_000)
    curves = viewer_curves(motion_of(1, 30.0), audio)
    rows = {row["id"]: row for row in curves["rows"]}
    assert list(rows) == ["speech", "jaw", "lids", "head"]
    assert curves["duration_s"] == 1.0  # The speech is longer.
    assert rows["jaw"]["lines"][0]["values"][-1] == 1.0
    assert [line["values"][0] for line in rows["lids"]["lines"]] == [0.0, 0.25]
    assert rows["head"]["high"] == pytest.approx(30.0, abs=0.01)
    assert all(len(line["values"]) == FRAMES for name in ("jaw", "lids", "head") for line in rows[name]["lines"])


def test_without_speech_there_is_no_waveform() -> None:
    curves = viewer_curves(motion_of())
    assert [row["id"] for row in curves["rows"]] == ["jaw", "lids", "head"]
    assert curves["duration_s"] == FRAMES / 24
    assert curves["rows"][-1]["high"] == 10.0  # A still head is not blown up.


def test_a_click_stands_where_it_sounds() -> None:
    waveform = torch.zeros(1, 8000)
    waveform[0, 4000] = -0.2
    bars = speech_bars(Audio(waveform=waveform, sample_rate=8000), 2.0)
    assert len(bars) == 200
    assert bars.nonzero()[:, 0].tolist() == [50]
    assert bars[50] == 1
    assert not speech_bars(Audio(waveform=torch.zeros(1, 8000), sample_rate=8000), 1.0).any()


def test_the_file_is_json(tmp_path: Path) -> None:
    write_viewer_curves(tmp_path / "curves.json", motion_of())
    assert json.loads((tmp_path / "curves.json").read_text()) == viewer_curves(motion_of())
