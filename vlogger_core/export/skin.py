"""A fitted person as files of other programs hold one: bones, a mesh that they carry, and expressions as morphs.

Such files know nothing but linear blend skinning: `sum_k w_vk G_k B_k^-1 (x_v + sum_e a_e m_ev)`, with `G_k` the bone's
place in the world, `B_k` its place when the mesh was bound and `m_e` the morph of expression e. Every bone is parallel
to the world in the T-pose, so its turn against its parent is that of an SMPL-X joint.

Anny is just that, but for the teeth (`TEETH_WIDTH`). SMPL-X has more: what the pose adds to the skin, and joints that
move a little with the expression; both are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..body.anny_model import JAW_OPEN_RAD, JAW_SIDE_RAD, AnnyBody, AnnyRest
from ..body.expression import pose_at
from ..body.gaze import gaze_rotvec
from ..body.protocol import BodyModel, RestBody
from ..body.smplx_file import PARENTS
from ..body.smplx_model import SmplxBody
from ..datatypes import BodyFit, Motion
from ..errors import InputError
from ..names import ARKIT_EXPRESSIONS, EXPRESSION_INDEX, JOINT_INDEX, PART_INDEX, SMPLX_JOINTS
from ..rotation import rotvec_to_rotmat

TEETH_WIDTH, TEETH_BACK_M = 0.78, 0.004
"""How much narrower Anny's teeth are made, and how far they are pushed in."""
_FACE = slice(JOINT_INDEX["jaw"], JOINT_INDEX["right_eye_smplhf"] + 1)


@dataclass(frozen=True, kw_only=True)
class Skin:
    """A person of one shape with its bones `k`. Made by `skin_of`."""

    bones: tuple[str, ...]
    """SMPL-X names where a bone is such a joint, the model's own elsewhere; parents come before their children."""
    parents: tuple[int, ...]
    """-1 for the root, which is bone 0."""
    offsets: Float[Tensor, "k 3"]
    """From the parent's head, in the T-pose, metres; 0 for the root."""
    inverse_bind: Float[Tensor, "k 4 4"]
    """`B_k^-1`: from the mesh to the bone's own frame."""
    vertices: Float[Tensor, "v 3"]
    """As bound, expression at rest, pelvis at the origin, metres."""
    weights: Float[Tensor, "v k"]
    morphs: Float[Tensor, "52 v 3"]
    """What the whole of each of `names.ARKIT_EXPRESSIONS` adds; eyes do not turn in them."""


@dataclass(frozen=True, kw_only=True)
class BonePoses:
    """A skin's movement."""

    local: Float[Tensor, "t k 3 3"]
    """Each bone's turn against its parent; the root's in the world."""
    root: Float[Tensor, "t 3"]
    """Where the root is, metres, in the world frame of `datatypes`."""
    expression: Float[Tensor, "t 52"]
    """How much of each morph. A jaw joint that turns on top of the expression may lead beyond 0 to 1."""


def skin_of(fit: BodyFit) -> Skin:
    """The fitted person, not yet posed.

    Raises:
        InputError: if the body model is neither Anny nor SMPL-X.
    """
    model, rest = fit.model, fit.model.rest(fit.shape)
    if isinstance(model, AnnyBody) and isinstance(rest, AnnyRest):
        return _anny_skin(model, rest)
    if isinstance(model, SmplxBody):
        return _smplx_skin(model, rest)
    raise _unknown(model)


def bone_poses(fit: BodyFit, motion: Motion) -> BonePoses:
    """How the bones of `skin_of(fit)` move.

    Raises:
        InputError: if the body model is neither Anny nor SMPL-X.
    """
    joint_rotvec, root, expression = pose_at(fit, motion, 0, motion.num_frames)
    looks = {name: expression[:, i] for name, i in EXPRESSION_INDEX.items() if name.startswith("eyeLook")}
    gaze, model = gaze_rotvec(looks), fit.model
    if isinstance(model, AnnyBody):
        expression = expression + _of_jaw(joint_rotvec[:, JOINT_INDEX["jaw"]])
        return BonePoses(local=model.rig.local_rotations(joint_rotvec, gaze), root=root, expression=expression)
    if isinstance(model, SmplxBody):
        _, jaw = model.arkit(expression)
        local = rotvec_to_rotmat(joint_rotvec)
        local[:, _FACE] = local[:, _FACE] @ rotvec_to_rotmat(torch.cat((jaw[:, None], gaze), 1))
        return BonePoses(local=local, root=root, expression=expression)
    raise _unknown(model)


