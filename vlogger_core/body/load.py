"""Loads whichever body is asked for."""

from __future__ import annotations

from pathlib import Path

from ..progress import Progress, silent
from .protocol import BodyModel


def load_body(smplx: Path | None = None, *, num_betas: int | None = None, progress: Progress = silent) -> BodyModel:
    """The embedded Anny, or SMPL-X from the user's file; see `load_anny` and `load_smplx`.

    Args:
        smplx: a `SMPLX_{NEUTRAL,MALE,FEMALE}.npz`; None is Anny.
        num_betas: length of SMPL-X's shape code; see `load_smplx`. Anny has one length only.
    """
    if smplx is None:
        from .anny_model import load_anny

        return load_anny(progress)
    from .smplx_load import load_smplx

    return load_smplx(smplx, num_betas=num_betas, progress=progress)
