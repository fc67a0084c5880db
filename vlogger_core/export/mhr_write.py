"""A motion as MHR_POSE_DATA, what ComfyUI's own SAM 3D Body nodes exchange.

Those nodes render and export any body whose skeleton comes along (`_skeleton_override`, made for Kimodo's): so ours
needs no MHR model. Per person and frame: the mesh, 70 keypoints, and place and turn of every joint. The camera of
`pred_*` looks along +Z with Y down, see `body.mhr`; turns and the skeleton are Y up. MHR's own parameters are neutral,
so nodes that pose the MHR model again from them (Face Expression to SAM3D Body) cannot work on these data.

Sources: Comfy-Org/ComfyUI, `comfy_extras/sam3d_body/export/glb_shared.py` and `rasterizer.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import roma
import torch
from jaxtyping import Float
from torch import Tensor

from ..body.expression import pose_at
from ..body.mhr import MHR_70
from ..body.protocol import PosedBody
from ..body.skinning import JointTree
from ..body.wholebody import WHOLEBODY_133, WholeBody
from ..datatypes import BodyFit, Motion
from ..errors import InputError
from ..names import JOINT_INDEX, PART_INDEX, SMPLX_JOINTS
from ..progress import Progress, silent
from .skin import Skin, bone_poses, skin_of

INFLUENCES = 8
CHUNK_FRAMES = 16
_FINGERS = ("thumb", "index", "middle", "ring", "pinky")
_COCO_FINGERS = {"index": "forefinger", "middle": "middle_finger", "ring": "ring_finger", "pinky": "pinky_finger"}
_NEAREST = {"acromion": "shoulder", "olecranon": "elbow", "cubital_fossa": "elbow"}
_NUM_SHAPE, _NUM_EXPRESSION = 45, 72
_FLIP = (1.0, -1.0, -1.0)
"""From our axes to the camera's of SAM 3D Body, and back."""


@dataclass(frozen=True, kw_only=True)
class _Rig:
    """The skin's bones, then points that OpenPose draws and that no joint lies at: nose, ears, finger tips."""

    skin: Skin
    names: tuple[str, ...]
    parents: tuple[int, ...]
    points: tuple[int, ...]
    """The added ones in `WHOLEBODY_133`."""
    tree: JointTree
    whole_body: WholeBody


@torch.no_grad()
def to_mhr_pose_data(fit: BodyFit, motion: Motion, *, progress: Progress = silent) -> dict[str, Any]:
    """The fitted person, moved by `motion`, as seen by the photo's camera.

    Raises:
        InputError: if the motion has no frames, or the body cannot be exported.
    """
    if motion.num_frames == 0:
        raise InputError("The motion has no frames. Make one from at least one frame of speech.")
    fit, motion = fit.to("cpu"), motion.to("cpu")
    rig = _rig(fit)
    frames: list[list[dict[str, Any]]] = []
    for start in range(0, motion.num_frames, CHUNK_FRAMES):
        progress(start, motion.num_frames)
        frames += [[person] for person in _people(fit, rig, motion, start, start + CHUNK_FRAMES)]
    progress(motion.num_frames, motion.num_frames)
    hands = torch.tensor([PART_INDEX[f"{side}_hand"] for side in ("left", "right")])
    of_hand = torch.zeros(len(rig.skin.vertices), dtype=torch.bool)
    of_hand[fit.model.faces[torch.isin(fit.model.face_parts, hands)].reshape(-1)] = True
    override = _override(fit, rig)
    return {
        "frames": frames,
        "faces": override["faces"].astype(np.int64),
        "image_size": (fit.camera.height, fit.camera.width),
        "canonical_colors": {"positions": override["rest_verts_m"]},
        "hand_vert_mask": of_hand.numpy(),
        "_skeleton_override": override,
    }


def _rig(fit: BodyFit) -> _Rig:
    skin = skin_of(fit)
    added = {"nose": "head", "left_ear": "head", "right_ear": "head"}
    for side in ("left", "right"):
        added |= {f"{side}_{_COCO_FINGERS.get(finger, finger)}4": f"{side}_{finger}3" for finger in _FINGERS}
    return _Rig(
        skin=skin,
        names=(*skin.bones, *added),
        parents=(*skin.parents, *(skin.bones.index(parent) for parent in added.values())),
        points=tuple(WHOLEBODY_133.index(name) for name in added),
        tree=JointTree.build(skin.parents),
        whole_body=WholeBody.build(fit.model),
    )


