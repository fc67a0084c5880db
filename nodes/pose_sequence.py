"""Keypoint sequences of EchoMimicV2 as motions."""

from __future__ import annotations

import os

import folder_paths
from comfy_api.latest import io

from . import runtime, sockets, widgets

_ENDING = ".npz"
_NO_FILE = "none"


class VloggerLoadPoseSequence(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="VloggerLoadPoseSequence",
            display_name="VLOGGER Load Pose Sequence",
            category="VLOGGER/motion",
            description=(
                "Takes a keypoint sequence of EchoMimicV2 from an .npz file in ComfyUI's input folder and lifts it to "
                "the motion of a 3D body: head, arms and hands, and roughly the face."
            ),
            search_aliases=["echomimic", "dwpose npz", "gesture", "pose file", "keypoints file", "2d to 3d"],
            inputs=[
                io.Combo.Input(
                    "sequence",
                    options=[_NO_FILE, *_files()],
                    default=_NO_FILE,
                    tooltip="An .npz file with the arrays body, hands, face, their scores, and canvas.",
                ),
                sockets.BodyModel.Input("body_model", tooltip="From VLOGGER Body Model; best that of the one to move."),
                widgets.clip_fps(),
                widgets.fov_deg(),
            ],
            outputs=[
                sockets.Motion.Output("motion", tooltip="How the body moves from the first frame on."),
                sockets.PoseKeypoint.Output("pose_keypoint", tooltip="The keypoints of every frame."),
            ],
        )

    @classmethod
    def validate_inputs(cls, sequence: str) -> bool | str:
        if sequence == _NO_FILE:
            return "No pose sequence is chosen. Put an .npz file into ComfyUI's input folder and refresh the page."
        if not folder_paths.exists_annotated_filepath(sequence):
            return f'There is no "{sequence}" in ComfyUI\'s input folder. Put it there and refresh the page.'
        return True

    @classmethod
    def fingerprint_inputs(cls, sequence: str, **_: object) -> float:
        return os.path.getmtime(folder_paths.get_annotated_filepath(sequence))

    @classmethod
    def execute(cls, sequence: str, body_model, fps: float, fov_deg: float) -> io.NodeOutput:
        from ..vlogger_core.body.dwposes import read_pose_npz
        from ..vlogger_core.body.pose_keypoint import to_pose_keypoint
        from ..vlogger_core.body.track import lift_keypoints
        from ..vlogger_core.clock import as_fps

        with runtime.work(grad=True) as progress:
            frames = read_pose_npz(folder_paths.get_annotated_filepath(sequence))
            fov = fov_deg or None
            track = lift_keypoints(frames, fps=as_fps(fps), model=body_model, fov_deg=fov, progress=progress)
            return io.NodeOutput(track.motion, [each for points in frames for each in to_pose_keypoint(points)])


def _files() -> list[str]:
    """What the input folder holds."""
    folder = folder_paths.get_input_directory()
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return sorted(name for name in names if name.endswith(_ENDING))
