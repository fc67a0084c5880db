"""A video on disk while it is made: what is finished stays, whatever happens to the run.

    manifest.json              what the video is, and which chunks are finished
    frames-000000.mkv, ...     the chunks: H.264 without loss, in RGB
    state-000064.safetensors   what the next chunk goes on from

H.264 without loss takes half the time and half the space of PNG files, because most of a talking person's picture
stands still, and any player shows it.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, UInt8
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ..errors import InputError, ToolError
from ..file_lock import try_lock, unlock
from .cascade import CascadeChunk, CascadeState
from .sampler import Frames, SamplerState

FORMAT, VERSION = "vlogger-run", 1
CHUNK_FRAMES = 32
"""A chunk on disk holds at least as many, but for the last one: the state takes more to write than some frames."""
_MANIFEST, _LOCK, _PARTIAL = "manifest.json", "lock", ".partial"
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_LOSSLESS = {"qp": "0", "preset": "ultrafast"}


class RunFolder:
    """The folder of one video. Made by `open_run`, which holds its lock."""

    def __init__(self, folder: Path, video: Mapping[str, Any]) -> None:
        self.folder, self._video = folder, video
        self._chunks: list[dict[str, Any]] = []
        with self._usable():
            found = (folder / _MANIFEST).is_file()
            if not found and any(path.name != _LOCK for path in folder.iterdir()):
                raise InputError(f"{folder} holds other files: choose a new folder for the run, or an empty one.")
        if found:
            self._chunks = self._read_manifest()
        self._tidy()

    @property
    def num_frames(self) -> int:
        """Of the whole video."""
        return self._video["frames"]

    @property
    def done(self) -> int:
        """Finished frames."""
        return sum(chunk["frames"] for chunk in self._chunks)

    def state(self) -> CascadeState | None:
        """What `cascade.sample_cascade` goes on from; None begins.

        Raises:
            InputError: if its file is missing or damaged.
        """
        if not self.done:
            return None
        path = self.folder / _state_name(self.done)
        try:
            return _read_state(path)
        except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
            raise self._unusable(f"{path.name} is missing or damaged") from error

    def record(self, chunks: Iterator[CascadeChunk]) -> Iterator[CascadeChunk]:
        """Hand chunks on, from frame `done`, and keep them: `CHUNK_FRAMES` or more at a time, and the rest at the end.

        Raises:
            InputError: if they cannot be written. What was finished before stays.
        """
        waiting: list[UInt8[Tensor, "t h w 3"]] = []
        for chunk in chunks:
            waiting.append(_to_pixels(chunk.frames))
            count = sum(len(frames) for frames in waiting)
            if count >= CHUNK_FRAMES or chunk.state.done == self.num_frames:
                self._keep(torch.cat(waiting), chunk.state)
                waiting = []
            yield chunk

    def frames(self) -> Iterator[Float[Tensor, "3 h w"]]:
        """All finished frames in order, one in memory at a time.

        Raises:
            InputError: if a chunk is missing or damaged.
        """
        for chunk in self._chunks:
            count = 0
            try:
                with av.open(str(self.folder / chunk["file"])) as container:
                    for frame in container.decode(video=0):
                        count += 1
                        pixels = torch.from_numpy(frame.to_ndarray(format="rgb24"))
                        yield rearrange(pixels, "h w c -> c h w").float() / 255
            except (av.error.FFmpegError, OSError) as error:
                raise self._unusable(f"{chunk['file']} is missing or damaged") from error
            if count != chunk["frames"]:
                raise self._unusable(f"{chunk['file']} holds {count} frames of {chunk['frames']}")

    def _keep(self, pixels: UInt8[Tensor, "t h w 3"], state: CascadeState) -> None:
        start = self.done
        name = f"frames-{start:06d}.mkv"
        with self._usable():
            self._write(name, _encode(pixels, Fraction(self._video["fps"])))
            self._write(_state_name(state.done), _state_bytes(state))
            chunks = [*self._chunks, {"file": name, "frames": len(pixels)}]
            manifest = {"format": FORMAT, "version": VERSION, "video": self._video, "chunks": chunks}
            self._write(_MANIFEST, json.dumps(manifest, indent=1).encode())
        self._chunks = chunks
        (self.folder / _state_name(start)).unlink(missing_ok=True)

    def _write(self, name: str, data: bytes) -> None:
        """A file that appears only when it is complete, also if the machine stops."""
        partial = self.folder / (name + _PARTIAL)
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, self.folder / name)

    def _read_manifest(self) -> list[dict[str, Any]]:
        """Its chunks, if it is of this video."""
        try:
            manifest = json.loads((self.folder / _MANIFEST).read_bytes())
            kind, there = (manifest["format"], manifest["version"]), manifest["video"]
            chunks = [{"file": str(chunk["file"]), "frames": int(chunk["frames"])} for chunk in manifest["chunks"]]
            differences = _differences(there, self._video)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._unusable(f"{_MANIFEST} is damaged") from error
        if kind != (FORMAT, VERSION):
            raise self._unusable(f"it was made by another version of this pack ({kind[0]} {kind[1]})")
        if differences:
            raise InputError(
                f"The run folder {self.folder} holds another video: {', '.join(differences)}. Choose another folder "
                "for this one, or make the same video as before."
            )
        for chunk in chunks:
            if not (self.folder / chunk["file"]).is_file():
                raise self._unusable(f"{chunk['file']} is missing")
        return chunks

    def _tidy(self) -> None:
        """Delete what an interrupted run left half done."""
        known = {chunk["file"] for chunk in self._chunks} | {_state_name(self.done)}
        with self._usable():
            for path in self.folder.iterdir():
                ours = path.name.startswith(("frames-", "state-")) and path.name not in known
                if ours or path.name.endswith(_PARTIAL):
                    path.unlink()

    @contextlib.contextmanager
    def _usable(self) -> Iterator[None]:
        """Turn what the file system refuses into an error that a user can act on."""
        try:
            yield
        except OSError as error:
            kept = f"The {self.done} finished frames of {self.num_frames} stay in {self.folder}"
            if error.errno in _DISK_FULL:
                raise InputError(
                    f"The disk is full. {kept}: free some space and run again with the same folder to go on."
                ) from error
            raise _cannot_use(self.folder, error) from error

    def _unusable(self, why: str) -> InputError:
        return InputError(
            f"The run folder {self.folder} cannot be gone on with: {why}. Delete it, or choose another folder."
        )


@contextlib.contextmanager
def open_run(folder: str | os.PathLike[str], video: Mapping[str, Any]) -> Iterator[RunFolder]:
    """The folder of a video, held against other runs; made if it is not there.

    Args:
        video: `fingerprint.describe_video`.

    Raises:
        InputError: if the folder holds another video (the message says in what it differs) or other files, is damaged,
            another run is writing into it, or it cannot be written.
        ToolError: if its file system knows no locks.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = (folder / _LOCK).open("a+b")
    except OSError as error:
        raise _cannot_use(folder, error) from error
    with handle:
        try:
            mine = try_lock(handle.fileno())
        except OSError as error:
            raise ToolError(
                f"Locking a file in the run folder {folder} failed: {error}. Choose a folder on a local disk."
            ) from error
        if not mine:
            raise InputError(f"Another run is writing into {folder}: wait until it is done, or choose another folder.")
        try:
            yield RunFolder(folder, video)
        finally:
            unlock(handle.fileno())


