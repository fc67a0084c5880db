from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from tests.edit.tidy_motion import tidy
from tests.motion.lively_motion import FPS, lively
from vlogger_core.body.anny_model import AnnyBody, load_anny
from vlogger_core.body.expression import GAZE
from vlogger_core.datatypes import Motion
from vlogger_core.edit.operations import hold, mirror, offset, retime, scale, set_values, smooth
from vlogger_core.edit.regions import REGIONS, select
from vlogger_core.edit.timing import Scope
from vlogger_core.errors import InputError
from vlogger_core.names import EXPRESSION_INDEX, SMPLX_JOINTS

LIDS = Scope(regions=("lids",))
JAW, CLOSE = EXPRESSION_INDEX["jawOpen"], EXPRESSION_INDEX["mouthClose"]
OPERATIONS: dict[str, Callable[[Motion, Scope], Motion]] = {
    "set": lambda motion, scope: set_values(motion, scope, 0.4),
    "offset": lambda motion, scope: offset(motion, scope, 0.2),
    "scale": lambda motion, scope: scale(motion, scope, 1.5),
    "scale about the mean": lambda motion, scope: scale(motion, scope, 0.3, "mean"),
    "hold": hold,
    "smooth": lambda motion, scope: smooth(motion, scope, 1.0),
    "retime": lambda motion, scope: retime(motion, scope, 0.6),
    "mirror": mirror,
}


def bare(**values: float) -> Motion:
    """A second of a motionless face."""
    expression = torch.zeros(FPS, 52)
    for name, value in values.items():
        expression[:, EXPRESSION_INDEX[name]] = value
    return replace(lively(1.0), expression=expression)


def index(joint: str) -> int:
    return SMPLX_JOINTS.index(joint)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_is_not_asked_for_stays_to_the_bit(operation: str):
    motion = tidy()
    for region in REGIONS:
        edited = OPERATIONS[operation](motion, Scope(regions=(region,), start_s=1.0, end_s=3.0))
        selection = select([region])
        others = ~selection.joint_mask(SMPLX_JOINTS)
        assert torch.equal(edited.expression[:, ~selection.expressions], motion.expression[:, ~selection.expressions])
        assert torch.equal(edited.joint_rotvec[:, others], motion.joint_rotvec[:, others])
        assert selection.translation or torch.equal(edited.translation, motion.translation)
        for outside in (slice(0, 24), slice(72, None)):
            assert torch.equal(edited.expression[outside], motion.expression[outside])
            assert torch.equal(edited.joint_rotvec[outside], motion.joint_rotvec[outside])
            assert torch.equal(edited.translation[outside], motion.translation[outside])


@pytest.mark.parametrize("operation", OPERATIONS)
def test_nothing_jumps_and_lips_never_pass_each_other(operation: str):
    motion = tidy()
    edited = OPERATIONS[operation](motion, Scope(start_s=1.0, end_s=3.0, fade_s=0.5))
    assert (edited.expression[:, CLOSE] <= edited.expression[:, JAW]).all()
    assert edited.joint_rotvec.diff(dim=0).norm(dim=-1).max() < 0.025
    assert edited.translation.diff(dim=0).norm(dim=-1).max() < 0.01
    for one, other in GAZE:
        assert not edited.expression[:, [EXPRESSION_INDEX[one], EXPRESSION_INDEX[other]]].amin(1).any()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_one_frame(operation: str):
    edited = OPERATIONS[operation](tidy().slice(7, 8), Scope())
    assert edited.num_frames in (1, 2)


def test_set_gives_values_and_the_photos_pose():
    motion = tidy()
    still = set_values(motion, Scope(regions=("head", "brows", "torso")), 0.25)
    assert not still.joint_rotvec[:, [index("neck"), index("head"), index("spine2")]].any()
    assert not still.translation.any()
    brows = [i for name, i in EXPRESSION_INDEX.items() if name.startswith("brow")]
    assert (still.expression[:, brows] == 0.25).all()


def test_set_and_offset_turn_the_head_by_neck_and_head_together():
    motion = tidy()
    scope = Scope(regions=("head",))
    turned = set_values(motion, scope, turn_deg=(0.0, 20.0, 0.0)).joint_rotvec
    half = torch.tensor([0.0, np.deg2rad(10.0), 0.0], dtype=torch.float32).expand(96, 3)
    torch.testing.assert_close(turned[:, index("neck")], half)
    torch.testing.assert_close(turned[:, index("head")], half)
    moved = offset(motion, scope, turn_deg=(0.0, 20.0, 0.0)).joint_rotvec[:, index("head")]
    shift = (moved - motion.joint_rotvec[:, index("head")]).mean(0)
    torch.testing.assert_close(shift, half[0], atol=0.01, rtol=0)


