"""The keypoints of the moving body in the picture, and which of them can be seen: POSE_KEYPOINT of every frame.

Detectors such as DWPose give each point a score, and what is drawn for a video model are the points above a threshold:
a hand behind the back, the far ear of a turned head and what lies outside the picture are left out. Here a point is
left out where the body's own surface lies in front of it by more than what covers such a point anyway: joints lie
inside the limbs, so theirs is the limb's radius. An arm or leg never hides a point of its own: detectors place the
elbow behind a forearm that points at the viewer. Clothes, hair and furniture hide nothing; the mesh knows none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ..body.face_outlines import FACE_OVAL
from ..body.landmarks import BODY_POINTS, NUM_HAND_POINTS, PhotoLandmarks
from ..body.pose_keypoint import to_pose_keypoint
from ..body.protocol import BodyModel, PosedBody
from ..body.wholebody import FOOT_POINTS, WholeBody
from ..datatypes import BodyFit, Motion
from ..names import JOINT_INDEX
from ..progress import Progress, silent
from ..threads import one_thread
from .ahead import Poll, aside, frames_at_once, in_order
from .camera import project, window
from .fill import box_max
from .joint_parts import SMPL_JOINTS, joint_weights
from .posed import pose_body
from .raster import DEFAULT_BACKEND, NEAR, rasterise
from .scene import Scene, open_scene

FACE_COVER_M, HAND_COVER_M, FOOT_COVER_M = 0.025, 0.03, 0.05
COVER_M = {
    "nose": 0.03, "eye": 0.03, "ear": 0.1, "shoulder": 0.09, "elbow": 0.07, "wrist": 0.05,
    "hip": 0.16, "knee": 0.09, "ankle": 0.08,
}  # fmt: skip
"""How far behind the visible surface such a point may lie on an average adult. The ear's opening is hidden by the cheek
at once, but its shell stands out until the head is turned by about 30 degrees."""
TRUNK_M = 0.55
"""From pelvis to neck of that adult."""
OCCLUSION_SIDE = 384
"""Pixels of the longer side of the depth that decides what is seen: the same at every size of the picture."""
LIMBS = {
    f"{side}_{limb}": tuple(f"{side}_{joint}" for joint in joints)
    for side in ("left", "right")
    for limb, joints in {
        "arm": ("shoulder", "elbow", "wrist", "hand"),
        "leg": ("hip", "knee", "ankle", "foot"),
    }.items()
}
"""Joints of `joint_parts.SMPL_JOINTS` and points that belong to each limb."""
_NUM_BODY, _NUM_FOOT, _NUM_FACE = len(BODY_POINTS), len(FOOT_POINTS), 68


@dataclass(frozen=True, kw_only=True)
class PosePoints:
    """One frame's points in the picture, pixels."""

    landmarks: PhotoLandmarks
    """Confidence 1 where a point can be seen, else 0."""
    feet: Float[Tensor, "6 3"]
    """In the order of `wholebody.FOOT_POINTS`; zeros where unseen."""
    face: Float[Tensor, "478 2"]
    """MediaPipe's face points, hidden or not."""
    face_known: Bool[Tensor, "478"]
    """Which of them the body model has."""

    def to_pose_keypoint(self) -> dict[str, Any]:
        """One frame of POSE_KEYPOINT."""
        (frame,) = to_pose_keypoint(self.landmarks)
        frame["people"][0]["foot_keypoints_2d"] = self.feet.flatten().tolist()
        return frame


