"""Which writing systems each espeak-ng voice reads. It spells out the letters of others ("Chinese letter")."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from ..errors import InputError

_CHINESE = "Chinese"
VOICES_OF_SCRIPT: dict[str, tuple[str, ...]] = {
    "Cyrillic": (
        "ru", "uk", "bg", "sr", "be", "mk", "kk", "ky", "ba", "bs", "cv", "hr", "nog", "tt", "ru-cl", "ru-lv",
    ),
    "Greek": ("el", "grc"),
    _CHINESE: ("cmn", "yue", "cmn-latn-pinyin", "yue-latn-jyutping"),
    "Hiragana": ("ja",),
    "Katakana": ("ja",),
    "Hangul": ("ko",),
    "Arabic": ("ar", "fa", "ur", "ug", "sd", "fa-latn"),
    "Hebrew": ("he",),
    "Devanagari": ("hi", "mr", "ne", "kok"),
    "Bengali": ("bn", "as", "bpy"),
    "Gurmukhi": ("pa",),
    "Gujarati": ("gu",),
    "Oriya": ("or",),
    "Tamil": ("ta",),
    "Telugu": ("te",),
    "Kannada": ("kn",),
    "Malayalam": ("ml",),
    "Sinhala": ("si",),
    "Thai": ("th",),
    "Myanmar": ("my", "shn"),
    "Armenian": ("hy", "hyw"),
    "Georgian": ("ka",),
    "Ethiopic": ("am", "ti"),
    "Shavian": ("en-shaw", "en-gb", "en-us"),
}  # fmt: skip
"""Scripts other than Latin, by the start of their Unicode names, with the voices that read them, tried one by one."""

SPELLS_LATIN = frozenset({"ba", "cv", "hyw", "ja", "kok", "ky", "my", "nog", "shn", "ti"})
"""Voices that spell Latin words letter by letter; all others read them, many by English rules."""

_PHONEMES = re.compile(r"\[\[.*?\]\]", re.DOTALL)


def check_characters(text: str) -> None:
    """Refuse what is no text: nothing at all, or characters that espeak-ng takes for commands.

    Raises:
        InputError: if the text is blank or holds control characters or halves of characters.
    """
    if not text.strip():
        raise InputError("There is no text to speak: write at least one word.")
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs") and character not in "\t\n\v\f\r\x85":
            raise InputError(f"The text holds the unspeakable character U+{ord(character):04X}: remove it.")


def scripts_in(text: str) -> dict[str, str]:
    """The scripts of a text's letters, Latin included, each with the first word in it, in order of appearance.

    One Greek letter in a word is a symbol that every voice can name, so it does not count.
    """
    found: dict[str, str] = {}
    for word in re.findall(r"[^\W\d_]+", unicodedata.normalize("NFKC", text)):
        scripts = [script for script in map(_script, word) if script]
        for script in scripts:
            if not (script == "Greek" and scripts.count(script) == 1):
                found.setdefault(script, word)
    return found


def check_scripts(text: str, *, voice: str, phonemes: bool = False) -> None:
    """Refuse text in a script that the voice does not read; with `phonemes`, `[[...]]` is left out of account.

    Raises:
        InputError: naming the script, a word in it and the voices that read it.
    """
    found = scripts_in(_PHONEMES.sub(" ", text) if phonemes else text)
    own = [script for script, voices in VOICES_OF_SCRIPT.items() if voice in voices]
    for script, word in found.items():
        if script == "Latin":
            if voice in SPELLS_LATIN and not any(name in found for name in own):
                raise InputError(
                    f'The voice {voice} would spell "{word[:20]}" letter by letter: write in {" or ".join(own)} '
                    "letters, or choose another voice."
                )
        elif script not in own:
            raise InputError(
                f'The voice {voice} does not speak {script} letters ("{word[:20]}"): {_advice(script, voice)}'
            )


def _script(character: str) -> str | None:
    """`Latin`, a key of `VOICES_OF_SCRIPT` or another script's name; None for marks that belong to many scripts."""
    if unicodedata.category(character) == "Lm":
        return None
    name = unicodedata.name(character, "").partition(" ")[0].capitalize()
    return _CHINESE if name == "Cjk" else name or None


def _advice(script: str, voice: str) -> str:
    if script == _CHINESE and voice in ("ja", "ko"):
        return f"write the word in {'Hiragana' if voice == 'ja' else 'Hangul'}, or choose the voice cmn for Chinese."
    readers = VOICES_OF_SCRIPT.get(script, ())
    if not readers:
        return "no voice of espeak-ng does; write the text in another script."
    return f"choose {_either(readers[:6])}, or write the text in the script of the voice's language."


def _either(voices: Sequence[str]) -> str:
    if len(voices) == 1:
        return f"the voice {voices[0]}"
    return f"one of the voices {', '.join(voices[:-1])} or {voices[-1]}"
