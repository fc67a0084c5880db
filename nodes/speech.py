"""Text to speech, and speech to what the motion model hears."""

from __future__ import annotations

from comfy_api.latest import io

from . import runtime, sockets
from .voices import OWN_TIMBRE, TIMBRES, VOICES, espeak_voice

_DEFAULT_VOICE = next(voice for voice in VOICES if voice.startswith("en-us "))


class VloggerTextToSpeech(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="VloggerTextToSpeech",
            display_name="VLOGGER Text to Speech",
            category="VLOGGER/speech",
            description=(
                "Speaks a text with espeak-ng, offline, in more than a hundred languages, and tells when each sound "
                "and word falls. The voice is a synthetic one; any other AUDIO can take its place."
            ),
            search_aliases=["tts", "espeak", "speak text", "voice", "narration"],
            inputs=[
                io.String.Input(
                    "text",
                    multiline=True,
                    default="Hello! Type here what I should say.",
                    tooltip="What to say, in the script of the voice's language.",
                ),
                io.Combo.Input(
                    "voice",
                    options=list(VOICES),
                    default=_DEFAULT_VOICE,
                    tooltip="The language and accent. The API also takes the bare code, such as de or en-us+Annie.",
                ),
                io.Combo.Input(
                    "timbre",
                    options=list(TIMBRES),
                    default=OWN_TIMBRE,
                    tooltip="Who speaks: a woman, a man, old, hoarse or whispering.",
                ),
                io.Int.Input(
                    "rate_wpm",
                    default=160,
                    min=80,
                    max=450,
                    tooltip="Words a minute: 80 is slow, 160 calm, 450 a blur",
                ),
                io.Int.Input("pitch", default=50, min=0, max=99, tooltip="Low to high; 50 is the voice's own."),
                io.Int.Input(
                    "pitch_range",
                    default=50,
                    min=0,
                    max=99,
                    advanced=True,
                    tooltip="How far the melody moves: 0 is monotone, 50 the voice's own.",
                ),
                io.Int.Input(
                    "volume",
                    default=100,
                    min=0,
                    max=200,
                    advanced=True,
                    tooltip="Loudness in per cent. Above 100 loud voices may clip.",
                ),
            ],
            outputs=[
                io.Audio.Output("audio", tooltip="The speech."),
                sockets.Timings.Output("timings", tooltip="When each sound (IPA) and each word is heard."),
            ],
        )

    @classmethod
    def validate_inputs(cls, voice: str) -> bool:
        """Naming `voice` here lets codes through that the menu does not show; espeak-ng answers for unknown ones."""
        return True

    @classmethod
    def execute(
        cls, text: str, voice: str, timbre: str, rate_wpm: int, pitch: int, pitch_range: int, volume: int
    ) -> io.NodeOutput:
        from ..vlogger_core.speech.espeak import synthesise

        with runtime.work() as progress:
            audio, timings = synthesise(
                text,
                voice=espeak_voice(voice, timbre),
                rate_wpm=rate_wpm,
                pitch=pitch,
                pitch_range=pitch_range,
                volume=volume,
                progress=progress,
            )
            return io.NodeOutput(sockets.audio_to_comfy(audio), timings)


class VloggerAudioEncoder(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="VloggerAudioEncoder",
            display_name="VLOGGER Audio Encoder",
            category="VLOGGER/speech",
            description=(
                "Turns speech of any rate into what the motion model hears: one mel spectrogram column group for each "
                "video frame, on the exact clock of the video."
            ),
            search_aliases=["mel", "spectrogram", "audio features", "speech features", "fps"],
            inputs=[
                io.Audio.Input("audio", tooltip="Speech: any sample rate, mono or stereo."),
                io.Float.Input(
                    "fps",
                    default=24.0,
                    min=8.0,
                    max=120.0,
                    step=0.001,
                    round=0.001,
                    tooltip="Frames a second of the video. The embedded motion model was trained at 24.",
                ),
            ],
            outputs=[sockets.Speech.Output("speech", tooltip="Features for VLOGGER Motion Diffusion Sampler.")],
        )

    @classmethod
    def execute(cls, audio: dict, fps: float) -> io.NodeOutput:
        from ..vlogger_core.clock import as_fps
        from ..vlogger_core.speech.audio import to_speech
        from ..vlogger_core.speech.mel import mel_features

        with runtime.work() as progress:
            speech = to_speech(sockets.audio_from_comfy(audio), progress=progress)
            return io.NodeOutput(mel_features(speech, as_fps(fps), progress=progress))
