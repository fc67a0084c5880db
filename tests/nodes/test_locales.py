"""`locales/` says in every language what the nodes say."""

import asyncio
import os
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.nodes import locale_files
from tests.nodes.locale_files import TRANSLATIONS, Strings, read_strings, rewrite, strings_of, write_strings

REWRITE = "REWRITE_LOCALES"
COMMAND = f"{REWRITE}=1 .venv/bin/python -m pytest tests/nodes/test_locales.py"
SCRIPTS = {"zh": r"[\u4e00-\u9fff]", "ja": r"[\u3041-\u30ff\u4e00-\u9fff]", "ko": r"[\uac00-\ud7a3]"}
FOREIGN = {"zh": r"[\u3041-\u30fa\uac00-\ud7a3]", "ja": r"[\uac00-\ud7a3]", "ko": r"[\u3041-\u30fa\u4e00-\u9fff]"}
SAME_IN_EVERY_LANGUAGE = {"SSML"}
# Numbers, paths and endings of files.
FACTS = re.compile(r"\d+(?:\.\d+)?|models/[\w/]*\w|\.(?:safetensors|onnx\.json|onnx|bvh|npz|srt)\b", re.ASCII)
# What vue-i18n, which prints these strings, takes for placeholders, links and plurals.
SYNTAX = re.compile(r"[{}@|]")

every_language = pytest.mark.parametrize("language", TRANSLATIONS)


@pytest.fixture(scope="module")
def nodes(pack: ModuleType) -> list[Any]:
    extension = pack.VloggerExtension()
    asyncio.run(extension.on_load())
    return asyncio.run(extension.get_node_list())


@pytest.fixture(scope="module", autouse=True)
def rewritten(nodes: list[Any]) -> None:
    if os.environ.get(REWRITE):
        rewrite(strings_of(nodes))


@pytest.fixture(scope="module")
def english() -> Strings:
    return read_strings("en")


def test_english_is_what_the_nodes_say(nodes: list[Any], english: Strings) -> None:
    said = strings_of(nodes)
    changed = [place for place in {**english, **said} if said.get(place) != english.get(place)]
    assert not changed, (
        f"The nodes say something else than locales/en.\n{listed(changed, said)}\n"
        f"Write it anew, which drops the translations of what has changed:\n    {COMMAND}\n"
        "Then translate what is missing."
    )


@every_language
def test_everything_is_translated(english: Strings, language: str) -> None:
    translated = read_strings(language)
    missing = [place for place in english if place not in translated]
    outdated = [place for place in translated if place not in english]
    assert not missing, f"locales/{language} lacks {len(missing)} strings:\n{listed(missing, english)}"
    assert not outdated, (
        f"No node has these strings of locales/{language}. Drop them:\n    {COMMAND}\n{listed(outdated)}"
    )


@every_language
def test_nothing_is_left_in_english(english: Strings, language: str) -> None:
    translated = read_strings(language)
    wrong = [
        place
        for place, words in translated.items()
        if words not in SAME_IN_EVERY_LANGUAGE
        and (not re.search(SCRIPTS[language], words) or re.search(FOREIGN[language], words))
    ]
    assert not wrong, f"Not {language}:\n{listed(wrong, translated)}"


@pytest.mark.parametrize("language", ["en", *TRANSLATIONS])
def test_the_page_can_print_every_string(language: str) -> None:
    strings = read_strings(language)
    wrong = [place for place, words in strings.items() if not words.strip() or SYNTAX.search(words)]
    assert not wrong, f"Empty, or with one of the characters of vue-i18n:\n{listed(wrong, strings)}"
    names = [words for place, words in strings.items() if place[-1] == "display_name"]
    assert len(set(names)) == len(names)
    assert all(name.startswith("VLOGGER ") for name in names)


@every_language
def test_numbers_files_and_lines_stay(english: Strings, language: str) -> None:
    translated = read_strings(language)
    wrong = [
        place
        for place, words in translated.items()
        if place in english
        and place[-1] in ("tooltip", "description")
        and (
            not set(FACTS.findall(english[place])) <= set(FACTS.findall(words))
            or words.count("\n") != english[place].count("\n")
        )
    ]
    assert not wrong, f"Something is lost in {language}:\n{listed(wrong, translated)}"


@every_language
def test_options_are_called_as_the_page_shows_them(nodes: list[Any], language: str) -> None:
    translated = read_strings(language)
    for node in nodes:
        schema = node.GET_SCHEMA()
        for each in schema.inputs:
            for option in getattr(each, "options", None) or []:
                if f"{option}: " in each.tooltip:
                    place = ("nodeDefs", schema.node_id, "inputs", each.id, "tooltip")
                    assert option in translated.get(place, option), f"{'.'.join(place)} does not tell of {option}"


@every_language
def test_nodes_are_called_by_their_translated_names(english: Strings, language: str) -> None:
    translated = read_strings(language)
    both = [place for place in english if place in translated]
    names = {
        without_bracket(english[place]): without_bracket(translated[place])
        for place in both
        if place[-1] == "display_name"
    }
    for place in both:
        for name, translated_name in names.items():
            if re.search(rf"{name}\b", english[place]):
                assert translated_name in translated[place], f"{'.'.join(place)} does not name {translated_name}"


def test_rewriting_drops_only_what_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locale_files, "LOCALES", tmp_path)
    seed, same, gone = (("nodeDefs", node, "inputs", "seed", "tooltip") for node in ("A", "B", "C"))
    write_strings("en", {seed: "Same seed.", gone: "Steps."})
    write_strings("ja", {seed: "同じシード。", gone: "ステップ。"})
    said = {seed: "Same seed.", same: "Same seed.", gone: "Other steps."}
    rewrite(said)
    assert read_strings("en") == said
    assert read_strings("ja") == {seed: "同じシード。", same: "同じシード。"}
    assert read_strings("zh") == {}


def without_bracket(name: str) -> str:
    """`Body Fitter (SMPL-X)` is spoken of as `Body Fitter`."""
    return re.sub(r"\s*[(（].*", "", name)


def listed(places: list[tuple[str, ...]], strings: Strings | None = None) -> str:
    return "\n".join(f"    {'.'.join(place)}: {(strings or {}).get(place, '')}" for place in places)
