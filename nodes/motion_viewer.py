"""A motion seen in 3D in the page: files for `web/motion_viewer`, in ComfyUI's temp folder, which it serves itself."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import folder_paths
from comfy_api.latest import io, ui

from . import runtime, sockets


class VloggerMotionViewer(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="VloggerMotionViewer",
            display_name="VLOGGER Motion Viewer",
            category="VLOGGER/motion",
            description=(
                "Shows the body moving in 3D inside the node, with the speech in sync and curves of jaw, lids and "
                "head. Drag to turn it, space to play."
            ),
            search_aliases=["preview motion", "3d preview", "animation viewer", "three.js", "blendshapes", "skeleton"],
            inputs=[
                sockets.Motion.Input("motion", tooltip="From any node that gives a motion."),
                sockets.Body.Input("body", tooltip="From VLOGGER Body Fitter or Body Tracker: who moves."),
                io.Audio.Input("audio", optional=True, tooltip="The speech, played with the motion."),
            ],
            outputs=[sockets.Motion.Output("motion", tooltip="The same motion.")],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, motion, body, audio=None) -> io.NodeOutput:
        from ..vlogger_core.export.glb import save_glb
        from ..vlogger_core.export.viewer_curves import write_viewer_curves

        folder, name = Path(folder_paths.get_temp_directory()), f"VLOGGER_motion_{uuid4().hex}"
        with runtime.work() as progress:
            folder.mkdir(parents=True, exist_ok=True)
            speech = None if audio is None else sockets.audio_from_comfy(audio)
            save_glb(folder / f"{name}.glb", body, motion, progress=progress)
            write_viewer_curves(folder / f"{name}.json", motion, speech)
        shown = {"model": _file(f"{name}.glb"), "curves": _file(f"{name}.json")}
        if audio is not None:
            mono = {**audio, "waveform": audio["waveform"].mean(1, keepdim=True)}
            (shown["audio"],) = ui.AudioSaveHelper.save_audio(mono, name, io.FolderType.temp, cls=None)
        return io.NodeOutput(motion, ui={"vlogger_motion": [shown]})


def _file(name: str) -> ui.SavedResult:
    """A file in the temp folder, as the page asks for it."""
    return ui.SavedResult(name, "", io.FolderType.temp)
