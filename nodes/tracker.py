"""A clip becomes a body and its motion: re-enact it, edit it, or let it drive another person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from comfy_api.latest import io
from torch import Tensor

from . import runtime, sockets, widgets

if TYPE_CHECKING:
    from ..vlogger_core.body.landmarks import PhotoLandmarks


class _Frames:
    """The pictures of an IMAGE as the core wants them, one at a time."""

    def __init__(self, images: Tensor) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def __iter__(self) -> Iterator[Tensor]:
        for i in range(len(self._images)):
            yield sockets.photo_from_comfy(self._images[i : i + 1], name="frames")


def _noted(landmarks: Iterator[PhotoLandmarks], notes: list) -> Iterator[PhotoLandmarks]:
    """The landmarks as they pass, written down as POSE_KEYPOINT."""
    from ..vlogger_core.body.pose_keypoint import to_pose_keypoint

    for points in landmarks:
        notes.extend(to_pose_keypoint(points))
        yield points


class VloggerBodyTracker(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="VloggerBodyTracker",
            display_name="VLOGGER Body Tracker",
            category="VLOGGER/body",
            description=(
                "Follows one person through a video of one shot: one body and camera, and its pose and expression in "
                "every frame. The motion can be edited, rendered, or given to another person's body."
            ),
            search_aliases=["track body", "motion capture", "mocap", "video to motion", "re-enactment", "face capture"],
            inputs=[
                io.Image.Input(
                    "frames", tooltip="The frames of a video of one shot in which the face is seen most of the time."
                ),
                sockets.BodyModel.Input("body_model", tooltip="From VLOGGER Body Model."),
                widgets.clip_fps(),
                widgets.landmarks(),
                widgets.person("face_index", where="the first frames show"),
                widgets.fov_deg(),
                sockets.PoseKeypoint.Input(
                    "pose_keypoint",
                    optional=True,
                    tooltip="Keypoints of every frame from a DWPose, OpenPose or SDPose node; go before the detection.",
                ),
                sockets.FaceLandmarks.Input(
                    "face_landmarks",
                    optional=True,
                    tooltip="The face of every frame from ComfyUI's Detect Face Landmarks (MediaPipe).",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="The person in the first frame, white where the person is; found here if not given.",
                ),
            ],
            outputs=[
                sockets.Body.Output("body", tooltip="The body, its camera and the first frame."),
                sockets.Motion.Output("motion", tooltip="How it moves from the first frame on, one pose a frame."),
                sockets.PoseKeypoint.Output("pose_keypoint", tooltip="The landmarks that were used, frame by frame."),
            ],
        )

    @classmethod
    def execute(
        cls,
        frames,
        body_model,
        fps,
        landmarks,
        face_index,
        fov_deg,
        pose_keypoint=None,
        face_landmarks=None,
        mask=None,
    ) -> io.NodeOutput:
        from ..vlogger_core.body.detect_clip import clip_landmarks
        from ..vlogger_core.body.overlay import draw_overlay
        from ..vlogger_core.body.track import track_clip
        from ..vlogger_core.clock import as_fps
        from ..vlogger_core.video.shots import OneShot

        with runtime.work(grad=True) as progress:
            clip, keypoints = _Frames(frames), []
            matte = sockets.mask_from_comfy(mask, sockets.photo_from_comfy(frames[:1]))
            points = clip_landmarks(
                clip,
                source=landmarks,
                face_index=face_index,
                pose_keypoint=pose_keypoint,
                face_landmarks=face_landmarks,
            )
            track = track_clip(
                OneShot(clip, as_fps(fps)),
                fps=as_fps(fps),
                model=body_model,
                landmarks=_noted(points, keypoints),
                mask=matte,
                fov_deg=fov_deg or None,
                watch=lambda index, fit: progress.show(draw_overlay(fit)),
                progress=progress,
            )
            return io.NodeOutput(track.fit, track.motion, keypoints)


class VloggerKeypointsToMotion(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="VloggerKeypointsToMotion",
            display_name="VLOGGER Keypoints to Motion",
            category="VLOGGER/body",
            description=(
                "Lifts the 2D keypoints of a video, as DWPose and its kin give them, to the motion of a 3D body: head, "
                "arms and hands, and roughly the face. The motion then drives any fitted body."
            ),
            search_aliases=["2d to 3d", "lift pose", "dwpose", "openpose", "motion capture", "retarget"],
            inputs=[
                sockets.BodyModel.Input("body_model", tooltip="From VLOGGER Body Model."),
                widgets.clip_fps(),
                widgets.person("person", where="the first frames show", counted="largest"),
                io.Int.Input(
                    "width",
                    default=0,
                    min=0,
                    max=16384,
                    tooltip="Pixels of the video that the keypoints were made from; 0 takes what pose_keypoint says.",
                ),
                io.Int.Input(
                    "height",
                    default=0,
                    min=0,
                    max=16384,
                    tooltip="Pixels of the video that the keypoints were made from; 0 takes what pose_keypoint says.",
                ),
                widgets.fov_deg(),
                sockets.PoseKeypoint.Input(
                    "pose_keypoint",
                    optional=True,
                    tooltip="Keypoints of every frame from a DWPose, OpenPose or SDPose node, with face and hands.",
                ),
                sockets.DwPoses.Input(
                    "dwposes",
                    optional=True,
                    tooltip="Keypoints of every frame from kijai's nodes; they need width and height.",
                ),
            ],
            outputs=[
                sockets.Motion.Output("motion", tooltip="How the body moves from the first frame on."),
            ],
        )

    @classmethod
    def execute(
        cls, body_model, fps, person, width, height, fov_deg, pose_keypoint=None, dwposes=None
    ) -> io.NodeOutput:
        from ..vlogger_core.body.detect_clip_wired import keypoint_clip
        from ..vlogger_core.body.track import lift_keypoints
        from ..vlogger_core.clock import as_fps

        with runtime.work(grad=True) as progress:
            wired = {"pose_keypoint": pose_keypoint, "dwposes": dwposes}
            frames = keypoint_clip(width=width, height=height, person=person, **wired)
            fov = fov_deg or None
            track = lift_keypoints(frames, fps=as_fps(fps), model=body_model, fov_deg=fov, progress=progress)
            return io.NodeOutput(track.motion)
