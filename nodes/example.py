"""A portrait, speech and a clip to begin with: ComfyUI's own loaders cannot see files of a pack."""

from __future__ import annotations

from comfy_api.latest import InputImpl, io

from . import runtime, sockets


class VloggerExampleInput(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="VloggerExampleInput",
            display_name="VLOGGER Example Input",
            category="VLOGGER/input",
            description=(
                "The portrait that comes with VLOGGER (a rendered person who does not exist), a sentence, and the "
                "sentence spoken. Replace it by Load Image and Load Audio to use your own."
            ),
            search_aliases=["vlogger portrait", "sample portrait", "demo avatar", "test speech"],
            inputs=[],
            outputs=[
                io.Image.Output("image", tooltip="The portrait."),
                io.String.Output("text", tooltip="The sentence."),
                io.Audio.Output("audio", tooltip="The sentence, spoken by espeak-ng."),
            ],
        )

    @classmethod
    def execute(cls) -> io.NodeOutput:
        from ..vlogger_core.assets import PORTRAIT, example_sentence
        from ..vlogger_core.image import load_image
        from ..vlogger_core.speech.espeak import synthesise

        with runtime.work() as progress:
            text = example_sentence()
            audio, _ = synthesise(text, progress=progress)
            return io.NodeOutput(sockets.image_to_comfy(load_image(PORTRAIT)), text, sockets.audio_to_comfy(audio))


class VloggerExampleClip(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="VloggerExampleClip",
            display_name="VLOGGER Example Clip",
            category="VLOGGER/input",
            description=(
                "The shipped portrait speaking for four seconds, filmed by VLOGGER: a clip to edit. Replace it by Load "
                "Video to use your own."
            ),
            search_aliases=["vlogger clip", "sample video", "demo clip", "test video"],
            inputs=[],
            outputs=[io.Video.Output("video", tooltip="The clip with its sound, 360 x 444 px, 24 frames a second.")],
        )

    @classmethod
    def execute(cls) -> io.NodeOutput:
        from ..vlogger_core.assets import CLIP

        return io.NodeOutput(InputImpl.VideoFromFile(str(CLIP)))
