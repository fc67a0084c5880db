from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_speech(samples: Path) -> list[Path]:
    """Recordings of people, which are not part of the project."""
    return sorted(path for path in (samples / "speech").iterdir() if path.suffix in (".ogg", ".flac"))
