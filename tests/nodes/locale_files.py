"""The files in `locales/`: what ComfyUI's page shows of the nodes in each language.

A string is found by its place: the file it is in, then the keys inside, such as
`("nodeDefs", "VloggerLoadMotion", "inputs", "motion", "tooltip")`.
"""

import json
from collections.abc import Iterable
from typing import Any

from tests.comfyui.client import PROJECT

Place = tuple[str, ...]
Strings = dict[Place, str]

LOCALES = PROJECT / "locales"
TRANSLATIONS = ("zh", "ja", "ko")
FILES = ("main", "nodeDefs")
PACK_CATEGORY = "VLOGGER"


def strings_of(nodes: Iterable[Any]) -> Strings:
    """What the nodes say, which is the English file. The page has no place for the options of a combo."""
    said: Strings = {}
    for node in nodes:
        schema = node.GET_SCHEMA()
        for category in schema.category.split("/"):
            if category != PACK_CATEGORY:
                said["main", "nodeCategories", category] = category
        place = ("nodeDefs", schema.node_id)
        said[(*place, "display_name")] = schema.display_name
        said[(*place, "description")] = schema.description
        sockets = [("inputs", each.id, each) for each in schema.inputs]
        sockets += [("outputs", str(index), each) for index, each in enumerate(schema.outputs)]
        for side, key, socket in sockets:
            said[(*place, side, key, "name")] = socket.display_name or socket.id
            if socket.tooltip:
                said[(*place, side, key, "tooltip")] = socket.tooltip
    return said


def read_strings(language: str) -> Strings:
    strings: Strings = {}
    for file in FILES:
        path = LOCALES / language / f"{file}.json"
        if path.is_file():
            strings |= _flat(json.loads(path.read_text(encoding="utf-8")), (file,))
    return strings


def write_strings(language: str, strings: Strings) -> None:
    folder = LOCALES / language
    folder.mkdir(parents=True, exist_ok=True)
    for file in FILES:
        tree: dict[str, Any] = {}
        for (first, *between, last), words in strings.items():
            if first == file:
                branch = tree
                for key in between:
                    branch = branch.setdefault(key, {})
                branch[last] = words
        text = json.dumps(tree, ensure_ascii=False, indent=2)
        (folder / f"{file}.json").write_text(f"{text}\n", encoding="utf-8")


def rewrite(said: Strings) -> None:
    """Write `said` as English; the other languages keep what still translates it and lose the rest.

    What the same words mean elsewhere, as in the widgets that many nodes have, is taken over to a new place.
    """
    before = read_strings("en")
    for language in TRANSLATIONS:
        translated = read_strings(language)
        elsewhere = {
            _meaning(place, words): translated[place] for place, words in before.items() if place in translated
        }
        kept: Strings = {}
        for place, words in said.items():
            if place in translated and before.get(place) == words:
                kept[place] = translated[place]
            elif (meaning := _meaning(place, words)) in elsewhere:
                kept[place] = elsewhere[meaning]
        write_strings(language, kept)
    write_strings("en", said)


def _meaning(place: Place, words: str) -> tuple[str, str, str]:
    """The same word as a category, as a name and in a text are three things."""
    return place[0], place[-1], words


def _flat(tree: dict[str, Any], place: Place) -> Strings:
    strings: Strings = {}
    for key, value in tree.items():
        strings |= _flat(value, (*place, key)) if isinstance(value, dict) else {(*place, key): value}
    return strings
