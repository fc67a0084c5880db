"""The vocabularies every stage shares: expression channels, joints, body parts.

Their order is part of every saved file, so names are only ever appended.
"""

ARKIT_EXPRESSIONS: tuple[str, ...] = (
    "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight",
    "cheekPuff", "cheekSquintLeft", "cheekSquintRight",
    "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight",
    "eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight",
    "eyeLookUpLeft", "eyeLookUpRight", "eyeSquintLeft", "eyeSquintRight",
    "eyeWideLeft", "eyeWideRight",
    "jawForward", "jawLeft", "jawOpen", "jawRight",
    "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight",
    "mouthFunnel", "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight",
    "mouthPressLeft", "mouthPressRight", "mouthPucker", "mouthRight",
    "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    "mouthSmileLeft", "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight",
    "mouthUpperUpLeft", "mouthUpperUpRight",
    "noseSneerLeft", "noseSneerRight", "tongueOut",
)  # fmt: skip
"""The 52 ARKit blendshape coefficients, each 0 to 1, in ARKit's alphabetical order."""

SMPLX_JOINTS: tuple[str, ...] = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2",
    "left_ankle", "right_ankle", "spine3", "left_foot", "right_foot", "neck",
    "left_collar", "right_collar", "head", "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    "jaw", "left_eye_smplhf", "right_eye_smplhf",
    *(f"left_{finger}{i}" for finger in ("index", "middle", "pinky", "ring", "thumb") for i in (1, 2, 3)),
    *(f"right_{finger}{i}" for finger in ("index", "middle", "pinky", "ring", "thumb") for i in (1, 2, 3)),
)  # fmt: skip
"""The 55 joints of SMPL-X, in its order."""

PARTS: tuple[str, ...] = (
    "background", "body", "head", "neck", "left_arm", "right_arm", "left_hand", "right_hand",
    "lips", "lids", "brows", "ears", "left_eye", "right_eye",
    "mouth_cavity", "teeth", "tongue", "hair", "iris",
)  # fmt: skip
"""Semantic classes of `ControlMaps.parts`; index 0 is what no surface covers. Sides are the subject's. The eyes are
without their irises, which are one class for both."""

EXPRESSION_INDEX: dict[str, int] = {name: i for i, name in enumerate(ARKIT_EXPRESSIONS)}
JOINT_INDEX: dict[str, int] = {name: i for i, name in enumerate(SMPLX_JOINTS)}
PART_INDEX: dict[str, int] = {name: i for i, name in enumerate(PARTS)}
