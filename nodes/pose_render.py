"""The moving body for models that are steered by keypoints: their drawing, the keypoints, and the face alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io
from torch import Tensor

from . import runtime, sockets, widgets

if TYPE_CHECKING:
    from ..vlogger_core.datatypes import BodyFit, Motion

# Equal to those in vlogger_core.render.pose_video, which is too heavy to import before a node runs.
_STYLES = {
    "DWPose": "OpenPose's skeleton as ControlNet, VACE and most others know it, lines of 8 px at every size",
    "DWPose, thick": "the same with limbs that grow with the picture, for xinsir's SDXL ControlNet",
    "UniAnimate": "DWPose with toes and without face points",
    "Wan-Animate": "thin lines, toes, no face points; its face comes from VLOGGER Face Video",
    "MediaPipe face": "coloured contours of the face, for CrucibleAI's MediaPipe face ControlNet",
}
_SHOW = ["full", "body", "body and hands", "body and face", "head", "face", "hands"]


class VloggerPoseRenderer(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="VloggerPoseRenderer",
            display_name="VLOGGER Pose Renderer",
            category="VLOGGER/render",
            description=(
                "Draws the moving body as the keypoint skeleton or face contours that pose-driven video models and "
                "ControlNets were trained on, and gives the keypoints."
            ),
            search_aliases=["openpose", "dwpose", "skeleton", "keypoints", "pose video", "mediapipe face"],
            inputs=[
                widgets.body(),
                widgets.motion(),
                io.Combo.Input(
                    "style",
                    options=list(_STYLES),
                    default="DWPose",
                    tooltip="For which model it is drawn.\n\n"
                    + "\n".join(f"{name}: {meaning}" for name, meaning in _STYLES.items()),
                ),
                io.Combo.Input(
                    "show",
                    options=_SHOW,
                    default="full",
                    tooltip="What is drawn; body has nose, eyes and ears too, as in ControlNet's openpose. MediaPipe "
                    "face always draws the face. The keypoints are always all.",
                ),
                widgets.short_side(
                    "Take the size at which the video model works: lines that are scaled afterwards have another width "
                    "than it knows."
                ),
                widgets.multiple_of(),
                widgets.rasteriser(),
            ],
            outputs=[
                io.Image.Output("image", tooltip="The drawing on black, one picture a frame."),
                sockets.PoseKeypoint.Output(
                    "pose_keypoint",
                    tooltip="Body, feet, hands and face of every frame in pixels; hidden points are zeros.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls, body, motion, style: str, show: str, short_side: int, multiple_of: int, rasteriser: str = "torch"
    ) -> io.NodeOutput:
        from ..vlogger_core.render.pose_video import render_poses

        with runtime.work() as progress:
            size = sockets.render_size(body.camera, short_side, multiple_of)
            keypoints: list[dict[str, Any]] = []

            def pictures() -> Iterator[Tensor]:
                for picture, frame in render_poses(
                    body, motion, size, style=style, show=show, backend=rasteriser, progress=progress
                ):
                    keypoints.append(frame)
                    yield picture

            images = sockets.frames_to_comfy(pictures(), motion.num_frames, on_frame=progress.show)
            return io.NodeOutput(images, keypoints)


class VloggerFaceVideo(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="VloggerFaceVideo",
            display_name="VLOGGER Face Video",
            category="VLOGGER/render",
            description=(
                "The moving face alone, 512 x 512, in a square that follows it steadily: the face_video from which "
                "Wan-Animate takes the expression."
            ),
            search_aliases=["wan animate", "face_video", "face crop", "crop face"],
            inputs=[
                widgets.body(),
                sockets.Motion.Input("motion", tooltip="How that body moves."),
                io.Image.Input(
                    "frames",
                    optional=True,
                    tooltip="What the faces are cut out of: as many pictures as the motion has frames, in the photo's "
                    "shape, such as VLOGGER Warp Preview's or the tracked clip. Else the preview is made here.",
                ),
                widgets.short_side(
                    "It is the size of the preview that is made here: larger gives sharper faces and takes longer.",
                    default=768,
                    step=2,
                    advanced=True,
                ),
                widgets.rasteriser(),
            ],
            outputs=[
                io.Image.Output("face_video", tooltip="One picture a frame, 512 x 512, for WanAnimateToVideo."),
            ],
        )

    @classmethod
    def execute(
        cls, body, motion, short_side: int, frames: Tensor | None = None, rasteriser: str = "torch"
    ) -> io.NodeOutput:
        from ..vlogger_core.render.face_clip import crop_faces, face_boxes

        with runtime.work() as progress:
            pictures, size = _pictures(body, motion, short_side, frames, rasteriser, progress)
            boxes = face_boxes(body, motion, size, progress=progress)
            faces = sockets.frames_to_comfy(crop_faces(pictures, boxes), motion.num_frames, on_frame=progress.show)
            return io.NodeOutput(faces)


def _pictures(
    body: BodyFit,
    motion: Motion,
    short_side: int,
    frames: Tensor | None,
    rasteriser: str,
    progress: runtime.Reporter,
) -> tuple[Iterator[Tensor], tuple[int, int]]:
    """What faces are cut out of, and its height and width: the frames that are wired in, else the warp preview.

    Raises:
        InputError: if there are not as many frames as the motion has.
    """
    from ..vlogger_core.errors import InputError
    from ..vlogger_core.render.preview import render_preview

    if frames is None:
        size = sockets.render_size(body.camera, short_side)
        return render_preview(body, motion, size=size, backend=rasteriser, progress=progress), size
    if len(frames) != motion.num_frames:
        raise InputError(
            f"frames must be as many as the motion has, {motion.num_frames}. Got {len(frames)}: wire in the preview of "
            "this motion, or the clip from which it was tracked."
        )
    height, width = frames.shape[1:3]
    return (frame[..., :3].detach().movedim(-1, 0).float() for frame in frames), (height, width)
