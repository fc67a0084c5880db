from collections.abc import Iterator
from pathlib import Path

import pytest
from synthetic_smplx import write_synthetic

from vlogger_core.body.smplx_load import load_smplx
from vlogger_core.body.smplx_model import SmplxBody


@pytest.fixture(scope="session")
def smplx_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A humanoid SMPL-X file of full size."""
    path = write_synthetic(tmp_path_factory.mktemp("smplx") / "SMPLX_NEUTRAL.npz")
    yield path
    path.unlink()


@pytest.fixture(scope="session")
def smplx_body(smplx_file: Path) -> SmplxBody:
    return load_smplx(smplx_file)
