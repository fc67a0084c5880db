import pytest
import torch

from vlogger_core.datatypes import TimedLabel
from vlogger_core.speech.phone_times import phones_of_symbols, spread_words, words_of_symbols


def symbols(text: str) -> list[TimedLabel]:
    return [TimedLabel(text=symbol, start_s=index / 10, end_s=(index + 1) / 10) for index, symbol in enumerate(text)]


def test_marks_join_their_phones() -> None:
    phones = phones_of_symbols(symbols("^pˈiː, ɔ̃$"))
    assert [phone.text for phone in phones] == ["p", "ˈiː", "ɔ̃"]
    assert (phones[1].start_s, phones[1].end_s) == (0.2, 0.5)


def test_words_are_parted_by_spaces() -> None:
    words = words_of_symbols("Hi, you!", symbols("^haɪ, juː!$"))
    assert words is not None
    assert [(word.text, word.start_s, word.end_s) for word in words] == [("Hi", 0.1, 0.4), ("you", 0.6, 0.9)]


@pytest.mark.parametrize("sentence", ["23 men", "men", "..."])
def test_words_that_cannot_be_told_apart(sentence: str) -> None:
    assert words_of_symbols(sentence, symbols("twɛnti θriː mɛn")) is None


def test_words_are_spread_over_what_is_heard() -> None:
    samples = torch.zeros(3000)
    samples[1000:2000] = 0.5
    words = spread_words("a ab!", samples, 1000)
    assert [(word.text, word.start_s, word.end_s) for word in words] == [("a", 1.0, 1.4), ("ab", 1.4, 2.0)]
    assert spread_words("a", torch.zeros(10), 1000) == ()
    assert spread_words("...", samples, 1000) == ()
