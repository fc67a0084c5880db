"""Shards of the video corpus: tar files of numbered samples, as WebDataset reads them."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

from ..errors import InputError
from .video_sample import Sample


class ShardWriter:
    """A shard that appears under its name only when it is complete."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._partial = path.with_suffix(".partial")
        self._file = tarfile.open(self._partial, "w")  # noqa: SIM115
        self._count = 0

    def add(self, sample: Sample) -> None:
        for ending, data in sample.to_files().items():
            # No times and owners: the same samples are the same bytes.
            member = tarfile.TarInfo(f"{self._count:05d}.{ending}")
            member.size = len(data)
            self._file.addfile(member, io.BytesIO(data))
        self._count += 1

    def finish(self) -> int:
        """Put it in its place; returns its size in bytes."""
        self._file.close()
        os.replace(self._partial, self.path)
        return self.path.stat().st_size

    def abandon(self) -> None:
        """Throw it away."""
        self._file.close()
        self._partial.unlink(missing_ok=True)


def list_shard(path: Path) -> list[tuple[str, int]]:
    """Kind and number of frames of each sample, without reading the pictures.

    Raises:
        InputError: if it is no shard.
    """
    try:
        with tarfile.open(path, "r:") as file:
            told = []
            for member in file:
                if member.name.endswith(".json"):
                    content = file.extractfile(member)
                    assert content is not None
                    info = json.loads(content.read())
                    told.append((str(info["kind"]), int(info["frames"])))
            return told
    except (tarfile.TarError, ValueError, KeyError, TypeError) as error:
        raise _no_shard(path, error) from error


def read_shard(path: Path) -> Iterator[Sample]:
    """The samples of a shard in order, one in memory at a time.

    Raises:
        InputError: if it is no shard.
    """
    try:
        with tarfile.open(path, "r:") as file:
            name, files = "", {}
            for member in file:
                if not member.isfile():
                    continue
                stem, _, ending = member.name.partition(".")
                if stem != name and files:
                    yield Sample.from_files(files, f"{path}: {name}")
                    files = {}
                content = file.extractfile(member)
                assert content is not None
                name, files[ending] = stem, content.read()
            if files:
                yield Sample.from_files(files, f"{path}: {name}")
    except tarfile.TarError as error:
        raise _no_shard(path, error) from error


def _no_shard(path: Path, error: Exception) -> InputError:
    return InputError(f"{path} is no shard of the video corpus ({error}): delete it and make it anew.")
