"""Binary glTF 2.0 files, piece by piece (Khronos, glTF 2.0 specification, 2021)."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np

_COMPONENTS = {"uint8": 5121, "uint16": 5123, "uint32": 5125, "float32": 5126}
_KINDS = {(): "SCALAR", (2,): "VEC2", (3,): "VEC3", (4,): "VEC4", (4, 4): "MAT4"}
_MAGIC, _JSON, _BINARY = 0x46546C67, 0x4E4F534A, 0x004E4942
VERTICES, INDICES = 34962, 34963
"""What a buffer view holds for the graphics card."""


class GltfFile:
    """Collects arrays and objects; what refers to what goes by the numbers that `add` and the others give back."""

    def __init__(self, **asset: str) -> None:
        self._document: dict[str, Any] = {"asset": {"version": "2.0", **asset}, "scene": 0}
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, group: str, **entry: Any) -> int:
        """Append to one of the document's lists, such as `nodes`."""
        entries = self._document.setdefault(group, [])
        entries.append(entry)
        return len(entries) - 1

    def view(self, data: bytes, **entry: Any) -> int:
        """Bytes of the buffer, at a multiple of 4."""
        place = {"buffer": 0, "byteOffset": self._size, "byteLength": len(data), **entry}
        padded = data + b"\0" * (-len(data) % 4)
        self._pieces.append(padded)
        self._size += len(padded)
        return self.add("bufferViews", **place)

    def array(self, values: np.ndarray, *, target: int | None = None, **entry: Any) -> int:
        """An accessor of scalars [n], vectors [n c] or matrices [n 4 4]."""
        kind = self._kind(values)
        rows = values.swapaxes(1, 2) if values.ndim == 3 else values  # Matrices go by columns.
        view = self.view(_little_endian(rows), **({} if target is None else {"target": target}))
        return self.add("accessors", bufferView=view, **kind, **entry)

    def bounded(self, values: np.ndarray, *, target: int | None = None) -> int:
        """As `array`, with the least and the greatest value, which positions and times must have."""
        return self.array(values, target=target, **_bounds(values))

    def sparse(self, rows: np.ndarray, values: np.ndarray, count: int) -> int:
        """Vectors [count c] that are 0 but in some rows, given in ascending order."""
        if not len(rows):  # There must be one.
            rows, values = np.zeros(1, np.int64), np.zeros((1, values.shape[1]), values.dtype)
        numbers = rows.astype(np.uint16 if count <= 1 << 16 else np.uint32)
        entry = {
            "count": len(rows),
            "indices": {
                "bufferView": self.view(_little_endian(numbers)),
                "componentType": _COMPONENTS[numbers.dtype.name],
            },
            "values": {"bufferView": self.view(_little_endian(values))},
        }
        whole = values if len(rows) == count else np.concatenate((values, np.zeros_like(values[:1])))
        return self.add("accessors", **{**self._kind(values), "count": count}, **_bounds(whole), sparse=entry)

    def to_bytes(self) -> bytes:
        """The file."""
        binary = b"".join(self._pieces)
        document = {**self._document, "buffers": [{"byteLength": len(binary)}]}
        text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
        text += b" " * (-len(text) % 4)
        length = 12 + 8 + len(text) + 8 + len(binary)
        return b"".join(
            (
                struct.pack("<III", _MAGIC, 2, length),
                struct.pack("<II", len(text), _JSON),
                text,
                struct.pack("<II", len(binary), _BINARY),
                binary,
            )
        )

    @staticmethod
    def _kind(values: np.ndarray) -> dict[str, Any]:
        return {
            "componentType": _COMPONENTS[values.dtype.name],
            "count": len(values),
            "type": _KINDS[values.shape[1:]],
        }


def _little_endian(values: np.ndarray) -> bytes:
    return np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<")).tobytes()


def _bounds(values: np.ndarray) -> dict[str, list[float]]:
    rows = values.reshape(len(values), -1)
    return {"min": rows.min(0).tolist(), "max": rows.max(0).tolist()}
