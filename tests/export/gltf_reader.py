"""What a viewer makes of a GLB file, from the file alone: the specification's skinning in numpy."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np

_TYPES = {5121: np.uint8, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


class GltfReader:
    def __init__(self, data: bytes) -> None:
        magic, version, length = struct.unpack("<4sII", data[:12])
        assert (magic, version, length) == (b"glTF", 2, len(data))
        size, kind = struct.unpack("<I4s", data[12:20])
        assert kind == b"JSON"
        self.document: dict[str, Any] = json.loads(data[20 : 20 + size])
        assert data[24 + size : 28 + size] == b"BIN\0"
        self.binary = data[28 + size :]
        self.nodes = self.document["nodes"]
        self.named = {node["name"]: i for i, node in enumerate(self.nodes)}

    def view(self, number: int, offset: int = 0) -> bytes:
        view = self.document["bufferViews"][number]
        return self.binary[view["byteOffset"] + offset : view["byteOffset"] + view["byteLength"]]

    def array(self, number: int) -> np.ndarray:
        accessor = self.document["accessors"][number]
        width, kind = _WIDTHS[accessor["type"]], _TYPES[accessor["componentType"]]
        if "bufferView" in accessor:
            values = np.frombuffer(self.view(accessor["bufferView"]), kind).reshape(-1, width).copy()
        else:
            values = np.zeros((accessor["count"], width), kind)
        if sparse := accessor.get("sparse"):
            kinds = _TYPES[sparse["indices"]["componentType"]]
            rows = np.frombuffer(self.view(sparse["indices"]["bufferView"]), kinds).astype(np.intp)
            values[rows] = np.frombuffer(self.view(sparse["values"]["bufferView"]), kind).reshape(-1, width)
        assert len(values) == accessor["count"]
        if "min" in accessor:
            np.testing.assert_allclose(values.min(0), accessor["min"], rtol=1e-6)
            np.testing.assert_allclose(values.max(0), accessor["max"], rtol=1e-6)
        return values

    @property
    def primitive(self) -> dict[str, Any]:
        return self.document["meshes"][0]["primitives"][0]

    def attribute(self, name: str) -> np.ndarray:
        return self.array(self.primitive["attributes"][name])

    def vertices(self, frame: int) -> np.ndarray:
        """The mesh in one frame of the animation."""
        poses = [
            [np.array(node.get("translation", (0, 0, 0))), np.array(node.get("rotation", (0, 0, 0, 1)))]
            for node in self.nodes
        ]
        animation = self.document["animations"][0]
        targets = self.primitive["targets"]
        weights = np.array(self.document["meshes"][0]["weights"])
        for channel in animation["channels"]:
            values = self.array(animation["samplers"][channel["sampler"]]["output"])
            node, path = channel["target"]["node"], channel["target"]["path"]
            if path == "weights":
                weights = values.reshape(-1, len(targets))[frame]
            else:
                poses[node][path == "rotation"] = values[frame]
        world = self._world(poses)
        skin = self.document["skins"][0]
        bind = self.array(skin["inverseBindMatrices"]).reshape(-1, 4, 4).swapaxes(1, 2)
        joints = np.array([world[node] for node in skin["joints"]]) @ bind
        shape = self.attribute("POSITION").astype(float)
        for weight, target in zip(weights, targets, strict=True):
            shape += weight * self.array(target["POSITION"])
        carriers, shares = self.attribute("JOINTS_0"), self.attribute("WEIGHTS_0")
        np.testing.assert_allclose(shares.sum(1), 1, atol=1e-5)
        blend = np.einsum("vi,vijk->vjk", shares, joints[carriers])
        return np.einsum("vjk,vk->vj", blend[:, :3, :3], shape) + blend[:, :3, 3]

    def _world(self, poses: list) -> dict[int, np.ndarray]:
        world: dict[int, np.ndarray] = {}

        def visit(node: int, above: np.ndarray) -> None:
            world[node] = above @ _matrix(*poses[node])
            for child in self.nodes[node].get("children", ()):
                visit(child, world[node])

        for root in self.document["scenes"][0]["nodes"]:
            visit(root, np.eye(4))
        return world


def _matrix(translation: np.ndarray, quat: np.ndarray) -> np.ndarray:
    x, y, z, w = quat / np.linalg.norm(quat)
    out = np.eye(4)
    out[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    out[:3, 3] = translation
    return out
