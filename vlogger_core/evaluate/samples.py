"""The media that evaluations look at: any folder in the layout of the project's samples."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError

DEFAULT_DATA = Path(__file__).resolve().parents[3] / "shared" / "samples"
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
SOUNDS = (".wav", ".flac", ".ogg", ".mp3", ".opus", ".m4a")
CLIPS = (".mp4", ".mpg", ".mpeg", ".mov", ".mkv", ".webm", ".avi", ".m4v")
NO_HUMAN, PAINTING = "nohuman", "painting"
"""Words in the names of portraits: of no human being, to be refused; of a painting, told but not counted."""
LAYOUT = (
    "Give --data a folder that holds portraits/ with photos of one person each (names with 'nohuman' show none, names "
    "with 'painting' a painted one), video/ with clips of one talking person each, speech/ with recordings (names with "
    "'noisy' and 'singing' say so) and face_motion/ with recordings and the captured face of each."
)


@dataclass(frozen=True, kw_only=True)
class Samples:
    """A folder with `portraits/`, `video/` and others beside them, each of which may be missing until asked for."""

    root: Path

    @staticmethod
    def open(root: Path | None) -> Samples:
        """
        Raises:
            InputError: if there is no such folder.
        """
        root = DEFAULT_DATA if root is None else root
        if not root.is_dir():
            raise InputError(f"There is no folder {root} with media to evaluate on. {LAYOUT}")
        return Samples(root=root)

    def portraits(self) -> list[Path]:
        """Pictures in `portraits/`, by name."""
        return self._files("portraits", PICTURES, "photos")

    def clips(self) -> list[Path]:
        """Videos in `video/`, by name."""
        return self._files("video", CLIPS, "clips")

    def speech(self) -> list[Path]:
        """Sounds in `speech/`, by name."""
        return self._files("speech", SOUNDS, "recordings of speech")

    def _files(self, folder: str, endings: tuple[str, ...], what: str) -> list[Path]:
        path = self.root / folder
        found = sorted(p for p in path.iterdir() if p.suffix.lower() in endings) if path.is_dir() else []
        if not found:
            raise InputError(f"There are no {what} in {path}. {LAYOUT}")
        return found


def shows_nobody(portrait: Path) -> bool:
    return NO_HUMAN in portrait.stem.lower()


def is_painting(portrait: Path) -> bool:
    return PAINTING in portrait.stem.lower()