@dataclass(frozen=True, kw_only=True)
class Locator:
    """Finds the points of one fitted person. Made by `open_locator`."""

    scene: Scene
    whole: WholeBody
    known: Bool[Tensor, "133"]
    cover: Float[Tensor, "133"]
    """Metres; see `COVER_M`."""
    limb: Int[Tensor, "133"]
    """1 + the place in `LIMBS`; 0 for head and trunk."""
    face_limb: Int[Tensor, " f"]
    """The same for the faces of the mesh."""
    face_known: Bool[Tensor, "478"]
    face_cover: float

    def locate(self, vertices: Float[Tensor, "v 3"], joints: Float[Tensor, "55 3"]) -> PosePoints:
        """The points of a body as `posed.pose_body` gives it, in pixels of the scene."""
        posed = PosedBody(vertices=vertices[None], joints=joints[None])
        nearest, front = self._front(vertices)
        h, w = self.scene.size

        def look(points: Tensor, known: Tensor, cover: Tensor | float, limb: Tensor | int) -> Tensor:
            pixels, depth = project(points, self.scene.camera)
            x, y = (pixels / pixels.new_tensor((w, h))).unbind(-1)
            inside = (depth > NEAR) & (x >= 0) & (x < 1) & (y >= 0) & (y < 1)
            rows, columns = nearest.shape
            at = (torch.where(inside, y, 0) * rows).long(), (torch.where(inside, x, 0) * columns).long()
            own = (front[at] == limb) & (front[at] > 0)
            seen = known & inside & (own | (depth <= nearest[at] + cover))
            pixels = torch.where((depth > NEAR)[:, None], pixels, 0.0)
            return torch.cat((pixels, seen[:, None].to(pixels)), 1).cpu()

        points = look(self.whole.points(posed)[0], self.known, self.cover, self.limb)
        body, feet, _, left, right = points.split((_NUM_BODY, _NUM_FOOT, _NUM_FACE, NUM_HAND_POINTS, NUM_HAND_POINTS))
        face = look(self.scene.fit.model.face_landmarks(posed.vertices)[0], self.face_known, self.face_cover, 0)
        landmarks = PhotoLandmarks(
            width=w, height=h, face=face, body=body, left_hand=left, right_hand=right, source="body"
        )
        return PosePoints(
            landmarks=landmarks, feet=feet * feet[:, 2:], face=face[:, :2], face_known=self.face_known.cpu()
        )

    def _front(self, vertices: Float[Tensor, "v 3"]) -> tuple[Float[Tensor, "h w"], Int[Tensor, "h w"]]:
        """Depth and limb of the nearest surface, coarse.

        The depth is the furthest of 3 x 3, so that an edge that is rounded to the wrong pixel hides nothing.
        """
        scale = OCCLUSION_SIDE / max(self.scene.size)
        h, w = (max(1, round(side * scale)) for side in self.scene.size)
        points, camera = window(vertices, self.scene.camera, size=(h, w))
        raster = rasterise(points, self.scene.fit.model.faces, camera, backend=self.scene.backend)
        limb = torch.where(raster.covered, self.face_limb[raster.face_id.clamp(min=0)], 0)
        return box_max(raster.depth.clamp(max=1e4)[None], (1, 1), (1, 1))[0], limb


def open_locator(scene: Scene) -> Locator:
    """Prepare to find the points of a scene's person."""
    model = scene.fit.model
    with one_thread():
        whole = WholeBody.build(model)
        moved_by = joint_weights(model).argmax(1)
    face_known = known_face_points(model)
    known = whole.weight > 0
    jaw = slice(_NUM_BODY + _NUM_FOOT, _NUM_BODY + _NUM_FOOT + 17)
    known[jaw] = face_known.any()
    hands = [COVER_M["wrist"], *[HAND_COVER_M] * (NUM_HAND_POINTS - 1)] * 2
    cover = [COVER_M[name.rpartition("_")[2]] for name in BODY_POINTS]
    cover += [FOOT_COVER_M] * _NUM_FOOT + [FACE_COVER_M] * _NUM_FACE + hands
    hand_limbs = [limb for limb in ("left_arm", "right_arm") for _ in range(NUM_HAND_POINTS)]
    limbs = [_limb_of(name) for name in (*BODY_POINTS, *FOOT_POINTS)] + [0] * _NUM_FACE
    limbs += [1 + list(LIMBS).index(limb) for limb in hand_limbs]
    of_joint = torch.tensor([_limb_of(joint) for joint in SMPL_JOINTS], device=known.device)
    joints = scene.joints
    size = float((joints[JOINT_INDEX["neck"]] - joints[JOINT_INDEX["pelvis"]]).norm()) / TRUNK_M
    return Locator(
        scene=scene,
        whole=whole,
        known=known,
        cover=size * torch.tensor(cover, device=joints.device),
        limb=torch.tensor(limbs, device=joints.device),
        face_limb=of_joint[moved_by][model.faces[:, 0]],
        face_known=face_known,
        face_cover=size * FACE_COVER_M,
    )


