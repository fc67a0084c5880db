from dataclasses import replace

import pytest
import torch

from tests.edit.tidy_motion import tidy
from vlogger_core.datatypes import Motion
from vlogger_core.edit.regions import select
from vlogger_core.edit.timing import Scope
from vlogger_core.evaluate.edit_clips import CLOSE_EYES, CLOSE_MOUTH, DUB, KEEP_OPEN, EditedClip, dub, preset
from vlogger_core.evaluate.edit_found import correlation, found_figures, region_change
from vlogger_core.evaluate.edit_seam import Seam
from vlogger_core.evaluate.table import Figure
from vlogger_core.names import EXPRESSION_INDEX

EDITS = {CLOSE_MOUTH: preset(CLOSE_MOUTH), KEEP_OPEN: preset(KEEP_OPEN), CLOSE_EYES: preset(CLOSE_EYES)}


def _edited(edit: str, found: Motion | None = None) -> EditedClip:
    """A clip in which the tracker finds exactly what was wanted, or what is given."""
    before = tidy()
    wanted = dub(tidy(seed=1))(before, Scope()) if edit == DUB else EDITS[edit](before, Scope())
    seam = Seam(outside_px=10, made_energy=1.0, clip_energy=1.0)
    return EditedClip(clip="a", edit=edit, before=before, wanted=wanted, found=found or wanted, whole_from=2, seam=seam)


def _of(figures: list[Figure], start: str) -> Figure:
    return next(figure for figure in figures if figure.what.startswith(start))


@pytest.mark.parametrize("edit", [CLOSE_MOUTH, KEEP_OPEN, CLOSE_EYES, DUB])
def test_an_edit_that_is_found_as_it_was_wanted_meets_everything(edit: str) -> None:
    figures = found_figures([_edited(edit)], "a clip")
    assert all(figure.met for figure in figures), figures
    assert all(figure.asked is not None for figure in figures)


@pytest.mark.parametrize("edit", [CLOSE_MOUTH, KEEP_OPEN, CLOSE_EYES, DUB])
def test_an_edit_that_is_not_seen_misses(edit: str) -> None:
    before = tidy()
    expression = before.expression.clone()
    expression[5:8, [EXPRESSION_INDEX["eyeBlinkLeft"], EXPRESSION_INDEX["eyeBlinkRight"]]] = 0.9
    expression[:, EXPRESSION_INDEX["jawOpen"]] = 0.25 + 0.25 * (-1) ** torch.arange(before.num_frames)
    found = replace(before, expression=expression)
    asked = found_figures([_edited(edit, found)], "a clip")[0]
    assert not asked.met


def test_the_worst_of_several_clips_counts() -> None:
    good = _edited(CLOSE_MOUTH)
    bad = _edited(CLOSE_MOUTH, good.before)
    asked = found_figures([good, bad], "two clips")[0]
    assert not asked.met
    assert asked.note.startswith("clips: 100 ")


def test_frames_in_which_an_edit_only_sets_in_do_not_count() -> None:
    one = _edited(CLOSE_EYES)
    opened = one.wanted.expression.clone()
    opened[: one.whole_from] = 0
    found = replace(one, found=replace(one.wanted, expression=opened))
    assert found_figures([found], "a clip")[0].met


def test_other_regions_that_move_are_told_by_name() -> None:
    one = _edited(CLOSE_EYES)
    raised = one.wanted.expression.clone()
    raised[:, [i for name, i in EXPRESSION_INDEX.items() if name.startswith("brow")]] = 1
    moved = replace(one, found=replace(one.wanted, expression=raised))
    figure = _of(found_figures([moved], "a clip"), "close eyes: other regions")
    assert not figure.met
    assert "brows" in figure.note


def test_a_pixel_that_changed_outside_the_mask_misses() -> None:
    one = replace(_edited(CLOSE_EYES), seam=Seam(outside_px=10, changed_px=1, made_energy=1.0, clip_energy=1.0))
    assert not _of(found_figures([one], "a clip"), "pixels outside").met


def test_a_region_that_rests_has_not_moved_and_a_joint_counts_by_its_angle() -> None:
    motion = tidy()
    assert region_change(motion, motion, select(["head"])) == 0
    turned = motion.joint_rotvec.clone()
    turned[:, motion.joint_names.index("head"), 1] += 0.1
    assert region_change(motion, replace(motion, joint_rotvec=turned), select(["head"])) > 0.05


def test_what_does_not_move_has_no_correlation() -> None:
    moving = torch.linspace(0, 1, 9)
    assert correlation(moving, torch.zeros(9)) == 0
    assert correlation(moving, 2 * moving) == pytest.approx(1)
