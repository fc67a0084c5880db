"""When phones and words of neural voices sound, from what their networks tell."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from ..datatypes import TimedLabel

_STRESS = "ˈˌ"
_AUDIBLE = 0.02  # Of the peak: -34 dB.


def phones_of_symbols(symbols: Sequence[TimedLabel]) -> tuple[TimedLabel, ...]:
    """Join the symbols that a voice times singly: stress marks go before their phone, modifiers and accents behind.

    Punctuation and spaces are pauses, so they are left out.
    """
    phones: list[TimedLabel] = []
    stress: TimedLabel | None = None
    joins = False
    for symbol in symbols:
        if symbol.text in _STRESS:
            stress, joins = symbol, False
        elif joins and (unicodedata.category(symbol.text[0]) == "Lm" or unicodedata.combining(symbol.text[0])):
            last = phones.pop()
            phones.append(TimedLabel(text=last.text + symbol.text, start_s=last.start_s, end_s=symbol.end_s))
        elif unicodedata.category(symbol.text[0])[0] == "L":
            start_s = stress.start_s if stress else symbol.start_s
            text = (stress.text if stress else "") + symbol.text
            phones.append(TimedLabel(text=text, start_s=start_s, end_s=symbol.end_s))
            stress, joins = None, True
        else:
            stress, joins = None, False
    return tuple(phones)


def words_of_symbols(sentence: str, symbols: Sequence[TimedLabel]) -> tuple[TimedLabel, ...] | None:
    """The words of a sentence, from symbols parted by spaces as the words are.

    None where there are more or fewer of one than of the other, as with numbers, which are spoken as several words.
    """
    groups: list[list[TimedLabel]] = [[]]
    for symbol in symbols:
        if symbol.text.isspace():
            groups.append([])
        elif symbol.text in _STRESS or phones_of_symbols([symbol]):
            groups[-1].append(symbol)
    spoken = [group for group in groups if group]
    words = _words(sentence)
    if not words or len(spoken) != len(words):
        return None
    return tuple(
        TimedLabel(text=word, start_s=group[0].start_s, end_s=group[-1].end_s) for word, group in zip(words, spoken)
    )


def spread_words(sentence: str, samples: Float[Tensor, " n"], sample_rate: int) -> tuple[TimedLabel, ...]:
    """Words by their numbers of letters over the sound from the first audible sample to the last: an estimate."""
    words = _words(sentence)
    audible = (samples.abs() > _AUDIBLE * samples.abs().max()).nonzero()
    if not words or len(audible) == 0:
        return ()
    start_s, end_s = int(audible[0]) / sample_rate, (int(audible[-1]) + 1) / sample_rate
    total = sum(len(word) + 1 for word in words)
    labels, passed = [], 0
    for word in words:
        first_s = start_s + (end_s - start_s) * passed / total
        passed += len(word) + 1
        labels.append(TimedLabel(text=word, start_s=first_s, end_s=start_s + (end_s - start_s) * passed / total))
    return tuple(labels)


def _words(sentence: str) -> list[str]:
    """Parted by white space, without the marks around them."""
    stripped = (_strip(word) for word in sentence.split())
    return [word for word in stripped if word]


def _strip(word: str) -> str:
    letters = [index for index, character in enumerate(word) if character.isalnum()]
    return word[letters[0] : letters[-1] + 1] if letters else ""