def test_arms_turn_as_mirror_images_and_joints_that_lack_are_added():
    lacking = replace(tidy(1.0), joint_names=("head",), joint_rotvec=tidy(1.0).joint_rotvec[:, :1])
    raised = offset(lacking, Scope(regions=("arms",)), turn_deg=(5.0, 10.0, 15.0))
    left, right = (raised.joint_rotvec[:, raised.joint_names.index(f"{side}_shoulder")] for side in ("left", "right"))
    torch.testing.assert_close(right, left * torch.tensor([1.0, -1.0, -1.0]))
    assert left.any()


def test_scale_is_proportional_and_knows_what_it_moves_about():
    motion = tidy()
    scope = Scope(regions=("head", "brows"))
    head = index("head")
    torch.testing.assert_close(scale(motion, scope, 0.5).joint_rotvec[:, head], 0.5 * motion.joint_rotvec[:, head])
    shifted = offset(motion, scope, turn_deg=(0.0, 30.0, 0.0))
    calm = scale(shifted, scope, 0.0, "mean").joint_rotvec[:, head]
    assert calm.std(dim=0).max() < 1e-5
    assert abs(torch.rad2deg(calm[0, 1]).item() - 15.0) < 1.5
    assert scale(motion, Scope(regions=("left_hand",)), 4.0).joint_rotvec.norm(dim=-1).max() < 0.25


def test_closed_lips_stay_closed_however_the_jaw_is_scaled_or_set():
    closed = bare(jawOpen=0.4, mouthClose=0.4)
    for region in ("jaw", "jawOpen", "mouth_and_jaw"):
        scaled = scale(closed, Scope(regions=(region,)), 2.0).expression
        torch.testing.assert_close(scaled[:, JAW], torch.full((FPS,), 0.8))
        torch.testing.assert_close(scaled[:, CLOSE], scaled[:, JAW])
    opened = set_values(bare(jawOpen=0.4, mouthClose=0.1), Scope(regions=("jawOpen",)), 0.8).expression
    torch.testing.assert_close(opened[:, CLOSE], torch.full((FPS,), 0.2))
    assert not set_values(closed, Scope(regions=("jawOpen",)), 0.0).expression.any()
    assert (set_values(bare(jawOpen=0.3), Scope(regions=("mouth",)), 1.0).expression[:, CLOSE] <= 0.3).all()


def test_hold_keeps_the_first_pose_of_the_range():
    motion = tidy()
    held = hold(motion, Scope(start_s=1.0, end_s=3.0, fade_s=0.0))
    for name in ("expression", "joint_rotvec", "translation"):
        assert torch.equal(
            getattr(held, name)[24:72], getattr(motion, name)[24:25].expand_as(getattr(held, name)[24:72])
        )


def test_smooth_keeps_the_beat_and_takes_away_what_is_quick():
    times_s = torch.arange(240) / FPS
    slow, quick = torch.sin(6.2832 * 0.25 * times_s), torch.sin(6.2832 * 1.0 * times_s)
    motion = replace(lively(10.0), joint_rotvec=torch.zeros(240, 55, 3))
    motion.joint_rotvec[:, index("head"), 1] = 0.1 * slow + 0.1 * quick
    inner = slice(48, -48)
    course = smooth(motion, Scope(regions=("head",)), 1.0).joint_rotvec[inner, index("head"), 1]
    kept = (course @ slow[inner] / slow[inner].square().sum(), course @ quick[inner] / quick[inner].square().sum())
    torch.testing.assert_close(torch.stack(kept), torch.tensor([0.096, 0.05]), atol=0.004, rtol=0)
    assert smooth(motion, Scope(), 0.0) is motion


@pytest.mark.parametrize("speed", [0.5, 2.0])
def test_a_whole_motion_gets_longer_or_shorter(speed: float):
    motion = tidy()
    timed = retime(motion, Scope(), speed)
    assert timed.num_frames == 96 / speed
    step = max(1, int(speed))
    same = timed.joint_rotvec[:: int(max(1, 1 / speed))]
    torch.testing.assert_close(same, motion.joint_rotvec[::step])
    there_and_back = retime(timed, Scope(), 1 / speed).joint_rotvec[:90]
    torch.testing.assert_close(there_and_back, motion.joint_rotvec[:90], atol=2e-3, rtol=0)


