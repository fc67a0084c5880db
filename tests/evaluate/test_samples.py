"""`samples`: any folder in the layout; a clear sentence about any other."""

import pytest

from vlogger_core.errors import InputError
from vlogger_core.evaluate.samples import Samples, is_painting, shows_nobody


def test_files_are_found_by_kind_and_sorted(tmp_path):
    names = "portraits/b.PNG portraits/a.jpg portraits/notes.txt video/x.mpg video/x.align speech/s.ogg speech/s.txt"
    for name in names.split():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    samples = Samples.open(tmp_path)
    assert [path.name for path in samples.portraits()] == ["a.jpg", "b.PNG"]
    assert [path.name for path in samples.clips()] == ["x.mpg"]
    assert [path.name for path in samples.speech()] == ["s.ogg"]


def test_kinds_of_portraits(tmp_path):
    assert shows_nobody(tmp_path / "p11_noHuman_cat.png")
    assert is_painting(tmp_path / "a_painting.jpg")
    assert not shows_nobody(tmp_path / "woman.png")
    assert not is_painting(tmp_path / "woman.png")


def test_messages_say_what_is_wanted(tmp_path):
    with pytest.raises(InputError, match=r"There is no folder .*nowhere.* holds portraits/"):
        Samples.open(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"There are no photos in .*portraits"):
        Samples.open(tmp_path).portraits()
    (tmp_path / "video").mkdir()
    with pytest.raises(InputError, match=r"There are no clips in .*video"):
        Samples.open(tmp_path).clips()
