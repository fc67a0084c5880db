"""What the repository ships: the character, its sentence, and what it can make of them."""

from pathlib import Path

ASSETS = Path(__file__).parent.parent / "assets"
PORTRAIT = ASSETS / "character" / "portrait.png"
SENTENCE = ASSETS / "character" / "sentence.txt"
CLIP = ASSETS / "character" / "clip.mp4"
"""The portrait saying another sentence, as `generate --size 360 --blinks 35 --head 1.2 --seed 5` filmed it."""
QUALITIES = ("preview", "video")
"""The photo carried by the body, in seconds; or what the video model makes of it, in minutes."""
DEFAULT_QUALITY = QUALITIES[1]


def example_sentence() -> str:
    """What the shipped character says."""
    return SENTENCE.read_text(encoding="utf-8").strip()