def test_a_part_keeps_the_length_and_a_curve_says_where_time_runs_otherwise():
    motion = tidy()
    for scope in (Scope(regions=("head",)), Scope(end_s=2.0)):
        assert retime(motion, scope, 0.5).num_frames == 96
    slowed = retime(motion, Scope(curve=lambda x: (x > 0.5).astype(float)), 0.5)
    assert slowed.num_frames == 144
    assert torch.equal(slowed.expression[:48], motion.expression[:48])


def test_mirroring_twice_changes_nothing_and_once_exchanges_the_sides():
    motion = tidy()
    once = mirror(motion, Scope())
    for name in ("expression", "joint_rotvec", "translation"):
        assert torch.equal(getattr(mirror(once, Scope()), name), getattr(motion, name))
    for name, other in (("eyeBlinkLeft", "eyeBlinkRight"), ("jawLeft", "jawRight"), ("jawOpen", "jawOpen")):
        assert torch.equal(once.expression[:, EXPRESSION_INDEX[name]], motion.expression[:, EXPRESSION_INDEX[other]])
    left = mirror(motion, Scope(regions=("left_arm",))).joint_rotvec[:, index("left_elbow")]
    assert torch.equal(left, motion.joint_rotvec[:, index("right_elbow")] * torch.tensor([1.0, -1.0, -1.0]))


@pytest.fixture(scope="module")
def anny() -> AnnyBody:
    return load_anny()


def test_a_mirrored_motion_gives_the_body_in_a_mirror(anny: AnnyBody):
    motion = tidy().slice(5, 7)
    motion = replace(motion, joint_rotvec=3 * motion.joint_rotvec)
    rest, flip = anny.rest(anny.mean_shape()), torch.tensor([-1.0, 1.0, 1.0])
    twin = torch.from_numpy(cKDTree(anny.template.numpy()).query((anny.template * flip).numpy())[1])

    def vertices(moved: Motion) -> torch.Tensor:
        return anny.pose(rest, moved.joint_rotvec, moved.translation, moved.expression).vertices

    seen, mirrored = vertices(motion), vertices(mirror(motion, Scope()))
    apart = (mirrored - (seen * flip)[:, twin]).norm(dim=-1)
    assert apart.mean() < 2e-4
    assert apart.max() < 3e-3
    assert (mirrored - seen).norm(dim=-1).mean() > 0.05


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda m: set_values(m, Scope(), 1.5), r"set to 0 \(none\) to 1 \(full\)\. Got 1\.5"),
        (lambda m: offset(m, Scope(), -2.0), r"raised by -1 to 1\. Got -2"),
        (lambda m: scale(m, Scope(), 5.0), r"0 \(still\) to 4\. Got 5"),
        (lambda m: smooth(m, Scope(), 20.0), r"0 to 10 s\. Got 20 s"),
        (lambda m: retime(m, Scope(), 0.0), r"0\.1 to 10 times its speed\. Got 0"),
        (lambda m: mirror(m, Scope(), 2.0), r"0 \(nothing\) to 1 \(all\)\. Got 2"),
        (
            lambda m: offset(m, Scope(regions=("lids",)), turn_deg=(1.0, 0.0, 0.0)),
            "lids cannot be turned: choose of jaw",
        ),
        (lambda m: hold(m, Scope(start_s=2.0)), "begins at 2 s, outside the motion"),
        (lambda m: hold(m.slice(0, 0), Scope()), "has no frames"),
        (lambda m: smooth(m.slice(0, 0), Scope(), 0.0), "has no frames"),
        (lambda m: retime(m.slice(0, 0), Scope(), 1.0), "has no frames"),
    ],
)
def test_what_cannot_be_done(edit: Callable[[Motion], Motion], message: str):
    with pytest.raises(InputError, match=message):
        edit(tidy(1.0))


def test_an_unknown_middle():
    with pytest.raises(ValueError, match=r'"photo" or "mean"\. Got "median"'):
        scale(tidy(1.0), Scope(), 1.0, "median")


def test_other_frame_rates_are_kept():
    motion = replace(tidy(1.0), fps=Fraction(30000, 1001))
    assert all(operation(motion, Scope()).fps == motion.fps for operation in OPERATIONS.values())
