"""What is asked of edited clips: the person does what was asked, and nothing else changes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ..datatypes import Motion
from ..edit.presets import PRESETS
from ..edit.regions import REGIONS, Selection, select
from ..names import EXPRESSION_INDEX
from .edit_clips import CLOSE_EYES, CLOSE_MOUTH, DUB, DUBBED, KEEP_OPEN, EditedClip
from .edit_seam import Seam
from .table import Figure

JAW_CLOSED, CLOSED_SHARE = 0.06, 0.95
"""How far the jaw may be open in this share of the frames."""
LIDS_OPEN, LIDS_CLOSED = 0.5, 0.7
DUB_CORRELATION = 0.7
OTHERS_MOVED = 0.1
"""How far other regions may be from the original track: of an expression's range, and of `_TURN_RAD` of a turn."""
SEAM = (0.8, 1.2)
"""Gradient energy on the border over the clip's."""
_TURN_RAD = 0.5
"""A head that is turned about as far as one turns it while talking to somebody."""
_UNSEEN = ("left_hand", "right_hand")
"""Regions that a clip of a talking head does not show."""
_HIDDEN = {CLOSE_EYES: ("gaze",)}
"""Regions that nobody can see after an edit."""


def found_figures(edited: Sequence[EditedClip], on: str) -> list[Figure]:
    """The figures of one edit of several clips."""
    figures = []
    for name in dict.fromkeys(one.edit for one in edited):
        clips = [one for one in edited if one.edit == name]
        figures += [_asked(name, clips, on), _others(name, clips, on)]
    seams = {one.edit: Seam() for one in edited}
    for one in edited:
        seams[one.edit] += one.seam
    outside, changed = (sum(getattr(seam, what) for seam in seams.values()) for what in ("outside_px", "changed_px"))
    figures.append(
        Figure(
            what="pixels outside the mask that changed", on=on, reached=float(changed), asked=0.0,
            note=f"of {outside / 1e6:.1f} million",
        )
    )  # fmt: skip
    for name, seam in seams.items():
        figures.append(
            Figure(
                what=f"{name}: gradient energy on the mask's border over the clip's", on=on, unit="x",
                reached=seam.energy_ratio, asked=SEAM[0], up_to=SEAM[1],
            )
        )  # fmt: skip
    return figures


def _asked(name: str, clips: Sequence[EditedClip], on: str) -> Figure:
    """What an edit is for, tracked in the result; of several clips the worst."""
    if name == CLOSE_MOUTH:
        shares = [(_values(one, "jawOpen") <= JAW_CLOSED).float().mean().item() for one in clips]
        return Figure(
            what=f"{name}: frames with jawOpen <= {JAW_CLOSED:g}", on=on, unit="%", asked=100 * CLOSED_SHARE,
            reached=100 * min(shares), at_least=True, note=_each([100 * share for share in shares], "{:.0f}"),
        )  # fmt: skip
    lids = [torch.stack([_values(one, f"eyeBlink{side}") for side in ("Left", "Right")]) for one in clips]
    if name == KEEP_OPEN:
        most = [both.amin(0).max().item() for both in lids]
        return Figure(
            what=f"{name}: the further open lid, where it is closed most", on=on, reached=max(most), asked=LIDS_OPEN,
            note=_each(most, "{:.2f}"),
        )  # fmt: skip
    if name == CLOSE_EYES:
        least = [both.min().item() for both in lids]
        return Figure(
            what=f"{name}: the lid that is closed least", on=on, reached=min(least), asked=LIDS_CLOSED, at_least=True,
            note=_each(least, "{:.2f}"),
        )  # fmt: skip
    told = [correlation(_values(one, "jawOpen", wanted=True), _values(one, "jawOpen")) for one in clips]
    return Figure(
        what=f"{name}: correlation of jawOpen with the requested", on=on, reached=min(told), asked=DUB_CORRELATION,
        at_least=True, note=_each(told, "{:.2f}"),
    )  # fmt: skip


def _others(name: str, clips: Sequence[EditedClip], on: str) -> Figure:
    """How far the region that moved most, of those that were not edited, has moved."""
    regions = DUBBED if name == DUB else PRESETS[name][1]
    changed = select(regions)
    unseen = (*_UNSEEN, *_HIDDEN.get(name, ()))
    rest = [region for region in REGIONS if region not in unseen and not select([region]) & changed]
    moved = {region: max(region_change(one.before, one.found, select([region])) for one in clips) for region in rest}
    most = max(moved, key=lambda region: moved[region])
    return Figure(
        what=f"{name}: other regions from the original track", on=on, unit="%", asked=100 * OTHERS_MOVED,
        reached=100 * moved[most], note=f"mean of the frames, worst clip; most: {most}",
    )  # fmt: skip


def region_change(before: Motion, found: Motion, selection: Selection) -> float:
    """How far what is selected has moved, in the mean over frames, expressions and joints, of its full range."""
    apart = [(found.expression - before.expression)[:, selection.expressions].abs()]
    for joint in selection.joints:
        turned = _turn(found, joint) - _turn(before, joint)
        if turned.any():
            apart.append(turned.norm(dim=-1)[:, None] / _TURN_RAD)
    return torch.cat(apart, 1).mean().item() if sum(part.shape[1] for part in apart) else 0.0


def correlation(one: Float[Tensor, " t"], other: Float[Tensor, " t"]) -> float:
    """Pearson's; 0 where one of them does not move."""
    pair = torch.stack((one, other)).double()
    if (pair.std(1) < 1e-6).any():
        return 0.0
    return torch.corrcoef(pair)[0, 1].item()


def _values(one: EditedClip, name: str, *, wanted: bool = False) -> Float[Tensor, " t"]:
    """An expression as it was found, or wanted, in the frames of which the edit is whole."""
    motion = one.wanted if wanted else one.found
    return motion.expression[one.whole_from :, EXPRESSION_INDEX[name]]


def _turn(motion: Motion, joint: str) -> Float[Tensor, "t 3"]:
    if joint not in motion.joint_names:
        return torch.zeros(motion.num_frames, 3)
    return motion.joint_rotvec[:, motion.joint_names.index(joint)]


def _each(values: Sequence[float], form: str) -> str:
    """Clip by clip, so that one that fails is seen."""
    return "clips: " + " ".join(form.format(value) for value in values)
