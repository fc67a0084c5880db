"""Editing what a person does: a motion changed, region by region and second by second."""

from __future__ import annotations

from comfy_api.latest import io, ui

from . import runtime, sockets

# Equal to those in vlogger_core.edit, which is too heavy to import before a node runs; a test compares them.
_PRESETS = ("close mouth", "close eyes", "keep eyes open", "look at camera", "calm hands", "more expressive")
_OPERATIONS = ("set", "scale", "offset", "hold", "smooth", "retime", "mirror", "replace")
_GROUPS = ("all", "face", "mouth_and_jaw", "eyes", "body", "arms", "hands")
_REGIONS = (
    "mouth", "jaw", "cheeks", "lids", "gaze", "brows",
    "head", "torso", "left_arm", "right_arm", "left_hand", "right_hand",
)  # fmt: skip
_PAIRED = (
    "browDown", "browOuterUp", "cheekSquint", "eyeBlink", "eyeLookDown", "eyeLookIn", "eyeLookOut", "eyeLookUp",
    "eyeSquint", "eyeWide", "mouthDimple", "mouthFrown", "mouthLowerDown", "mouthPress", "mouthSmile", "mouthStretch",
    "mouthUpperUp", "noseSneer",
)  # fmt: skip
_SINGLE = (
    "browInnerUp", "cheekPuff", "jawForward", "jawLeft", "jawOpen", "jawRight", "mouthClose", "mouthFunnel",
    "mouthLeft", "mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower",
    "mouthShrugUpper", "tongueOut",
)  # fmt: skip
_SIDES = tuple(f"{name}{side}" for name in _PAIRED for side in ("Left", "Right"))
_ALIASES = (
    "edit motion", "close mouth", "close eyes", "remove blinks", "keep eyes open", "gaze", "dub", "dubbing",
    "smooth motion", "mirror motion", "retime", "expression editor",
)  # fmt: skip
_ABOUT = ("photo", "mean")
_LENGTHS = ("longest", "clip", "other")
_FULL_CURVE = [(0.0, 1.0), (1.0, 1.0)]


def _curve_inputs() -> list[io.Input]:
    """ComfyUI's own curve editor, where it has one (from 0.16)."""
    if not hasattr(io, "Curve"):
        return []
    return [
        io.Curve.Input(
            "curve",
            default=_FULL_CURVE,
            optional=True,
            socketless=False,
            advanced=True,
            tooltip=(
                "How strongly the edit holds from the first frame (left) to the last (right): 0 not at all, 1 fully. "
                "Multiplies the range. For retime it is where the other speed holds."
            ),
        )
    ]


def _turn(name: str, meaning: str) -> io.Float.Input:
    return io.Float.Input(
        name,
        default=0.0,
        min=-90.0,
        max=90.0,
        step=0.5,
        optional=True,
        advanced=True,
        tooltip=f"For set and offset of jaw, head, torso, an arm or a hand, in degrees: {meaning}.",
    )


