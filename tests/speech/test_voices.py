from collections.abc import Iterator

import pytest

from vlogger_core.errors import InputError
from vlogger_core.speech import Espeak
from vlogger_core.speech.scripts import SPELLS_LATIN, VOICES_OF_SCRIPT
from vlogger_core.speech.voices import VoiceCatalogue


@pytest.fixture(scope="module")
def espeak() -> Iterator[Espeak]:
    with Espeak(shared_process=True) as espeak:
        yield espeak


@pytest.fixture(scope="module")
def catalogue(espeak: Espeak) -> VoiceCatalogue:
    return espeak._read_catalogue()


def test_voices_have_code_name_gender_and_age(espeak: Espeak) -> None:
    voices = {voice.code: voice for voice in espeak.voices()}
    assert len(voices) > 130
    assert {"en-us", "en-gb", "de", "cmn", "yue", "yue-latn-jyutping"} <= voices.keys()
    assert voices["en-us"].name == "English (America)"
    assert not {"fo", "kaa", "xex"} & voices.keys()
    variants = {voice.code: voice for voice in espeak.variants()}
    assert len(variants) > 90
    assert variants["f3"].gender == "female"
    assert variants["m3"].gender == "male"
    assert variants["grandma"].age == 90


def test_every_voice_of_a_script_exists(espeak: Espeak) -> None:
    codes = {voice.code for voice in espeak.voices()}
    assert {voice for voices in VOICES_OF_SCRIPT.values() for voice in voices} <= codes
    assert codes >= SPELLS_LATIN


@pytest.mark.parametrize(
    ("asked", "code", "identifier"),
    [
        ("en-us", "en-us", "gmw/en-US"),
        ("EN_US+F3", "en-us", "gmw/en-US+f3"),
        ("en-gb", "en-gb", "gmw/en"),
        ("en", "en-gb", "gmw/en"),
        ("fr", "fr-fr", "roa/fr"),
        ("zh", "cmn", "sit/cmn"),
        ("de+mr serious", "de", "gmw/de+Mr serious"),
    ],
)
def test_names_are_found(catalogue: VoiceCatalogue, asked: str, code: str, identifier: str) -> None:
    assert catalogue.resolve(asked) == (code, identifier)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("en-usa", 'no voice "en-usa". Did you mean en-us'),
        ("frnch", "Did you mean .*fr-fr"),
        ("german", r"Did you mean de \(German\)"),
        ("zz", "Choose a code such as en-us"),
        ("", "Choose a code such as en-us"),
        ("en-us+ff3", r'no voice variant "ff3".* Did you mean f3'),
        ("en-us+", "Choose one such as f2"),
        ("fo", 'no voice "fo"'),
    ],
)
def test_unknown_names_are_refused_with_the_closest(catalogue: VoiceCatalogue, asked: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        catalogue.resolve(asked)
