import pytest

from vlogger_core.speech.sentences import split_sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Hello. Wait!  Why? It is: one.", ["Hello.", "Wait!", "Why?", "It is: one."]),
        ('He said: "Go home." Then he left.', ['He said: "Go home."', "Then he left."]),
        ("I met Dr. Smith and J. Doe at 5.30 p.m. yesterday.", ["I met Dr. Smith and J. Doe at 5.30 p.m. yesterday."]),
        ("Wait... what? Yes.", ["Wait... what?", "Yes."]),
        ("你好。再见！走吧", ["你好。", "再见！", "走吧"]),
        ("Привет. Как дела?", ["Привет.", "Как дела?"]),
        ("नमस्ते। आप कैसे हैं?", ["नमस्ते।", "आप कैसे हैं?"]),
        ("A title\n\nA paragraph", ["A title", "A paragraph"]),
        ("no end", ["no end"]),
        ("  \n ", []),
    ],
)
def test_sentences_end_where_a_reader_would_pause(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


@pytest.mark.parametrize("text", ["word " * 500, "字" * 500, "one, two, three " * 200, "x" * 500 + " " + "y" * 500])
def test_long_sentences_are_cut_without_loss(text: str) -> None:
    pieces = split_sentences(text, max_characters=100)
    assert max(map(len, pieces)) <= 100
    assert "".join("".join(pieces).split()) == "".join(text.split())


def test_phonemes_are_never_cut() -> None:
    block = "[[h@l'oU. A w'3:ld]]"
    pieces = split_sentences(f"{block} and. Then " * 20, max_characters=30)
    assert sum(piece.count(block) for piece in pieces) == 20
    assert split_sentences("[[" + "a " * 100 + "]]", max_characters=30) == ["[[" + "a " * 100 + "]]"]
