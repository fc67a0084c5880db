"""Which espeak voices the model learns from and which it never hears before the test."""

from __future__ import annotations

from .sentences import WORDS

TRAINING_TIMBRES: tuple[str, ...] = (
    "", "f1", "f2", "f4", "m1", "m2", "m4", "m5", "m7", "m8", "klatt", "klatt2", "klatt4", "klatt6",
    "adam", "Andy", "Annie", "anika", "belinda", "boris", "caleb", "david", "ed", "grandma", "grandpa", "ian",
    "iven", "john", "Lee", "linda", "Marco", "max", "Michael", "Mike", "norbert", "paul", "quincy", "rob",
    "shelby", "steph", "travis", "victor", "zac", "Denis", "Gene", "Jacky",
)  # fmt: skip
"""espeak voice variants in training; "" is the language's own."""

HELD_OUT_TIMBRES: tuple[str, ...] = ("f3", "f5", "m3", "m6", "klatt3", "klatt5", "Alicia", "edward", "steph3", "robert")
"""Variants kept for validation and test, together with sentences of their own."""

LANGUAGES: tuple[str, ...] = tuple(WORDS)
_FOREIGN_READERS: tuple[str, ...] = ("en", "en-gb-scotland", "de", "es", "it", "nl", "sv", "pl", "id", "sw", "cs", "fi")


def espeak_voice(language: str, timbre: str) -> str:
    """espeak's name for a language spoken with a timbre."""
    return f"{language}+{timbre}" if timbre else language


def foreign_readers() -> tuple[str, ...]:
    """Languages whose voices also read the English list, for sounds English does not have."""
    return _FOREIGN_READERS
