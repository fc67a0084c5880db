"""What the repository ships: the character, its sentence, the weights."""

from pathlib import Path

ASSETS = Path(__file__).parent.parent / "assets"
PORTRAIT = ASSETS / "character" / "portrait.png"
SENTENCE = ASSETS / "character" / "sentence.txt"


def example_sentence() -> str:
    """What the shipped character says."""
    return SENTENCE.read_text(encoding="utf-8").strip()
