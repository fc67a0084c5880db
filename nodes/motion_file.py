"""Motions as files: kept in the output folder, taken from the input folder."""

from __future__ import annotations

import os
from pathlib import Path

import folder_paths
from comfy_api.latest import io

from . import runtime, sockets

_ENDING, _BVH = ".safetensors", ".bvh"
_NO_FILE = "none"


class VloggerSaveMotion(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="VloggerSaveMotion",
            display_name="VLOGGER Save Motion",
            category="VLOGGER/motion",
            description="Keeps a motion as a .safetensors file in ComfyUI's output folder, for VLOGGER Load Motion.",
            search_aliases=["export motion", "write motion", "motion file", "blendshapes", "save animation"],
            inputs=[
                sockets.Motion.Input("motion", tooltip="From any node that gives a motion."),
                io.String.Input(
                    "filename_prefix",
                    default="motion/VLOGGER",
                    tooltip="Folder in the output folder and beginning of the name; a number is added.",
                ),
            ],
            outputs=[sockets.Motion.Output("motion", tooltip="The same motion.")],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, motion, filename_prefix: str) -> io.NodeOutput:
        from ..vlogger_core.motion.file import save_motion

        output = folder_paths.get_output_directory()
        folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(filename_prefix, output)
        file = f"{name}_{counter:05}_{_ENDING}"
        with runtime.work():
            save_motion(Path(folder, file), motion)
        return io.NodeOutput(motion, ui={"motions": [{"filename": file, "subfolder": subfolder, "type": "output"}]})


class VloggerLoadMotion(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="VloggerLoadMotion",
            display_name="VLOGGER Load Motion",
            category="VLOGGER/motion",
            description=(
                "Takes a motion from a file in ComfyUI's input folder: what VLOGGER Save Motion wrote, or a BVH file "
                "of any common skeleton (Mixamo, CMU, SMPL-X, VRM, VRoid). BVH holds no expression: the face rests."
            ),
            search_aliases=["import motion", "open motion", "motion file", "blendshapes", "load animation", "load bvh"],
            inputs=[
                io.Combo.Input(
                    "motion",
                    options=[_NO_FILE, *_files()],
                    default=_NO_FILE,
                    tooltip="A .safetensors or .bvh file in ComfyUI's input folder. The button below puts one there.",
                ),
                sockets.Body.Input(
                    "body",
                    optional=True,
                    tooltip=(
                        "Only for .bvh: who is to take the very poses of the file. Without it the person begins as in "
                        "the photo and moves as the file does from its first frame on."
                    ),
                ),
            ],
            outputs=[sockets.Motion.Output("motion", tooltip="Expression and joint rotations for every frame.")],
        )

    @classmethod
    def validate_inputs(cls, motion: str) -> bool | str:
        if motion == _NO_FILE:
            return "No motion file is chosen. Press the upload button, or put one into ComfyUI's input folder."
        if not folder_paths.exists_annotated_filepath(motion):
            return f'There is no motion file "{motion}" in ComfyUI\'s input folder. Put it there and refresh the page.'
        return True

    @classmethod
    def fingerprint_inputs(cls, motion: str, **_: object) -> float:
        return os.path.getmtime(folder_paths.get_annotated_filepath(motion))

    @classmethod
    def execute(cls, motion: str, body=None) -> io.NodeOutput:
        from ..vlogger_core.export.bvh_motion import load_bvh
        from ..vlogger_core.motion.file import load_motion

        path = Path(folder_paths.get_annotated_filepath(motion))
        with runtime.work():
            return io.NodeOutput(load_bvh(path, body) if path.suffix.lower() == _BVH else load_motion(path))


def _files() -> list[str]:
    """What the input folder holds."""
    folder = folder_paths.get_input_directory()
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return sorted(name for name in names if name.lower().endswith((_ENDING, _BVH)))
