import pytest

from vlogger_core.edit.regions import GROUPS, PAIRED, REGIONS, SELECTABLE, select
from vlogger_core.motion.controls import region_of
from vlogger_core.names import ARKIT_EXPRESSIONS, SMPLX_JOINTS


def channels(*names: str) -> set[str]:
    return {ARKIT_EXPRESSIONS[i] for i in select(names).expressions.nonzero()[:, 0].tolist()}


def test_every_expression_has_one_region_and_mouthclose_two():
    for name in ARKIT_EXPRESSIONS:
        owners = [region for region in REGIONS if name in channels(region)]
        assert owners == (["mouth", "jaw"] if name == "mouthClose" else owners[:1])
        assert owners


def test_every_joint_has_one_region_that_agrees_with_the_samplers_controls():
    coarse = {"jaw": "face", "head": "head", "torso": "torso", "gaze": None}
    coarse |= {f"{side}_{part}": "hands" for side in ("left", "right") for part in ("arm", "hand")}
    for joint in SMPLX_JOINTS:
        (owner,) = [region for region in REGIONS if joint in select([region]).joints]
        assert region_of(joint) == coarse[owner]


def test_what_some_regions_hold():
    assert select(["head"]).joints == {"neck", "head"}
    assert select(["left_arm"]).joints == {"left_shoulder", "left_elbow"}
    assert {"right_wrist", "right_thumb3"} < select(["right_hand"]).joints
    assert select(["gaze"]).joints == {"left_eye_smplhf", "right_eye_smplhf"}
    assert channels("eyes") == {name for name in ARKIT_EXPRESSIONS if name.startswith("eye")}
    assert [region for region in REGIONS if select([region]).translation] == ["torso"]


def test_groups_are_their_regions_together():
    for group, regions in GROUPS.items():
        assert channels(group) == channels(*regions)
        assert select([group]).joints == frozenset().union(*(select([region]).joints for region in regions))
    assert select(["all"]).expressions.all()
    assert select(["all"]).joints == set(SMPLX_JOINTS)


def test_single_expressions_and_both_sides_at_once():
    assert channels("mouthSmileLeft") == {"mouthSmileLeft"}
    assert channels("eyeBlink") == {"eyeBlinkLeft", "eyeBlinkRight"}
    assert channels("jawOpen") == {"jawOpen", "mouthClose"}
    assert not select(["jawOpen"]).joints
    assert not {"jaw", "mouth"} & set(PAIRED)
    assert len(set(SELECTABLE)) == len(SELECTABLE)


def test_lips_follow_the_jaw_only_where_the_mouth_is_not_edited():
    assert select(["jaw"]).follows_jaw
    assert select(["jawOpen"]).follows_jaw
    assert not select(["mouth_and_jaw"]).follows_jaw
    assert not select(["mouth"]).follows_jaw
    assert (select(["all"]) & select(["jaw"])).follows_jaw
    assert not (select(["mouth"]) & select(["jaw"])).follows_jaw


def test_what_two_selections_share():
    assert not select(["head"]) & select(["mouth"])
    assert select(["face"]) & select(["jaw", "head"])


@pytest.mark.parametrize(("names", "message"), [((), "Got none"), (("head", "tail"), r"Got tail\.")])
def test_unknown_regions(names: tuple[str, ...], message: str):
    with pytest.raises(ValueError, match=message):
        select(names)
