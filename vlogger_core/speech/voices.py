"""The voices of espeak-ng and how the name of one is found."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import InputError

WITHOUT_DICTIONARY = frozenset({"fo", "kaa", "xex"})
"""Languages that espeak-ng 1.52 lists without carrying their dictionary; it would read them by no rules at all."""

_GENDERS = {1: "male", 2: "female"}


@dataclass(frozen=True, kw_only=True)
class Voice:
    """A language that espeak-ng speaks, or a variant that changes the timbre of any language."""

    code: str
    """A language such as `en-us`; a variant such as `f3` follows a plus sign, as in `en-us+f3`."""
    name: str
    gender: str
    """`male`, `female` or empty."""
    age: int | None
    """Years, where the voice says so."""


class VoiceCatalogue:
    """What one installation of espeak-ng offers, from its own lists."""

    def __init__(self, languages: Iterable[Mapping[str, Any]], variants: Iterable[Mapping[str, Any]]) -> None:
        self.languages: dict[str, Voice] = {}
        self.variants: dict[str, Voice] = {}
        self._identifiers: dict[str, str] = {}
        ranked_aliases: dict[str, tuple[int, str]] = {}
        for record in languages:
            code = record["languages"][0][1].lower()
            file_name = record["identifier"].rpartition("/")[2].lower()
            if code in WITHOUT_DICTIONARY or record["identifier"].startswith("mb/"):
                continue
            if code in self.languages:  # Two writings of one language, such as Cantonese in Jyutping.
                code = file_name
            self.languages[code] = _voice(code, record)
            self._identifiers[code] = record["identifier"]
            for priority, alias in [*record["languages"], [255, file_name]]:
                best = ranked_aliases.setdefault(alias.lower(), (priority, code))
                if priority < best[0]:
                    ranked_aliases[alias.lower()] = (priority, code)
        self._aliases = {alias: code for alias, (_, code) in ranked_aliases.items()}
        for record in variants:
            code = record["identifier"].rpartition("/")[2]
            self.variants[code] = _voice(code, record)

    def resolve(self, voice: str) -> tuple[str, str]:
        """The language code of a voice such as `en-US+f3`, and the name under which espeak-ng loads it.

        Raises:
            InputError: if there is no such language or variant; names the closest ones.
        """
        wanted, plus, wanted_variant = voice.strip().partition("+")
        code = wanted.strip().lower().replace("_", "-")
        code = code if code in self.languages else self._aliases.get(code, "")
        if not code:
            hint = _suggest(wanted, self.languages.values()) or " Choose a code such as en-us, de, fr-fr, es or cmn."
            raise InputError(f'There is no voice "{wanted}".{hint}')
        if not plus:
            return code, self._identifiers[code]
        same_case = {name.lower(): name for name in self.variants}
        variant = same_case.get(wanted_variant.strip().lower())
        if variant is None:
            hint = _suggest(wanted_variant, self.variants.values()) or " Choose one such as f2, f3, m3 or m7."
            raise InputError(f'There is no voice variant "{wanted_variant}" to follow "{wanted}+".{hint}')
        return code, f"{self._identifiers[code]}+{variant}"


def _voice(code: str, record: Mapping[str, Any]) -> Voice:
    return Voice(code=code, name=record["name"], gender=_GENDERS.get(record["gender"], ""), age=record["age"] or None)


def _suggest(wanted: str, voices: Iterable[Voice]) -> str:
    """A sentence with the voices whose code or name begins as wanted, then those with one that is close."""
    wanted = wanted.strip().lower()
    by_key: dict[str, list[Voice]] = {}
    for voice in voices:
        for key in {voice.code.lower(), voice.name.lower(), voice.name.lower().partition(" ")[0]}:
            by_key.setdefault(key, []).append(voice)
    keys = [key for key in by_key if len(wanted) > 1 and key.startswith(wanted)]
    keys += difflib.get_close_matches(wanted, by_key, n=4, cutoff=0.6)
    close = list(dict.fromkeys(f"{voice.code} ({voice.name})" for key in keys for voice in by_key[key]))[:5]
    return f" Did you mean {', '.join(close)}?" if close else ""
