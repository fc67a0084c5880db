import pytest

from vlogger_core.errors import InputError
from vlogger_core.speech.scripts import check_characters, check_scripts, scripts_in


def test_scripts_are_found_with_their_first_word() -> None:
    assert scripts_in("Say Привет to 你好世界 and こんにちは") == {
        "Latin": "Say",
        "Cyrillic": "Привет",
        "Chinese": "你好世界",
        "Hiragana": "こんにちは",
    }


@pytest.mark.parametrize("text", ["Δt of α is 5 µm, ½ º ʰ", "café naïve ﬁne ＡＢ 𝐇", "12 + 3 = 15 😀 €"])
def test_symbols_and_accents_are_latin_text(text: str) -> None:
    check_scripts(text, voice="en-us")


@pytest.mark.parametrize(
    ("text", "voice"),
    [
        ("Привет, world", "ru"),
        ("добар дан", "sr"),
        ("你好 OK", "cmn"),
        ("ニュースです。NHK", "ja"),
        ("안녕하세요", "ko"),
    ],
)
def test_a_voice_reads_its_own_script_and_latin(text: str, voice: str) -> None:
    check_scripts(text, voice=voice)


@pytest.mark.parametrize(
    ("text", "voice", "message"),
    [
        ("Hello 你好", "en-us", r'en-us does not speak Chinese letters \("你好"\): choose one of the voices cmn'),
        ("Привет мир", "de", r"de does not speak Cyrillic letters .* ru, uk"),
        ("Καλημέρα", "en-us", r"Greek letters .* el or grc"),
        ("שלום", "ar", r"ar does not speak Hebrew letters .* choose the voice he"),
        ("日本です", "ja", r"ja does not speak Chinese letters .* write the word in Hiragana"),
        ("hello", "ja", r'ja would spell "hello" letter by letter: write in Hiragana or Katakana'),
        ("བོད", "en-us", r"Tibetan letters .* no voice of espeak-ng does"),
    ],
)
def test_other_scripts_are_refused_with_advice(text: str, voice: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_scripts(text, voice=voice)


def test_phonemes_are_left_out_of_account() -> None:
    check_scripts("Say [[α你]] now", voice="en-us", phonemes=True)
    with pytest.raises(InputError, match="Chinese"):
        check_scripts("Say [[α你]] now", voice="en-us")


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "no text to speak"), (" \n\t", "no text to speak"), ("a\0b", r"U\+0000"), ("\ud800", r"U\+D800")],
)
def test_what_is_no_text_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_characters(text)
