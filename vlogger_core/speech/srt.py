"""Subtitles of synthesised speech in the SubRip format."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..datatypes import SpeechTimings

MAX_CHARACTERS = 84
"""Of one subtitle: two lines of 42, as broadcasters have them."""
MAX_DURATION_S = 6.0
PAUSE_S = 0.7
"""Words further apart stand in different subtitles."""

_LINE_CHARACTERS = 42
_REACH = 60  # Characters within which the next word is looked for.
# Not after a short capitalised word: "Dr.", "No.".
_SENTENCE_END = re.compile(r"""(?:(?<!\b[A-Z])(?<!\b[A-Z]\w)(?<!\b[A-Z]\w\w)\.|[!?…。！？۔؟।])["'”’»)\]」』]*$""")


def to_srt(timings: SpeechTimings, text: str = "") -> str:
    """The words as numbered subtitles, each with the times from its first word's start to its last word's end.

    A subtitle ends with a sentence, at a pause, and before it grows too long. With the `text` that was spoken, the
    words get their punctuation back; words that do not stand in it as they were spoken go without. Empty without words.
    """
    blocks = []
    for number, cue in enumerate(_cues(list(_written(timings, text))), start=1):
        blocks.append(f"{number}\n{_clock(cue.start_s)} --> {_clock(cue.end_s)}\n{_two_lines(cue.text)}\n")
    return "\n".join(blocks)


@dataclass(frozen=True, kw_only=True)
class _Cue:
    text: str
    start_s: float
    end_s: float


def _written(timings: SpeechTimings, text: str) -> Iterator[_Cue]:
    """The words with the marks that touch them in the text, and a space behind those that it parts from the next."""
    places = _places([word.text for word in timings.words], text)
    starts = [span[0] for span in places if span] + [len(text)]
    before, found = 0, 0
    for word, place in zip(timings.words, places):
        written = word.text + " "
        if place is not None:
            found += 1
            between = text[before : place[0]]
            opening = re.search(r"\s(\S*)\Z", between if before else " " + between)
            closing = re.match(r"\S*\s?", text[place[1] : starts[found]])
            written = (opening[1] if opening else "") + word.text + (closing[0] if closing else "")
            before = place[1]
        yield _Cue(text=re.sub(r"\s", " ", written), start_s=word.start_s, end_s=word.end_s)


def _places(words: list[str], text: str) -> list[tuple[int, int] | None]:
    """Where each word stands in the text, one behind the other; None for one that is written otherwise."""
    places: list[tuple[int, int] | None] = []
    end = 0
    for word in words:
        # A word that is written otherwise may be found much later; it must not take those between along.
        start = text.find(word, end, end + len(word) + _REACH)
        places.append((start, start + len(word)) if start >= 0 else None)
        end = start + len(word) if start >= 0 else end
    return places


def _cues(words: list[_Cue]) -> Iterator[_Cue]:
    held: list[_Cue] = []
    for word in words:
        if held and (
            _SENTENCE_END.search(held[-1].text.rstrip())
            or word.start_s - held[-1].end_s > PAUSE_S
            or word.end_s - held[0].start_s > MAX_DURATION_S
            or sum(len(cue.text) for cue in [*held, word]) > MAX_CHARACTERS
        ):
            yield _cue(held)
            held = []
        held.append(word)
    if held:
        yield _cue(held)


def _cue(words: list[_Cue]) -> _Cue:
    text = "".join(word.text for word in words).strip()
    return _Cue(text=text, start_s=words[0].start_s, end_s=words[-1].end_s)


def _clock(time_s: float) -> str:
    total_ms = round(time_s * 1000)
    seconds, ms = divmod(total_ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02},{ms:03}"


def _two_lines(text: str) -> str:
    """Broken at the space nearest to the middle, where it does not fit on one line."""
    spaces = [match.start() for match in re.finditer(" ", text)]
    if len(text) <= _LINE_CHARACTERS or not spaces:
        return text
    middle = min(spaces, key=lambda place: abs(place - len(text) / 2))
    return f"{text[:middle]}\n{text[middle + 1 :]}"