def _cannot_use(folder: Path, error: OSError) -> InputError:
    why = error.strerror or error
    return InputError(f"The run folder {folder} cannot be used ({why}). Choose a folder that you may write to.")


def _differences(there: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """What two descriptions of videos do not share, in words."""
    found = []
    for name in sorted({*there, *asked}):
        old, new = there.get(name), asked.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            found += [f"{name} {difference}" for difference in _differences(old, new)]
        elif old != new:
            told = isinstance(old, int | float) and isinstance(new, int | float)
            found.append(f"{name} is {old} there and {new} here" if told else f"{name} differs")
    return found


def _to_pixels(frames: Frames) -> UInt8[Tensor, "t h w 3"]:
    return rearrange((frames.clamp(0, 1) * 255).round().byte(), "t c h w -> t h w c")


def _encode(pixels: UInt8[Tensor, "t h w 3"], fps: Fraction) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="matroska", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264rgb", rate=fps, options=_LOSSLESS)
        stream.height, stream.width = pixels.shape[1:3]
        stream.pix_fmt = "rgb24"
        for frame in pixels.numpy():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        container.mux(stream.encode())
    return file.getvalue()


def _state_name(done: int) -> str:
    return f"state-{done:06d}.safetensors"


def _state_bytes(state: CascadeState) -> bytes:
    tensors = {f"pending.{i}": frames for i, frames in enumerate(state.pending)}
    for i, stage in enumerate(state.stages):
        tensors[f"known.{i}"] = stage.known
        if stage.previous is not None:
            tensors[f"previous.{i}"] = stage.previous
    done = json.dumps([stage.done for stage in state.stages])
    return save({name: value.contiguous() for name, value in tensors.items()}, {"done": done})


def _read_state(path: Path) -> CascadeState:
    with safe_open(path, framework="pt") as file:
        counts = json.loads(file.metadata()["done"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (a safetensors file is no mapping)
    stages = tuple(
        SamplerState(done=int(done), known=tensors[f"known.{i}"], previous=tensors.get(f"previous.{i}"))
        for i, done in enumerate(counts)
    )
    return CascadeState(stages=stages, pending=tuple(tensors[f"pending.{i}"] for i in range(len(stages) - 1)))
