"""Where MediaPipe's 478 face landmarks lie on Anny: three base-mesh vertices and their weights for each."""

from __future__ import annotations

from pathlib import Path

from .landmark_table import LandmarkTable

ASSET = Path(__file__).resolve().parents[2] / "assets/body/anny_landmarks.safetensors"


def load_landmarks(path: Path = ASSET) -> LandmarkTable:
    """The shipped table, in base-mesh vertex numbers."""
    from safetensors.torch import load_file

    tensors = load_file(path)
    return LandmarkTable(
        vertices=tensors["vertices"].long(), barycentric=tensors["barycentric"], weight=tensors["weight"]
    )
