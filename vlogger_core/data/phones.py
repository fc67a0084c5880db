"""IPA phones to mouth shapes with times.

A phone label such as `ˈaɪ` or `tʃ` is split into the mouth shapes it passes through; pauses are the gaps between.
The closure of a voiced stop or nasal begins with the label. espeak labels a voiceless stop at its burst, so that its
closure is the silence before the label; flite's label holds closure and burst.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..datatypes import TimedLabel

_VISEME_OF_LETTERS = {
    "closure": "pbmʙɓ",
    "lip_teeth": "fvʋɸβⱱɱ",
    "tongue_teeth": "θðǀ",
    "alveolar": "tdnɾrɖʈɳɽɗ",
    "lateral": "lɫɭʎɬɮɺʟ",
    "velar": "kɡgŋxɣqχʁʀɴħʕhɦʔɠʛɢ",
    "palatal": "jcɟɲçʝ",
    "hiss": "szɕʑ",
    "hush": "ʃʒʂʐɧ",
    "rhotic": "ɹɻ",
    "glide_w": "wɥʍɰ",
    "open_a": "aɑæɐɶ",
    "mid_a": "ʌɜɝɞ",
    "schwa": "əɚɘɵᵊ",
    "mid_e": "eɛ",
    "close_i": "iɨᵻ",
    "near_i": "ɪ",
    "mid_o": "oɔɒ",
    "mid_o_flat": "ɤ",
    "close_u": "uɯʉ",
    "near_u": "ʊ",
    "front_round": "yʏøœ",
}
VISEME_OF_LETTER = {letter: viseme for viseme, letters in _VISEME_OF_LETTERS.items() for letter in letters}
VOWELS = frozenset(_VISEME_OF_LETTERS) - {
    "closure", "lip_teeth", "tongue_teeth", "alveolar", "lateral", "velar", "palatal", "hiss", "hush", "rhotic",
    "glide_w",
}  # fmt: skip
_VOICELESS_STOPS = frozenset("ptkcqʈ")
_DEFAULT_CLOSURE_S = 0.075
_LONGEST_CLOSURE_S = 0.14
_BURST_RATIO = 5.0  # 14 dB.


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A mouth shape held for a while."""

    viseme: str
    start_s: float
    end_s: float
    stress: float = 0.0
    """1 at primary stress, 0.5 at secondary."""
    letter: str = ""
    """The IPA letter."""


def is_pause(phone: str) -> bool:
    """Whether a phone label stands for silence."""
    return not any(letter in VISEME_OF_LETTER for letter in phone)


def phones_to_segments(
    phones: Sequence[TimedLabel], waveform: Float[np.ndarray, " n"], sample_rate: int, *, closure_inside: bool = False
) -> list[Segment]:
    """Return the mouth shapes of an utterance in order.

    Stress marks of a syllable's consonants pass on to the vowel that follows. The waveform is used to find where
    the closure of a voiceless stop begins, or with `closure_inside` where it ends.

    Args:
        phones: labels in order.
        waveform: the utterance.
        sample_rate: in Hz.
        closure_inside: a voiceless stop's label holds its closure (flite) instead of following it (espeak).
    """
    envelope, hop_s = _envelope(waveform, sample_rate)
    segments: list[Segment] = []
    stress = 0.0
    for phone in phones:
        if is_pause(phone.text):
            continue
        stress = 1.0 if "ˈ" in phone.text else 0.5 if "ˌ" in phone.text else stress
        letters = [letter for letter in phone.text if letter in VISEME_OF_LETTER]
        step = (phone.end_s - phone.start_s) / len(letters)
        begins_s, burst_s = phone.start_s, phone.start_s
        if letters[0] in _VOICELESS_STOPS and closure_inside:
            burst_s = _burst_inside(envelope, hop_s, phone.start_s, phone.end_s)
        elif letters[0] in _VOICELESS_STOPS:
            begins_s -= _closure_before(envelope, hop_s, phone.start_s)
        for i, letter in enumerate(letters):
            viseme = VISEME_OF_LETTER[letter]
            start_s, end_s = phone.start_s + i * step, phone.start_s + (i + 1) * step
            if i == 0 and burst_s > begins_s:
                start_s, end_s = begins_s, burst_s + 0.01
            elif i == 1 and closure_inside and burst_s > begins_s:
                start_s = burst_s
            segments.append(
                Segment(
                    viseme=viseme,
                    start_s=start_s,
                    end_s=max(end_s, start_s + 0.01),
                    stress=stress if viseme in VOWELS else 0.0,
                    letter=letter,
                )
            )
        if any(VISEME_OF_LETTER[letter] in VOWELS for letter in letters):
            stress = 0.0
    return segments


def _envelope(waveform: Float[np.ndarray, " n"], sample_rate: int) -> tuple[Float[np.ndarray, " e"], float]:
    """Root mean square over consecutive 5 ms blocks, and the block length in seconds."""
    hop = max(1, sample_rate // 200)
    blocks = waveform[: len(waveform) // hop * hop].reshape(-1, hop)
    return np.sqrt(np.mean(np.square(blocks, dtype=np.float64), axis=1)), hop / sample_rate


def _closure_before(envelope: Float[np.ndarray, " e"], hop_s: float, burst_s: float) -> float:
    """Length of the silence that ends at a burst, in seconds; a usual length where none can be measured."""
    burst = round(burst_s / hop_s)
    first = max(0, burst - round(_LONGEST_CLOSURE_S / hop_s))
    before = envelope[first:burst]
    if len(before) < 4:
        return _DEFAULT_CLOSURE_S
    loud = np.flatnonzero(before > 0.15 * max(envelope[first : burst + 30].max(), 1e-6))
    length_s = (len(before) - 1 - loud[-1]) * hop_s if len(loud) else _DEFAULT_CLOSURE_S
    return length_s if length_s >= 0.03 else _DEFAULT_CLOSURE_S


def _burst_inside(envelope: Float[np.ndarray, " e"], hop_s: float, start_s: float, end_s: float) -> float:
    """Time at which sound returns after the silence in a label; the label's end where it does not."""
    first, last = round(start_s / hop_s), round(end_s / hop_s)
    inside = envelope[first:last]
    if len(inside) < 4:
        return end_s
    silence = np.sort(inside)[: max(2, len(inside) // 3)].mean()
    quietest = int(inside.argmin())
    back = np.flatnonzero(inside[quietest:] > _BURST_RATIO * silence)
    return min(start_s + (quietest + back[0]) * hop_s, end_s) if len(back) else end_s
