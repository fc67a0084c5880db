"""Cutting text into units that are spoken one after the other."""

from __future__ import annotations

import re

MAX_CHARACTERS = 600

# A full stop that ends a sentence: not after one letter ("J. Smith") or a short capitalised word ("Dr. No"), and not
# before a lower-case letter ("etc. and"). Where it is wrong, two sentences stay together, which espeak-ng can speak.
_END = re.compile(
    r"""(?: (?<!\b\w) (?<!\b[^\W\d_a-z]\w) (?<!\b[^\W\d_a-z]\w\w) \.   # Latin full stop
          | [!?…؟۔।॥։።፧။]
        )+ ["'”’»)\]]* (?=\s+[^a-zà-öø-ÿа-я])                          # a space and no lower-case letter follow
      | [。！？]+ [”’」』）]*                                           # needs no space
      | \n\s*\n                                                        # a paragraph
    """,
    re.VERBOSE,
)
_PHONEMES = re.compile(r"\[\[.*?\]\]", re.DOTALL)


def split_sentences(text: str, *, max_characters: int = MAX_CHARACTERS) -> list[str]:
    """Sentences in order, none empty; joined they are the text but for white space at the seams.

    One longer than `max_characters` is cut at its last clause mark, else space, else anywhere. `[[phonemes]]` are
    never cut.
    """
    kept = [match.span() for match in _PHONEMES.finditer(text)]
    sentences, start = [], 0
    for match in _END.finditer(text):
        if not any(first < match.end() < last for first, last in kept):
            sentences += _cut(text[start : match.end()].strip(), max_characters)
            start = match.end()
    sentences += _cut(text[start:].strip(), max_characters)
    return [sentence for sentence in sentences if sentence]


def _cut(sentence: str, max_characters: int) -> list[str]:
    pieces = []
    while len(sentence) > max_characters:
        where = _cut_position(sentence, max_characters)
        pieces.append(sentence[:where].strip())
        sentence = sentence[where:].strip()
    return [*pieces, sentence]


def _cut_position(sentence: str, max_characters: int) -> int:
    kept = [match.span() for match in _PHONEMES.finditer(sentence)]

    def allowed(where: int) -> bool:
        return not any(first < where < last for first, last in kept)

    for pattern in (r"[,;:،؛、，；：](?=\s|[^\x00-\xff])|[–—]", r"\s"):
        places = [match.end() for match in re.finditer(pattern, sentence[: max_characters + 1])]
        for where in reversed(places):
            if max_characters // 4 <= where <= max_characters and allowed(where):
                return where
    if allowed(max_characters):
        return max_characters
    return next(last for first, last in kept if first < max_characters < last)
