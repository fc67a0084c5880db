"""Figures: met or missed, as a table, as a file, as an exit code."""

import json
from dataclasses import replace

import pytest

from vlogger_core.errors import InputError
from vlogger_core.evaluate.table import Figure, exit_code, format_table, hardware, write_json

MET = Figure(what="error", on="photos", reached=1.234, asked=2.0, unit="px")
MORE = Figure(what="speed", on="clips", reached=4.0, asked=1.5, unit="frames/s", at_least=True)
MISSED = Figure(what="error", on="bodies", reached=3.0, asked=2.0, unit="px", note="p3")
TOLD = Figure(what="worst", on="photos", reached=9.0)
UNKNOWN = Figure(what="error", on="cat", reached=None, asked=2.0)
BETWEEN = Figure(what="spread", on="clips", reached=0.9, asked=0.7, up_to=1.2, unit="of data")


def test_what_is_met():
    assert [figure.met for figure in (MET, MORE, MISSED, TOLD, UNKNOWN)] == [True, True, False, True, False]
    assert not Figure(what="", on="", reached=1.0, asked=1.5, at_least=True).met
    assert not Figure(what="", on="", reached=float("nan"), asked=1.5).met
    assert [replace(BETWEEN, reached=value).met for value in (0.6, 0.7, 1.2, 1.3)] == [False, True, True, False]
    assert exit_code([MET, MORE, TOLD]) == 0
    assert exit_code([MET, MISSED]) == exit_code([UNKNOWN]) == 1


def test_table_is_aligned_and_marks_what_is_missed():
    lines = format_table([MET, MORE, MISSED, TOLD, UNKNOWN, BETWEEN]).splitlines()
    assert len(lines) == 8
    column = lines[0].index("asked")
    assert lines[2][column:].startswith("<= 2 px")
    assert lines[3][column:].startswith(">= 1.5 frames/s")
    assert "met" in lines[2]
    assert "MISSED  p3" in lines[4]
    assert "MISSED" not in lines[5]
    assert lines[6].split()[-2:] == ["-", "MISSED"]
    assert lines[7][column:].startswith("0.7 to 1.2 of data")


def test_json_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "figures.json"
    write_json([MET, MISSED], path)
    content = json.loads(path.read_text())
    assert [figure["met"] for figure in content["figures"]] == [True, False]
    assert content["figures"][0]["reached"] == 1.234
    assert content["met"] is False
    assert content["hardware"] == hardware() or "torch" in content["hardware"]
    with pytest.raises(InputError, match=r"Cannot write .*missing.*figures\.json"):
        write_json([MET], tmp_path / "missing" / "figures.json")
    assert list(tmp_path.iterdir()) == [path]