def known_face_points(model: BodyModel) -> Bool[Tensor, "478"]:
    """Which of MediaPipe's face points a body model has."""
    known = model.face_landmark_weight > 0
    # A fit does not trust the outline of the face, which slides over a turning head; on the mesh it lies right.
    known[list(FACE_OVAL)] = known.any()
    return known


def _limb_of(name: str) -> int:
    """1 + the place in `LIMBS` of a joint or foot point; 0 for head and trunk."""
    if name in FOOT_POINTS:
        name = f"{name.partition('_')[0]}_foot"
    return next((i for i, joints in enumerate(LIMBS.values(), 1) if name in joints), 0)


def pose_points(
    fit: BodyFit,
    motion: Motion,
    size: tuple[int, int] | None = None,
    *,
    start: int = 0,
    stop: int | None = None,
    backend: str = DEFAULT_BACKEND,
    progress: Progress = silent,
) -> Iterator[PosePoints]:
    """The points of the frames `[start, stop)` of a motion, by default all, one at a time as they are asked for.

    Args:
        size: (h, w) of the picture, by default the photo's; its view, as for `maps.ControlMaps`.
        backend: the rasteriser that decides what is hidden, one of `raster.BACKENDS`.
        progress: called after each frame, and in the meantime.

    Raises:
        InputError: see `scene.open_scene` and `posed.pose_body`. Raised by this call, or by the frame concerned.
    """
    stop = motion.num_frames if stop is None else stop
    if not 0 <= start <= stop <= motion.num_frames:
        raise ValueError(f"start and stop must satisfy 0 <= start <= stop <= {motion.num_frames}. Got {start}, {stop}.")
    locator = aside(
        lambda _: open_locator(open_scene(fit, motion, size, backend=backend)), lambda: progress(0, stop - start)
    )
    return _frames(locator, motion, range(start, stop), progress)


def pose_keypoints(
    fit: BodyFit,
    motion: Motion,
    size: tuple[int, int] | None = None,
    *,
    start: int = 0,
    stop: int | None = None,
    backend: str = DEFAULT_BACKEND,
    progress: Progress = silent,
) -> list[dict[str, Any]]:
    """POSE_KEYPOINT of the frames `[start, stop)` of a motion; arguments and errors are those of `pose_points`.

    Every frame shows one person with full arrays, in pixels, confidence 0 or 1, zeros where a point cannot be seen.
    """
    points = pose_points(fit, motion, size, start=start, stop=stop, backend=backend, progress=progress)
    return [frame.to_pose_keypoint() for frame in points]


def _frames(locator: Locator, motion: Motion, frames: range, progress: Progress) -> Iterator[PosePoints]:
    def make(row: int, poll: Poll) -> PosePoints:
        return locator.locate(*pose_body(locator.scene, motion, frames[row]))

    def poll(row: int) -> None:
        progress(row, len(frames))

    scene = locator.scene
    at_once = frames_at_once(scene.size, scene.photo.device)
    for done, points in enumerate(in_order(make, len(frames), at_once=at_once, poll=poll), 1):
        yield points
        progress(done, len(frames))
