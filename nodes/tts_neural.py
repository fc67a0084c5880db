"""Text to speech with neural voices, which are downloaded only if the user asks for it."""

from __future__ import annotations

from pathlib import Path

from comfy_api.latest import io

from . import runtime, sockets
from .tts_voices import NEURAL_VOICES, voice_name


class VloggerNeuralSpeech(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="VloggerNeuralSpeech",
            display_name="VLOGGER Neural Speech",
            category="VLOGGER/speech",
            description=(
                "Speaks a text with a natural voice: Kokoro, Piper, Pocket TTS or Supertonic. Each needs a package of "
                "its own and files of 60 to 400 MB; what is missing is named, with its licence, before anything is "
                "downloaded. VLOGGER Text to Speech needs neither."
            ),
            search_aliases=["tts", "kokoro", "piper", "supertonic", "pocket tts", "natural voice", "narration"],
            inputs=[
                io.String.Input(
                    "text",
                    multiline=True,
                    default="Hello! Type here what I should say.",
                    tooltip="What to say, in the voice's language.",
                ),
                io.Combo.Input(
                    "voice",
                    options=[*NEURAL_VOICES, *runtime.own_voices()],
                    default=NEURAL_VOICES[0],
                    tooltip=(
                        "Engine, voice, language and licence. Names that end in .onnx are Piper voices of your own in "
                        "models/vlogger/tts, each with its .onnx.json beside it."
                    ),
                ),
                io.Float.Input(
                    "speed",
                    default=1.0,
                    min=0.7,
                    max=1.8,
                    step=0.05,
                    tooltip="1 is the voice's own. Pocket TTS knows no other.",
                ),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=0xFFFFFFFFFFFFFFFF,
                    control_after_generate=False,
                    tooltip="Another seed says it a little differently; the same one says the same again.",
                ),
                io.Boolean.Input(
                    "allow_download",
                    default=False,
                    tooltip=(
                        "Fetch missing files of the voice from Hugging Face into models/vlogger/tts. While this is "
                        "off, a run names them, with repository, revision, size and licence."
                    ),
                ),
            ],
            outputs=[
                io.Audio.Output("audio", tooltip="The speech."),
                sockets.Timings.Output(
                    "timings", tooltip="When words are heard, and sounds too (IPA) with Kokoro and Piper."
                ),
                io.String.Output("srt", tooltip="The words as subtitles in the SubRip format (.srt)."),
            ],
        )

    @classmethod
    def validate_inputs(cls, voice: str) -> bool:
        """Naming `voice` here lets bare names through that the menu does not show; the core answers for them."""
        return True

    @classmethod
    def execute(cls, text: str, voice: str, speed: float, seed: int, allow_download: bool) -> io.NodeOutput:
        from ..vlogger_core.speech.backends import speak
        from ..vlogger_core.speech.neural import find_backend
        from ..vlogger_core.speech.srt import to_srt

        with runtime.work() as progress:
            backend, name = find_backend(voice_name(voice))
            audio, timings = speak(
                backend,
                text,
                voice=str(runtime.VOICES.path(name)) if name.endswith(".onnx") else name,
                folder=Path(runtime.VOICES.folder),
                speed=speed,
                seed=seed,
                allow_download=allow_download,
                progress=progress,
            )
            return io.NodeOutput(sockets.audio_to_comfy(audio), timings, to_srt(timings, text))
