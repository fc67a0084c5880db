"""Every function of the core runs under jaxtyping and beartype here, so a wrong shape fails where it is made."""

from pathlib import Path

import pytest
from jaxtyping import install_import_hook

install_import_hook("vlogger_core", "typecheck.check")


@pytest.fixture(scope="session")
def samples() -> Path:
    """Real photos, voices and clips; the tests that look at them skip where they are not at hand."""
    folder = Path(__file__).parents[2] / "shared" / "samples"
    if not folder.is_dir():
        pytest.skip(f"no sample media at {folder}")
    return folder
