"""Speech with phone times from flite, a second voice beside espeak's for the corpus.

flite (Black and Lenzo, "Flite: a small fast run-time synthesis engine", 2001) is Debian's package of that name. Its
shared libraries are called in this process, one call a text, so that the phones come with the stress that the
command does not print. Programs and voices are Carnegie Mellon University's under a licence like MIT's, which
allows use, modification and sale and asks to keep the notice, to mark changes, and not to advertise with the
authors' names (/usr/share/doc/flite/copyright); what they say is free of any.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from ..datatypes import TimedLabel
from ..errors import ToolError

SAMPLE_RATE = 16000
TRAINING_VOICES = ("awb", "rms", "kal16")
"""A Scottish and two American men; kal16 joins recorded diphones, the others are statistical."""
HELD_OUT_VOICES = ("slt",)
"""An American woman, kept for validation and test."""

_LIBRARIES = ("libflite.so.1", "libflite_usenglish.so.1", "libflite_cmulex.so.1")
# flite keeps the pointer to a feature's name, so these bytes must live as long as it.
_STRETCH, _F0_MEAN, _F0_STD = b"duration_stretch", b"int_f0_target_mean", b"int_f0_target_stddev"
_IPA = {
    "aa": "ɑ", "ae": "æ", "ah": "ʌ", "ao": "ɔ", "aw": "aʊ", "ax": "ə", "ay": "aɪ", "b": "b", "ch": "tʃ", "d": "d",
    "dh": "ð", "eh": "ɛ", "er": "ɚ", "ey": "eɪ", "f": "f", "g": "ɡ", "hh": "h", "ih": "ɪ", "iy": "i", "jh": "dʒ",
    "k": "k", "l": "l", "m": "m", "n": "n", "ng": "ŋ", "ow": "oʊ", "oy": "ɔɪ", "p": "p", "r": "ɹ", "s": "s",
    "sh": "ʃ", "t": "t", "th": "θ", "uh": "ʊ", "uw": "u", "v": "v", "w": "w", "y": "j", "z": "z", "zh": "ʒ",
    "pau": "_",
}  # fmt: skip
_VOWELS = frozenset({"aa", "ae", "ah", "ao", "aw", "ax", "ay", "eh", "er", "ey", "ih", "iy", "ow", "oy", "uh", "uw"})


class Flite:
    """flite's voices. One per process and no threads: the libraries' state is global."""

    def __init__(self) -> None:
        """Load the libraries.

        Raises:
            ToolError: if flite is not installed.
        """
        try:
            self._base, *_ = [ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL) for name in _LIBRARIES]
            self._voice_libraries = {
                name: ctypes.CDLL(f"libflite_cmu_us_{name}.so.1") for name in (*TRAINING_VOICES, *HELD_OUT_VOICES)
            }
        except OSError as error:
            raise ToolError(f"flite is not installed ({error}). Install flite: apt-get install flite") from error
        _declare(self._base)
        self._base.flite_init()
        self._voices: dict[str, tuple[ctypes._Pointer, dict[bytes, float]]] = {}

    def say(
        self,
        text: str,
        *,
        voice: str,
        stretch: float = 1.0,
        f0_mean_hz: float | None = None,
        f0_std_hz: float | None = None,
    ) -> tuple[Float[np.ndarray, " n"], list[TimedLabel]]:
        """Speak an English text.

        The sound holds noise that goes on from call to call: the same calls in a new process give the same samples.

        A phone's time holds its whole sound, so that a stop's begins with its closure
        (`phones_to_segments(..., closure_inside=True)`). The vowel of a stressed syllable of a content word carries
        the mark of primary stress.

        Args:
            text: ASCII.
            voice: of `TRAINING_VOICES` or `HELD_OUT_VOICES`.
            stretch: of all durations; above 1 is slower.
            f0_mean_hz: the usual pitch; None is the voice's own.
            f0_std_hz: how far the pitch moves; None is the voice's own.

        Returns:
            Speech at `SAMPLE_RATE`, -1 to 1, and the phones in IPA, pauses as `_`.
        """
        if voice not in self._voice_libraries:
            raise ValueError(f"voice must be one of {', '.join(self._voice_libraries)}. Got {voice!r}.")
        if not text.strip() or not text.isascii() or "\0" in text:
            raise ValueError(f"text must be ASCII and not empty. Got {text[:40]!r}.")
        if voice not in self._voices:
            self._voices[voice] = self._open(voice)
        pointer, own = self._voices[voice]
        wanted = {_STRETCH: stretch * own.get(_STRETCH, 1.0), _F0_MEAN: f0_mean_hz, _F0_STD: f0_std_hz}
        features = pointer.contents.features
        for name, value in wanted.items():
            self._base.feat_remove(features, name)
            value = own.get(name) if value is None else value
            if value is not None:
                self._base.feat_set_float(features, name, value)
        utterance = self._base.flite_synth_text(text.encode("ascii"), pointer)
        if not utterance:
            raise ToolError(f"flite could not say {text[:40]!r} with the voice {voice}.")
        try:
            wave = self._base.utt_wave(utterance).contents
            samples = np.ctypeslib.as_array(wave.samples, (wave.num_samples,)) / 32768.0
            return samples, list(self._phones(utterance, len(samples) / SAMPLE_RATE))
        finally:
            self._base.delete_utterance(utterance)

    def _open(self, voice: str) -> tuple[ctypes._Pointer, dict[bytes, float]]:
        """A voice, and those of our features for which it has values of its own."""
        register = getattr(self._voice_libraries[voice], f"register_cmu_us_{voice}")
        register.restype, register.argtypes = ctypes.POINTER(_Voice), (ctypes.c_char_p,)
        pointer = register(None)
        features = pointer.contents.features
        own = {
            name: self._base.get_param_float(features, name, math.nan)
            for name in (_STRETCH, _F0_MEAN, _F0_STD)
        }  # fmt: skip
        return pointer, {name: value for name, value in own.items() if not math.isnan(value)}

    def _phones(self, utterance: int, duration_s: float) -> Iterator[TimedLabel]:
        """The phones, the last pause cut where the sound ends: kal16 leaves out 0.1 s of it."""
        item = self._base.relation_head(self._base.utt_relation(utterance, b"Segment"))
        start_s = 0.0
        while item:
            name = self._base.item_feat_string(item, b"name").decode()
            end_s = min(self._base.item_feat_float(item, b"end"), duration_s)
            stressed = name in _VOWELS and (
                self._base.ffeature_string(item, b"R:SylStructure.parent.stress") == b"1"
                and self._base.ffeature_string(item, b"R:SylStructure.parent.parent.gpos") == b"content"
            )
            yield TimedLabel(text="ˈ" * stressed + _IPA[name], start_s=start_s, end_s=end_s)
            start_s = end_s
            item = self._base.item_next(item)


class _Voice(ctypes.Structure):
    """The head of flite's `cst_voice`."""

    _fields_ = (("name", ctypes.c_char_p), ("features", ctypes.c_void_p))


