"""Loops that numba compiles."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any
from zlib import crc32

import numba


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Without the interpreter's lock; kept on disk where numba finds a folder that it may write to."""
    # What is kept names the package as it was imported, which ComfyUI does under a name of its own: one file each.
    function.__qualname__ += f"_{crc32(function.__module__.encode()):08x}"
    try:
        return numba.njit(function, nogil=True, error_model="numpy", cache=True)
    except RuntimeError as error:
        logging.getLogger(__name__).warning("The numba rasteriser is compiled anew in every session: %s.", error)
        return numba.njit(function, nogil=True, error_model="numpy")