class VloggerMotionEditor(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="VloggerMotionEditor",
            display_name="VLOGGER Motion Editor",
            category="VLOGGER/edit",
            description=(
                "Changes a motion: one edit of one region during one time; several editors in a row do several. What "
                "is not asked for stays exactly as it was."
            ),
            search_aliases=list(_ALIASES),
            inputs=[
                sockets.Motion.Input("motion", tooltip="From any node that gives a motion."),
                io.Combo.Input(
                    "edit",
                    options=[*_PRESETS, *_OPERATIONS],
                    default=_PRESETS[0],
                    tooltip=(
                        "The first six know their regions. set: to a value. scale: larger or smaller. offset: shifted. "
                        "hold: frozen. smooth: without what is quick. retime: faster or slower. mirror: left and right "
                        "exchanged. replace: taken from other_motion, as in dubbing."
                    ),
                ),
                io.Combo.Input(
                    "region",
                    options=[*_GROUPS, *_REGIONS, *_PAIRED, *_SINGLE, *_SIDES],
                    default=_GROUPS[0],
                    tooltip=(
                        "What is edited. The first six edits change their own regions, of which this chooses. For "
                        "dubbing: mouth_and_jaw. Names like jawOpen are single expressions, eyeBlink is both sides."
                    ),
                ),
                io.Float.Input(
                    "amount",
                    default=1.0,
                    min=-1.0,
                    max=10.0,
                    step=0.05,
                    tooltip=(
                        "How far the first six, mirror and replace go: 0 to 1; more expressive to 2. set: the value, 0 "
                        "to 1. offset: -1 to 1. scale: the factor, 0 to 4. smooth: seconds. retime: the speed, 2 is "
                        "twice as fast. hold: not used."
                    ),
                ),
                io.Float.Input(
                    "start_s", default=0.0, min=0.0, max=86400.0, step=0.04, tooltip="Where the edit begins, seconds."
                ),
                io.Float.Input(
                    "end_s",
                    default=0.0,
                    min=0.0,
                    max=86400.0,
                    step=0.04,
                    tooltip="Where it ends, seconds. 0 is the motion's end.",
                ),
                io.Float.Input(
                    "fade_s",
                    default=0.2,
                    min=0.0,
                    max=60.0,
                    step=0.05,
                    tooltip=(
                        "Seconds in which it sets in and fades away, within the range; none at the first and the last "
                        "frame of the motion."
                    ),
                ),
                sockets.Motion.Input(
                    "other_motion", optional=True, tooltip="For replace: the motion whose region is taken."
                ),
                io.Float.Input(
                    "other_start_s",
                    default=0.0,
                    min=0.0,
                    max=86400.0,
                    step=0.04,
                    optional=True,
                    advanced=True,
                    tooltip="For replace: when the other motion begins, in seconds of this one.",
                ),
                io.Combo.Input(
                    "length",
                    options=list(_LENGTHS),
                    default=_LENGTHS[0],
                    optional=True,
                    advanced=True,
                    tooltip=(
                        "For replace. longest: a longer other motion extends this one, which then runs back and forth. "
                        "clip: as long as this one. other: as long as the other. Where the other ends first, the mouth "
                        "closes."
                    ),
                ),
                io.Combo.Input(
                    "about",
                    options=list(_ABOUT),
                    default=_ABOUT[0],
                    optional=True,
                    advanced=True,
                    tooltip="For scale, what stays: the photo's pose and a resting face, or the mean of the range.",
                ),
                _turn("pitch_deg", "positive nods"),
                _turn("yaw_deg", "positive turns to the person's left"),
                _turn("roll_deg", "positive leans to the person's right"),
                *_curve_inputs(),
            ],
            outputs=[sockets.Motion.Output("motion", tooltip="The edited motion, at the same frame rate.")],
        )

    @classmethod
    def execute(
        cls,
        motion,
        edit: str,
        region: str,
        amount: float,
        start_s: float,
        end_s: float,
        fade_s: float,
        other_motion=None,
        other_start_s: float = 0.0,
        length: str = _LENGTHS[0],
        about: str = _ABOUT[0],
        pitch_deg: float = 0.0,
        yaw_deg: float = 0.0,
        roll_deg: float = 0.0,
        curve=None,
    ) -> io.NodeOutput:
        from ..vlogger_core.edit.editor import edit_motion
        from ..vlogger_core.edit.plot import plot_change
        from ..vlogger_core.edit.timing import Scope

        with runtime.work():
            edited = edit_motion(
                motion,
                edit,
                Scope(regions=(region,), start_s=start_s, end_s=end_s or None, fade_s=fade_s, curve=_strength(curve)),
                amount=amount,
                turn_deg=(pitch_deg, yaw_deg, roll_deg),
                about=about,
                other=other_motion,
                other_start_s=other_start_s,
                length=length,
            )
            picture = sockets.image_to_comfy(plot_change(motion, edited))
        return io.NodeOutput(edited, ui=ui.PreviewImage(picture, cls=cls))


def _strength(curve):
    """What ComfyUI's curve editor gives, as a function."""
    if curve is None:
        return None
    from comfy_api.input import CurveInput

    return CurveInput.from_raw(curve).interp_array
