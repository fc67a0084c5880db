"""The vocabularies have the published sizes and hold nothing twice."""

from vlogger_core.names import ARKIT_EXPRESSIONS, PARTS, SMPLX_JOINTS


def test_sizes():
    assert (len(ARKIT_EXPRESSIONS), len(SMPLX_JOINTS)) == (52, 55)


def test_nothing_stands_twice():
    for names in (ARKIT_EXPRESSIONS, SMPLX_JOINTS, PARTS):
        assert len(set(names)) == len(names)


def test_arkit_is_alphabetical():
    assert list(ARKIT_EXPRESSIONS) == sorted(ARKIT_EXPRESSIONS)


def test_both_sides_have_the_same_names():
    for names, left, right in ((ARKIT_EXPRESSIONS, "Left", "Right"), (SMPLX_JOINTS, "left_", "right_")):
        mirrored = {name.replace(left, right) for name in names if left in name}
        assert mirrored == {name for name in names if right in name}