class _Wave(ctypes.Structure):
    """flite's `cst_wave`."""

    _fields_ = (
        ("type", ctypes.c_char_p),
        ("sample_rate", ctypes.c_int),
        ("num_samples", ctypes.c_int),
        ("num_channels", ctypes.c_int),
        ("samples", ctypes.POINTER(ctypes.c_short)),
    )


def _declare(flite: ctypes.CDLL) -> None:
    """Say what flite's functions take and return."""
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    for name, result, arguments in (
        ("flite_init", ctypes.c_int, ()),
        ("flite_synth_text", pointer, (text, ctypes.POINTER(_Voice))),
        ("delete_utterance", None, (pointer,)),
        ("utt_wave", ctypes.POINTER(_Wave), (pointer,)),
        ("utt_relation", pointer, (pointer, text)),
        ("relation_head", pointer, (pointer,)),
        ("item_next", pointer, (pointer,)),
        ("item_feat_string", text, (pointer, text)),
        ("item_feat_float", ctypes.c_float, (pointer, text)),
        ("ffeature_string", text, (pointer, text)),
        ("get_param_float", ctypes.c_float, (pointer, text, ctypes.c_float)),
        ("feat_set_float", None, (pointer, text, ctypes.c_float)),
        ("feat_remove", ctypes.c_int, (pointer, text)),
    ):
        function = getattr(flite, name)
        function.restype, function.argtypes = result, arguments