def _people(fit: BodyFit, rig: _Rig, motion: Motion, start: int, stop: int) -> list[dict[str, Any]]:
    part = motion.slice(start, stop)
    posed = fit.model.pose(fit.model.rest(fit.shape), *pose_at(fit, part, 0, part.num_frames))
    poses = bone_poses(fit, part)
    turns, heads = rig.tree.forward(poses.local, rig.skin.offsets.expand(part.num_frames, -1, -1), poses.root)
    points = rig.whole_body.points(posed)
    heads = torch.cat((heads, points[:, list(rig.points)]), 1)
    turns = torch.cat((turns, turns[:, list(rig.parents[len(rig.skin.bones) :])]), 1)
    flip = heads.new_tensor(_FLIP)
    cam_t = fit.translation * flip

    def seen(places: Float[Tensor, "t n 3"]) -> Float[Tensor, "t n 3"]:
        return places * flip - cam_t

    keypoints, vertices = seen(_keypoints(posed, points)), seen(posed.vertices)
    flat, outline = (_project(fit, places + cam_t) for places in (keypoints, vertices))
    boxes = torch.cat((outline.amin(1), outline.amax(1)), 1)
    joints = seen(heads)
    neutral = {"shape_params": _NUM_SHAPE, "expr_params": _NUM_EXPRESSION}
    return [
        {
            "bbox": boxes[t].numpy(),
            "focal_length": np.float32(fit.camera.f_px),
            "pred_cam_t": cam_t.numpy(),
            "pred_keypoints_3d": keypoints[t].numpy(),
            "pred_keypoints_2d": flat[t].numpy(),
            "pred_vertices": vertices[t].numpy(),
            "pred_joint_coords": joints[t].numpy(),
            "pred_global_rots": turns[t].numpy(),
            "mask": None,
            **{name: np.zeros(size, np.float32) for name, size in neutral.items()},
        }
        for t in range(part.num_frames)
    ]


def _keypoints(posed: PosedBody, points: Float[Tensor, "t 133 3"]) -> Float[Tensor, "t 70 3"]:
    """`MHR_70`. What lies a little off a joint that we have is put there."""
    rows = []
    for name in MHR_70:
        side, _, part = name.partition("_")
        if name == "neck":
            rows.append(posed.joints[:, JOINT_INDEX["neck"]])
            continue
        if part[:-1] in _FINGERS:
            part = f"{_COCO_FINGERS.get(part[:-1], part[:-1])}{part[-1]}"
        part = _NEAREST.get(part, part)
        rows.append(points[:, WHOLEBODY_133.index(f"{side}_{part}" if part else side)])
    return torch.stack(rows, 1)


def _project(fit: BodyFit, places: Float[Tensor, "t n 3"]) -> Float[Tensor, "t n 2"]:
    middle = places.new_tensor((fit.camera.width / 2, fit.camera.height / 2))
    return fit.camera.f_px * places[..., :2] / places[..., 2:] + middle


def _override(fit: BodyFit, rig: _Rig) -> dict[str, Any]:
    """The skeleton and its skin, bound with the photo's expression, as core's exporters take it."""
    skin = rig.skin
    bound = torch.linalg.inv(skin.inverse_bind)
    heads, turns = bound[:, :3, 3], bound[:, :3, :3]
    vertices = skin.vertices + torch.einsum("e,evc->vc", fit.expression, skin.morphs)
    joints = heads[[skin.bones.index(name) for name in SMPLX_JOINTS]]
    points = rig.whole_body.points(PosedBody(vertices=vertices[None], joints=joints[None]))[0]
    heads = torch.cat((heads, points[list(rig.points)]))
    turns = torch.cat((turns, turns[list(rig.parents[len(skin.bones) :])]))
    weights, carriers = skin.weights.topk(INFLUENCES, dim=1)
    return {
        "parents": np.array(rig.parents, np.int32),
        "joint_names": list(rig.names),
        "bind_global_m": torch.cat((heads, roma.rotmat_to_unitquat(turns), torch.ones(len(heads), 1)), 1).numpy(),
        "lbs_compact_joints": torch.where(weights > 0, carriers, 0).numpy().astype(np.uint16),
        "lbs_compact_weights": (weights / weights.sum(1, keepdim=True).clamp(min=1e-9)).numpy(),
        "lbs_compact_max_inf": INFLUENCES,
        "rest_verts_m": vertices.numpy(),
        "faces": fit.model.faces.numpy().astype(np.uint32),
        "per_frame_y_down": True,
        **_openpose(rig.names),
    }


def _openpose(names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Which joints OpenPose's points are; -1 stands for no second one."""

    def rows(joints: list[str]) -> np.ndarray:
        return np.array([(names.index(joint), -1) for joint in joints], np.int32)

    limbs = ("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle")
    body = ["nose", "neck", *(f"{side}_{joint}" for part in limbs for side in ("right", "left") for joint in part)]
    body += ["right_eye_smplhf", "left_eye_smplhf", "right_ear", "left_ear"]
    hands = {
        f"openpose_hand21_{side[0]}_joint_indices": rows(
            [f"{side}_wrist"]
            + [
                f"{side}_{finger}{i}" if i < 4 else f"{side}_{_COCO_FINGERS.get(finger, finger)}4"
                for finger in _FINGERS
                for i in (1, 2, 3, 4)
            ]
        )
        for side in ("right", "left")
    }
    return {"openpose18_joint_indices": rows(body), **hands}
