from dataclasses import fields

import pytest
import torch

from vlogger_core.datatypes import MapFrames
from vlogger_core.errors import InputError
from vlogger_core.render.preview import render_preview
from vlogger_core.render.stage import Stage, open_stage
from vlogger_core.render.view import View

from .bodies import ball_fit, head_motion

MOTION = head_motion([[0.0, 0.1 * t, 0.0] for t in range(4)], jaw_open=0.5)
NAMES = tuple(field.name for field in fields(MapFrames))


@pytest.fixture(scope="module")
def stage() -> Stage:
    return open_stage(ball_fit(), MOTION, (96, 80))


def test_shows_the_warp_preview(stage: Stage):
    frames = stage.frames(0, 4)
    preview = torch.stack(list(render_preview(ball_fit(), MOTION)))
    assert frames.warp_flow is not None
    assert torch.equal(frames.warp_flow, preview)
    assert {name for name in NAMES if getattr(frames, name) is not None} == {
        "dense", "parts", "warp_flow", "warp_flow_confidence", "warp_flow_matte",
    }  # fmt: skip


def test_the_matte_tells_where_the_person_is_seen(stage: Stage):
    frames = stage.frames(1, 2)
    assert frames.warp_flow is not None
    assert frames.warp_flow_matte is not None
    shown = frames.warp_flow_matte[0]
    assert torch.equal(shown, stage.matte(1))
    # What the backdrop's painting changed beside the person is in the person's layer, with no matte.
    change = (frames.warp_flow[0] - stage.background).abs().amax(0)
    assert (change[shown == 0] > 1 / 255).float().mean() < 0.1
    assert shown[48, 40] > 0.999
    assert shown[0, 0] == 0


def test_frames_do_not_depend_on_those_beside_them(stage: Stage):
    together, alone = stage.frames(0, 4), [stage.frames(t, t + 1) for t in range(4)]
    for name in ("dense", "parts", "warp_flow", "warp_flow_confidence", "warp_flow_matte"):
        assert torch.equal(getattr(together, name), torch.cat([getattr(one, name) for one in alone]))


def test_another_motion_of_the_same_photo(stage: Stage):
    other = MOTION.slice(2, 4)
    moved = stage.moved(other)
    assert moved.num_frames == 2
    wanted = stage.frames(2, 4).warp_flow
    assert wanted is not None
    assert torch.equal(moved.frames(0, 2).warp_flow, wanted)


def test_a_view_beyond_the_photo_shows_the_same_inside():
    """Geometry stays exactly in its place, the photo too; flows only differ as far as cells lie otherwise."""
    fit = ball_fit()
    plain = open_stage(fit, MOTION, (96, 80)).frames(0, 4)
    wide = open_stage(fit, MOTION, (112, 96), view=View(left=-8.0, top=-8.0, width=96.0, height=112.0))
    inside = (..., slice(8, 104), slice(8, 88))
    assert torch.equal(wide.reference[inside], open_stage(fit, MOTION, (96, 80)).reference)
    seen = wide.frames(0, 4)
    assert (seen.parts[inside] != plain.parts).float().mean() < 0.001
    both = (seen.parts[inside] > 0) & (plain.parts > 0)
    change = (seen.dense[inside] - plain.dense).abs().amax(1)[both]
    assert change.quantile(0.99) < 1e-3
    assert (seen.warp_flow[inside] - plain.warp_flow).abs().mean() < 0.002


def test_half_the_size_shows_the_same_view():
    """What lies in a fraction of a pixel at one size lies there at the other."""
    fit, still = ball_fit(), head_motion([[0.0, 0.0, 0.0]])
    view = View(left=-4.0, top=-6.5, width=88.0, height=108.0)
    large, small = (open_stage(fit, still, size, view=view).frames(0, 1) for size in ((216, 176), (108, 88)))
    centres = []
    for frames in (large, small):
        y, x = (frames.parts[0] > 0).nonzero(as_tuple=True)
        centres.append(torch.tensor([y.float().mean() + 0.5, x.float().mean() + 0.5]) / frames.parts.shape[1])
    torch.testing.assert_close(centres[0], centres[1], atol=2e-3, rtol=0)


def test_can_be_stopped_while_it_prepares_and_while_it_renders():
    class Stop(Exception):
        pass

    def stop(done: int, total: int) -> None:
        raise Stop

    with pytest.raises(Stop):
        open_stage(ball_fit(), MOTION, (96, 80), progress=stop)
    stage = open_stage(ball_fit(), MOTION, (96, 80))
    with pytest.raises(Stop):
        stage.frames(0, 4, stop)
    seen = []
    stage.frames(1, 4, lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == ((0, 3), (3, 3))


def test_refuses_what_cannot_be_shown(stage: Stage):
    with pytest.raises(ValueError, match=r"warp must be one of preview, flow\. Got 'x'"):
        open_stage(ball_fit(), MOTION, (96, 80), warp="x")
    with pytest.raises(ValueError, match=r"0 <= start < stop <= 4. Got 3, 5"):
        stage.frames(3, 5)
    with pytest.raises(InputError, match="another shape than the photo"):
        open_stage(ball_fit(), MOTION, (96, 160))
    with pytest.raises(InputError, match="no frames"):
        open_stage(ball_fit(), MOTION.slice(0, 0), (96, 80))
