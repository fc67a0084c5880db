"""Text to speech, and speech to what the motion model hears."""

from __future__ import annotations

from comfy_api.latest import io
from torch import Tensor

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
                io.Boolean.Input(
                    "ssml",
                    default=False,
                    optional=True,
                    advanced=True,
                    tooltip='Read tags in the text, such as <break time="1s"/> or <prosody rate="slow">, as SSML.',
                ),
            ],
            outputs=[
                io.Audio.Output("audio", tooltip="The speech."),
                sockets.Timings.Output("timings", tooltip="When each sound (IPA) and each word is heard."),
                io.String.Output("srt", tooltip="The words as subtitles in the SubRip format (.srt)."),
            ],
        )

    @classmethod
    def validate_inputs(cls, voice: str) -> bool:
        """Naming `voice` here lets codes through that the menu does not show; espeak-ng answers for unknown ones."""
        return True

    @classmethod
    def execute(
        cls,
        text: str,
        voice: str,
        timbre: str,
        rate_wpm: int,
        pitch: int,
        pitch_range: int,
        volume: int,
        ssml: bool = False,
    ) -> io.NodeOutput:
        from ..vlogger_core.speech.espeak import synthesise
        from ..vlogger_core.speech.srt import to_srt

        with runtime.work() as progress:
            audio, timings = synthesise(
                text,
                voice=espeak_voice(voice, timbre),
                rate_wpm=rate_wpm,
                pitch=pitch,
                pitch_range=pitch_range,
                volume=volume,
                ssml=ssml,
                progress=progress,
            )
            srt = to_srt(timings, "" if ssml else text)
            return io.NodeOutput(sockets.audio_to_comfy(audio), timings, srt)


class VloggerAudioEncoder(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="VloggerAudioEncoder",
            display_name="VLOGGER Audio Encoder",
            category="VLOGGER/speech",
            description=(
                "Turns speech of any rate into what the motion model hears: one mel spectrogram column group for each "
                "video frame, on the exact clock of the video. The output of an audio encoder (wav2vec2, Whisper) is "
                "taken instead, for motion models that were trained on it."
            ),
            search_aliases=["mel", "spectrogram", "audio features", "speech features", "fps", "wav2vec2", "whisper"],
            inputs=[
                io.Audio.Input("audio", optional=True, tooltip="Speech: any sample rate, mono or stereo."),
                io.Float.Input(
                    "fps",
                    default=24.0,
                    min=8.0,
                    max=120.0,
                    step=0.001,
                    round=0.001,
                    tooltip="Frames a second of the video. The embedded motion model was trained at 24.",
                ),
                io.AudioEncoderOutput.Input(
                    "encoded",
                    optional=True,
                    tooltip=(
                        "Instead of audio: from ComfyUI's Audio Encoder Encode, for a motion model that was trained on "
                        "such features. The embedded one was not."
                    ),
                ),
            ],
            outputs=[
                sockets.Speech.Output("speech", tooltip="Features for VLOGGER Motion Diffusion Sampler."),
                io.Image.Output("spectrogram", tooltip="A picture of the features, with the time in seconds."),
            ],
        )

    @classmethod
    def execute(cls, fps: float, audio: dict | None = None, encoded: dict | None = None) -> io.NodeOutput:
        from ..vlogger_core.clock import as_fps
        from ..vlogger_core.speech.audio import to_speech
        from ..vlogger_core.speech.encoded import encoded_features
        from ..vlogger_core.speech.mel import mel_features
        from ..vlogger_core.speech.spectrogram import draw_spectrogram

        with runtime.work() as progress:
            if encoded is None:
                samples = to_speech(sockets.audio_from_comfy(audio), progress=progress)
                speech = mel_features(samples, as_fps(fps), progress=progress)
            else:
                speech = encoded_features(*_read_encoded(encoded, audio), as_fps(fps))
            return io.NodeOutput(speech, sockets.image_to_comfy(draw_spectrogram(speech)))


def _read_encoded(encoded: dict, audio: dict | None) -> tuple[Tensor, int]:
    """The last layer of the one sound in an AUDIO_ENCODER_OUTPUT, and how many samples at 16 kHz it covers.

    Raises:
        InputError: if an audio is connected too, or there are several sounds.
    """
    from ..vlogger_core.errors import InputError

    if audio is not None:
        raise InputError("Connect either audio or encoded, not both: they are two ways to describe the same speech.")
    layer = encoded["encoded_audio"]
    if layer.ndim != 3 or layer.shape[0] != 1:
        raise InputError(f"encoded must be of one recording. Got a tensor of {tuple(layer.shape)}.")
    return layer[0].detach().clone(), int(encoded["audio_samples"])
