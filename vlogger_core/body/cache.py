"""Files that are built once per user: where they lie and how they get there."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from ..errors import InputError, ToolError
from ..file_lock import try_lock, unlock
from ..progress import Progress

POLL_S = 0.2
"""How often the work is asked to stop while a child process builds."""

_CHOOSE_ANOTHER = "Set the environment variable VLOGGER_CACHE_DIR to a folder on a local disk that can be written."


def cache_dir() -> Path:
    """`$VLOGGER_CACHE_DIR`, else `vlogger` in the platform's cache directory. Not created."""
    if chosen := os.environ.get("VLOGGER_CACHE_DIR"):
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local") / "vlogger/cache"
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/vlogger"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vlogger"


def ensure_built(path: Path, command: Callable[[Path, Path], list[str]], progress: Progress) -> None:
    """Make `path` with a child process unless it is there.

    Args:
        command: the child's command line, given the file to write and a scratch directory that is deleted afterwards.
            The child reports on stdout with lines `progress DONE TOTAL`.

    The file appears whole or not at all. A second process that wants the same file waits for the first.

    Raises:
        InputError: if the folder cannot be used.
        ToolError: if it cannot be locked, or the child fails; the message then ends with what the child said.
    """
    with _usable(path.parent):
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
    with _lock(path.with_suffix(".lock"), progress):
        if path.exists():
            return
        with _usable(path.parent):
            scratch = Path(tempfile.mkdtemp(prefix=f".{path.stem}-", dir=path.parent))
        try:
            part = scratch / path.name
            _run(command(part, scratch), scratch / "stderr", progress)
            os.replace(part, path)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


@contextlib.contextmanager
def _usable(folder: Path) -> Iterator[None]:
    """Turn what the file system refuses into an error that a user can act on."""
    try:
        yield
    except OSError as error:
        raise InputError(f"The cache folder {folder} cannot be used: {error}. {_CHOOSE_ANOTHER}") from error


def _run(command: list[str], stderr_path: Path, progress: Progress) -> None:
    counts = [0, 1]

    def listen(lines: Iterator[bytes]) -> None:
        for line in lines:
            words = line.split()
            if len(words) == 3 and words[0] == b"progress":
                counts[:] = int(words[1]), int(words[2])

    with stderr_path.open("wb") as stderr:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            creationflags=subprocess.CREATE_NO_WINDOW if sys.platform == "win32" else 0,
        )
    assert child.stdout is not None
    with child.stdout:
        listener = threading.Thread(target=listen, args=(child.stdout,), daemon=True)
        listener.start()
        try:
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(POLL_S)
                    break
                progress(counts[0], counts[1])
        finally:
            child.kill()
            child.wait()
            listener.join()
    if child.returncode != 0:
        said = stderr_path.read_text(errors="replace").strip().splitlines()[-8:]
        raise ToolError(f"Building the cache failed with exit code {child.returncode}: " + "\n".join(said))
    progress(counts[1], counts[1])


@contextlib.contextmanager
def _lock(path: Path, progress: Progress) -> Iterator[None]:
    """Hold the lock on `path`, once another process has left it."""
    with _usable(path.parent):
        handle = path.open("a+b")
    with handle:
        waited = threading.Event()
        while not _locked(handle.fileno(), path.parent):
            progress(0, 1)
            waited.wait(POLL_S)
        try:
            yield
        finally:
            unlock(handle.fileno())


def _locked(descriptor: int, folder: Path) -> bool:
    """Whether the lock could be had; False while another process holds it."""
    try:
        return try_lock(descriptor)
    except OSError as error:
        raise ToolError(f"Locking a file in the cache folder {folder} failed: {error}. {_CHOOSE_ANOTHER}") from error
