"""What the joints of SMPL-X are called in the skeletons that people have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ..names import SMPLX_JOINTS

_SIDES = (("left", "l", "left"), ("right", "r", "right"))
"""Ours, short, long."""
_FINGERS = ("thumb", "index", "middle", "ring", "pinky")
_TIP_ENDINGS = ("end", "nub", "4")
_PREFIXES = ("mixamorig", "armature", "character1", "bip01")


def _sided(table: Mapping[str, str]) -> dict[str, str]:
    """A dialect from its names: `{}` in ours is the side, in theirs `{l}` the short and `{left}` the long one."""
    names = {}
    for theirs, ours in table.items():
        for side, short, long in _SIDES:
            names[theirs.format(l=short, left=long)] = ours.format(side)
    return names


_SMPL_X = {name.replace("_", ""): name for name in SMPLX_JOINTS} | _sided({"{left}eye": "{}_eye_smplhf"})
_SMPL = _sided(
    {joint: joint for joint in ("pelvis", "spine1", "spine2", "spine3", "neck", "head")}
    | {
        f"{{l}}{joint}": f"{{}}_{joint}"
        for joint in ("hip", "knee", "ankle", "foot", "collar", "shoulder", "elbow", "wrist")
    }
)
_LIMBS = {
    "{left}shoulder": "{}_collar", "{left}arm": "{}_shoulder", "{left}forearm": "{}_elbow", "{left}hand": "{}_wrist",
    "{left}upleg": "{}_hip", "{left}leg": "{}_knee", "{left}foot": "{}_ankle", "{left}toebase": "{}_foot",
    "{left}eye": "{}_eye_smplhf",
}  # fmt: skip
_NUMBERED = {f"{{left}}hand{finger}{i}": f"{{}}_{finger}{i}" for finger in _FINGERS for i in (1, 2, 3)}
_TRUNK = {"hips": "pelvis", "neck": "neck", "head": "head", "jaw": "jaw"}
_MIXAMO = _sided(_TRUNK | _LIMBS | _NUMBERED | {"spine": "spine1", "spine1": "spine2", "spine2": "spine3"})
_CMU = _sided(_TRUNK | _LIMBS | _NUMBERED | {"lowerback": "spine1", "spine": "spine2", "spine1": "spine3"})
_VRM_LIMBS = {
    "{left}shoulder": "{}_collar", "{left}upperarm": "{}_shoulder", "{left}lowerarm": "{}_elbow",
    "{left}hand": "{}_wrist", "{left}upperleg": "{}_hip", "{left}lowerleg": "{}_knee", "{left}foot": "{}_ankle",
    "{left}toes": "{}_foot", "{left}eye": "{}_eye_smplhf",
}  # fmt: skip
_VRM_TRUNK = _TRUNK | {"spine": "spine1", "chest": "spine2", "upperchest": "spine3"}
_VRM_FINGERS = {
    f"{{left}}{'little' if finger == 'pinky' else finger}{part}": f"{{}}_{finger}{i}"
    for finger in _FINGERS
    for i, part in enumerate(("proximal", "intermediate", "distal"), 1)
}
_VRM_THUMB = {
    f"{{left}}thumb{part}": f"{{}}_thumb{i}" for i, part in enumerate(("metacarpal", "proximal", "distal"), 1)
}
_VRM_0 = _sided(_VRM_TRUNK | _VRM_LIMBS | _VRM_FINGERS)
_VRM_1 = _sided(_VRM_TRUNK | _VRM_LIMBS | _VRM_FINGERS | _VRM_THUMB)
_VROID = _sided(
    {f"jbipc{theirs}": ours for theirs, ours in _VRM_TRUNK.items()}
    | {f"jbip{theirs.replace('{left}', '{l}')}": ours for theirs, ours in _VRM_LIMBS.items()}
    | {f"jbip{{l}}{'little' if f == 'pinky' else f}{i}": f"{{}}_{f}{i}" for f in _FINGERS for i in (1, 2, 3)}
    | {"jbip{l}toebase": "{}_foot", "jadj{l}faceeye": "{}_eye_smplhf"}
)
_BIOVISION = _sided(
    _TRUNK
    | {"chest": "spine1", "chest2": "spine2", "chest3": "spine3", "{left}collar": "{}_collar", "{left}toe": "{}_foot"}
    | {f"{{left}}{joint}": f"{{}}_{joint}" for joint in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")}
)
DIALECTS: Mapping[str, Mapping[str, str]] = {
    "SMPL-X": _SMPL_X, "SMPL": _SMPL, "Mixamo": _MIXAMO, "CMU": _CMU, "VRM 0": _VRM_0, "VRM 1": _VRM_1,
    "VRoid": _VROID, "Biovision": _BIOVISION,
}  # fmt: skip
"""By whose names, in small letters and without anything between them. The same word means different joints in them: a
`LeftShoulder` is Mixamo's collar bone and SMPL-X's upper arm."""


def match_joints(names: Sequence[str]) -> tuple[str, dict[str, int]]:
    """The dialect that knows most of a skeleton's names, and where in it the SMPL-X joints are."""
    keys = [_key(name) for name in names]

    def matched(dialect: Mapping[str, str]) -> dict[str, int]:
        # Of two with one meaning the first is nearer the root.
        return {dialect[key]: place for place, key in reversed(list(enumerate(keys))) if key in dialect}

    best = max(DIALECTS, key=lambda dialect: len(matched(DIALECTS[dialect])))
    return best, matched(DIALECTS[best])


def unknown_joints(names: Sequence[str], matched: Iterable[int]) -> list[str]:
    """Names that were not matched, tips of limbs and of fingers aside."""
    known = set(matched)
    return [name for i, name in enumerate(names) if i not in known and not _key(name).endswith(_TIP_ENDINGS)]


def _key(name: str) -> str:
    """Small letters and digits, without what programs put before."""
    last = name.replace("|", ":").rsplit(":", 1)[-1]
    key = "".join(letter for letter in last.lower() if letter.isalnum())
    for prefix in _PREFIXES:
        key = key.removeprefix(prefix)
    return key.removeprefix("mavg")
