"""Motions for other programs: animated 3D files, and ComfyUI's own body nodes."""

from __future__ import annotations

from pathlib import Path

import folder_paths
from comfy_api.latest import Types, io

from . import runtime, sockets, widgets

_FORMATS = ("glb", "bvh")


class VloggerExportMotion(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="VloggerExportMotion",
            display_name="VLOGGER Export Motion",
            category="VLOGGER/motion",
            description=(
                "Saves the moving person as a 3D file in ComfyUI's output folder: glb holds the body with the photo as "
                "its texture, skeleton and ARKit expressions, bvh only the skeleton. For Blender, game engines and "
                "ComfyUI's Preview 3D."
            ),
            search_aliases=["save glb", "save bvh", "gltf", "export animation", "blender", "mocap", "3d avatar"],
            inputs=[
                widgets.motion(),
                widgets.body(),
                io.Combo.Input(
                    "format",
                    options=list(_FORMATS),
                    default=_FORMATS[0],
                    tooltip="glb: mesh, texture, skeleton, expressions. bvh: skeleton only, without any expression.",
                ),
                io.String.Input(
                    "filename_prefix",
                    default="3d/VLOGGER",
                    tooltip="Folder in the output folder and beginning of the name; a number is added.",
                ),
            ],
            outputs=[
                io.File3DAny.Output("model_3d", tooltip="The file, for Preview 3D & Animation or Save 3D Model."),
                io.String.Output("path", tooltip="Where the file is, from the output folder on."),
            ],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, motion, body, format: str, filename_prefix: str) -> io.NodeOutput:
        from ..vlogger_core.export.bvh_write import save_bvh
        from ..vlogger_core.export.glb import save_glb

        output = folder_paths.get_output_directory()
        folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(filename_prefix, output)
        path = Path(folder, f"{name}_{counter:05}_.{format}")
        with runtime.work() as progress:
            (save_glb if format == "glb" else save_bvh)(path, body, motion, progress=progress)
        place = {"filename": path.name, "subfolder": subfolder, "type": "output"}
        relative = Path(subfolder, path.name).as_posix()
        return io.NodeOutput(Types.File3D(str(path)), relative, ui={"3d": [place]})


class VloggerMotionToMhrPose(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="VloggerMotionToMhrPose",
            display_name="VLOGGER Motion to MHR Pose",
            category="VLOGGER/motion",
            description=(
                "Hands the moving person to ComfyUI's own SAM 3D Body nodes, which render it as a mesh, OpenPose or "
                "SCAIL skeleton or build 3D animations. Needs no SAM 3D Body model."
            ),
            search_aliases=["sam 3d body", "mhr_pose_data", "openpose 3d", "scail", "kimodo", "pose data"],
            inputs=[widgets.motion(), widgets.body()],
            outputs=[
                sockets.MhrPoseData.Output(
                    "mhr_pose_data", tooltip="For Render SAM3D Body and Create 3D Animation; its skeleton comes along."
                )
            ],
        )

    @classmethod
    def execute(cls, motion, body) -> io.NodeOutput:
        from ..vlogger_core.export.mhr_write import to_mhr_pose_data

        with runtime.work() as progress:
            return io.NodeOutput(to_mhr_pose_data(body, motion, progress=progress))