def _anny_skin(model: AnnyBody, rest: AnnyRest) -> Skin:
    rig = model.rig
    named = dict(zip(reversed(rig.joint_heads.tolist()), reversed(SMPLX_JOINTS), strict=True))
    morphs = model.template.new_zeros(len(ARKIT_EXPRESSIONS), len(model.template), 3)
    morphs[:, model.action_vertices] = model.action_deltas.unflatten(1, (-1, 3))
    return Skin(
        bones=tuple(named.get(i, bone) for i, bone in enumerate(rig.bones)),
        parents=tuple(rig.parents.tolist()),
        offsets=rest.offsets,
        inverse_bind=_inverse_bind(rest.to_tpose, rest.joints),
        vertices=_teeth_inside(model, rest.vertices),
        weights=model.skinning,
        morphs=morphs,
    )


def _teeth_inside(model: AnnyBody, vertices: Float[Tensor, "v 3"]) -> Float[Tensor, "v 3"]:
    """Anny's teeth come through the skin at the corners of the mouth: our renderer cuts them off, a viewer cannot."""
    teeth = model.faces[model.face_parts == PART_INDEX["teeth"]].unique()
    moved = vertices.clone()
    if len(teeth):
        moved[teeth, 0] = vertices[teeth, 0].mean() + TEETH_WIDTH * (vertices[teeth, 0] - vertices[teeth, 0].mean())
        moved[teeth, 2] -= TEETH_BACK_M
    return moved


def _smplx_skin(model: SmplxBody, rest: RestBody) -> Skin:
    joints = rest.joints
    of_expression = model.blend_vertices[-len(model.expression_joints) :]
    identity = torch.eye(3).expand(len(joints), 3, 3).to(joints)
    return Skin(
        bones=SMPLX_JOINTS,
        parents=tuple(PARENTS),
        offsets=joints - joints[[max(parent, 0) for parent in PARENTS]],
        inverse_bind=_inverse_bind(identity, joints),
        vertices=rest.vertices,
        weights=model.skinning,
        morphs=(model.arkit.coefficients @ of_expression).unflatten(1, (3, -1)).mT,
    )


def _inverse_bind(turn: Float[Tensor, "k 3 3"], heads: Float[Tensor, "k 3"]) -> Float[Tensor, "k 4 4"]:
    matrices = torch.eye(4).to(heads).repeat(len(heads), 1, 1)
    matrices[:, :3, :3] = turn
    matrices[:, :3, 3] = -(turn @ heads[..., None])[..., 0]
    return matrices


def _of_jaw(jaw: Float[Tensor, "t 3"]) -> Float[Tensor, "t 52"]:
    """The expression by which Anny, who has no jaw bone, shows a turn of the jaw; see `AnnyBody`."""
    added = jaw.new_zeros(len(jaw), len(ARKIT_EXPRESSIONS))
    added[:, EXPRESSION_INDEX["jawOpen"]] = jaw[:, 0] / JAW_OPEN_RAD
    added[:, EXPRESSION_INDEX["jawLeft"]] = jaw[:, 1].clamp(min=0) / JAW_SIDE_RAD
    added[:, EXPRESSION_INDEX["jawRight"]] = (-jaw[:, 1]).clamp(min=0) / JAW_SIDE_RAD
    return added


def _unknown(model: BodyModel) -> InputError:
    return InputError(
        f'The body "{model.name}" cannot be exported: choose Anny or SMPL-X in VLOGGER Body Model, and fit again.'
    )
