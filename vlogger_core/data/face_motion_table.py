"""How the channels of FACEGOOD's face rig stand for ARKit's: made by hand.

The rig's names follow Ekman and Friesen's action units: `mouth_stretch_c` is AU 27, the jaw pulled down, and no
channel is called after the jaw; `oh` and `oo` are whole mouth shapes; `suck` is AU 28, lips rolled in; `chinRaise`
AU 17. `_l` is taken for the subject's left, which the recordings cannot show: both sides move alike in them.

Directions were checked against the sound of the recordings. `mouth_stretch_c` follows the square root of loudness
(r .69 to .83). `oo`, `oh` and `pucker` sound where 2 to 3.5 kHz is weak, as in rounded vowels. `funnel`,
`lowerLipDepress` and `upperLipRaise` sound where everything above 2 kHz is strong, as in sh, zh, s and i. `press` and
`suck` come 13 to 15 dB below usual speech, as closures do. Channels that never move there are placed by their names.

Gains: the rig's units are close to ARKit's (by recording the jaw's peaks have a median of .26 to .36 and a 90th
percentile of .43 to .53, its mean in speech is .20 to .27; our synthetic corpus opens vowels to .5), so a channel of
one meaning has gain 1, shared between the parts that ARKit has as one. Two differ. The upper lip rolls in for p, b
and m, and this rig closes the lips with it more often than with `press`: at 1.4 the presses' median peak is .25 to
.62, where our closures have .55. `oh` at its usual peak of .7 gives the funnel, pucker and part of the jaw of our o.
"""

_UNMATCHED = (
    *(f"tongue_Scale_{sign}{axis}" for axis in "XYZ" for sign in ("", "_")),
    *(f"tongue_Rot_{sign}{i}{axis}" for axis in "XYZ" for i in (1, 2, 3) for sign in ("", "_")),
    "tongue_u", "tongue_u_u", "tongue_u_d", "tongue_d", "tooth_d_d", "tooth_d_u", "tooth_l", "tooth_r",
    "nose_out_l", "nose_out_r", "cheek_suck_l", "cheek_suck_r", "cheek_UP", "mouth_chew_c", "mouth_stretch_u",
    "brow_raise_d", "mouth_pressFix_c", "mouth_screamFix_c",
    "mouth_lipCornerDepressFix_l", "mouth_lipCornerDepressFix_r",
)  # fmt: skip
UNMATCHED = frozenset(_UNMATCHED)
"""Channels that ARKit has nothing for: teeth and tongue inside the mouth, hollow cheeks, nostrils, corrections of other
channels, and names whose meaning nothing shows."""


def _sides(channel: str, *targets: tuple[str, float]) -> dict[str, tuple[tuple[str, float], ...]]:
    """The two entries of a channel that both rigs have for each side."""
    return {
        f"{channel}_{side[0].lower()}": tuple((f"{name}{side}", gain) for name, gain in targets)
        for side in ("Left", "Right")
    }


ARKIT_OF_CHANNEL: dict[str, tuple[tuple[str, float], ...]] = {
    "mouth_stretch_c": (("jawOpen", 1.0),),
    "jaw_thrust_c": (("jawForward", 1.0),),
    "jaw_sideways_l": (("jawLeft", 1.0),),
    "jaw_sideways_r": (("jawRight", 1.0),),
    "mouth_oh_c": (("jawOpen", 0.2), ("mouthFunnel", 0.4), ("mouthPucker", 0.4)),
    "mouth_oo_c": (("mouthPucker", 0.8),),
    "mouth_pucker_l": (("mouthPucker", 0.5),),
    "mouth_pucker_r": (("mouthPucker", 0.5),),
    **{f"mouth_funnel_{part}": (("mouthFunnel", 0.25),) for part in ("ul", "ur", "dl", "dr")},
    **_sides("mouth_press", ("mouthPress", 1.0)),
    "mouth_suck_ul": (("mouthPressLeft", 1.4), ("mouthRollUpper", 0.5)),
    "mouth_suck_ur": (("mouthPressRight", 1.4), ("mouthRollUpper", 0.5)),
    "mouth_suck_dl": (("mouthRollLower", 0.65),),
    "mouth_suck_dr": (("mouthRollLower", 0.65),),
    "mouth_chinRaise_u": (("mouthShrugUpper", 1.0),),
    "mouth_chinRaise_d": (("mouthShrugLower", 1.0),),
    "mouth_lowerLipProtrude_c": (("mouthShrugLower", 0.5),),
    "mouth_sideways_l": (("mouthLeft", 1.0),),
    "mouth_sideways_r": (("mouthRight", 1.0),),
    **_sides("mouth_lipCornerPull", ("mouthSmile", 1.0)),
    **_sides("mouth_lipCornerPullOpen", ("mouthSmile", 1.0)),
    **_sides("mouth_lipCornerDepress", ("mouthFrown", 1.0)),
    **_sides("mouth_lipStretch", ("mouthStretch", 1.0)),
    **_sides("mouth_lipStretchOpen", ("mouthStretch", 1.0)),
    **_sides("mouth_dimple", ("mouthDimple", 1.0)),
    **_sides("mouth_lowerLipDepress", ("mouthLowerDown", 1.0)),
    **_sides("mouth_upperLipRaise", ("mouthUpperUp", 1.0)),
    **_sides("nose_wrinkle", ("noseSneer", 1.0)),
    "cheek_puff_l": (("cheekPuff", 0.5),),
    "cheek_puff_r": (("cheekPuff", 0.5),),
    **_sides("cheek_raise", ("cheekSquint", 1.0)),
    **_sides("brow_lower", ("browDown", 1.0)),
    **_sides("brow_raise", ("browOuterUp", 1.0)),
    "brow_raise_c": (("browInnerUp", 1.0),),
    **_sides("eye_blink1", ("eyeBlink", 1.0)),
    **_sides("eye_blink2", ("eyeBlink", 1.0)),
    **_sides("eye_shutTight", ("eyeBlink", 1.0), ("eyeSquint", 1.0)),
    **_sides("eye_lidTight", ("eyeSquint", 1.0)),
    **_sides("eye_downLidRaise", ("eyeSquint", 0.5)),
    **_sides("eye_upperLidRaise", ("eyeWide", 1.0)),
    **_sides("eye_lookUp", ("eyeLookUp", 1.0)),
    **_sides("eye_lookDown1", ("eyeLookDown", 1.0)),
    **_sides("eye_lookDown2", ("eyeLookDown", 1.0)),
    "eye_lookLeft_l": (("eyeLookOutLeft", 1.0),),
    "eye_lookLeft_r": (("eyeLookInRight", 1.0),),
    "eye_lookRight_l": (("eyeLookInLeft", 1.0),),
    "eye_lookRight_r": (("eyeLookOutRight", 1.0),),
}
"""The ARKit coefficients that each channel adds to, with their gains. Sums are limited to 1."""

MOVING = frozenset(
    {
        "jawOpen", "mouthFunnel", "mouthPucker", "mouthPressLeft", "mouthPressRight", "mouthRollLower",
        "mouthRollUpper", "mouthSmileLeft", "mouthSmileRight", "mouthLowerDownLeft", "mouthLowerDownRight",
        "mouthUpperUpLeft", "mouthUpperUpRight",
    }
)  # fmt: skip
"""ARKit coefficients that move in FACEGOOD's recordings. The others, lids, gaze and brows among them, are 0 there but
for a few moments, which says nothing of the speaker: a model must not learn them from it."""
