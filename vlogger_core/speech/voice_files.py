"""The files of a neural voice: which they are, where they belong, and their download, if the user asks for it."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..progress import Progress, silent

WORKER_SCRIPT = Path(__file__).with_name("voice_download_worker.py")
HUB = "https://huggingface.co"
_POLL_S = 0.2

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class VoiceFile:
    """One file of a repository on Hugging Face."""

    path: str
    """In the repository and in the voice's folder, with slashes."""
    revision: str
    """Commit."""
    megabytes: float
    """About."""


@dataclass(frozen=True, kw_only=True)
class VoiceFiles:
    """What a voice needs on disk."""

    repository: str
    licence: str
    folder: str
    """In the folder of all voices."""
    files: tuple[VoiceFile, ...]

    @property
    def megabytes(self) -> float:
        return sum(file.megabytes for file in self.files)

    def describe(self, files: list[VoiceFile], folder: Path) -> str:
        """Repository, revision, licence, size, the names of some of the files, and where they belong."""
        size = sum(file.megabytes for file in files)
        names = ", ".join(file.path for file in files)
        revisions = " and ".join(dict.fromkeys(file.revision for file in files))
        return (
            f"{len(files)} files ({size:.0f} MB) from {HUB}/{self.repository}, revision {revisions}, licence "
            f"{self.licence}: {names}; they belong into {folder / self.folder}"
        )


def provide_files(
    wanted: VoiceFiles,
    folder: Path,
    *,
    allow_download: bool = False,
    endpoint: str | None = None,
    progress: Progress = silent,
) -> Path:
    """The voice's own folder in the folder of all voices, with all its files in it.

    Files that are there are used as they are. Others are downloaded with huggingface_hub only if `allow_download`; an
    interrupted download goes on where it stopped. `progress` counts megabytes.

    Args:
        endpoint: another server than Hugging Face's, such as a mirror.

    Raises:
        InputError: if files are missing and must or can not be downloaded; the message lists them, with repository,
            revision, licence and size, and says where they belong.
    """
    root = folder / wanted.folder
    missing = [file for file in wanted.files if not (root / file.path).is_file()]
    if not missing:
        return root
    description = wanted.describe(missing, folder)
    if not allow_download:
        raise InputError(f"This voice needs {description}. Put them there, or turn on allow_download to fetch them.")
    logger.warning("Downloading %s.", description)
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"Cannot make the folder {root} ({error.strerror}): check its permissions.") from error
    total = round(wanted.megabytes)
    for file in missing:
        problem = _download(wanted, file, root, endpoint, lambda: progress(min(_megabytes(root), total), total))
        if problem or not (root / file.path).is_file():
            raise InputError(
                f"The download failed ({problem or file.path}). Put these files there by hand: {description}."
            )
    progress(total, total)
    return root


def _download(wanted: VoiceFiles, file: VoiceFile, root: Path, endpoint: str | None, poll: Callable[[], None]) -> str:
    """What went wrong; empty if nothing did. The download is a process of its own, so that it can be stopped."""
    request = {
        "repo_id": wanted.repository,
        "filename": file.path,
        "revision": file.revision,
        "local_dir": str(root),
        "endpoint": endpoint,
    }
    process = subprocess.Popen(
        # -I: the script's folder is not searched for modules, so that none of its names hides a package.
        [sys.executable, "-I", str(WORKER_SCRIPT), json.dumps(request)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    with process:
        try:
            while process.poll() is None:
                poll()
                time.sleep(_POLL_S)
            assert process.stdout is not None
            said = process.stdout.read().decode("utf-8", "replace").strip()
        except BaseException:
            process.kill()
            raise
    return said if said or process.returncode == 0 else f"exit status {process.returncode}"


def _megabytes(root: Path) -> int:
    """Of all files, those included that are on their way."""
    num_bytes = 0
    for path in root.rglob("*"):
        try:
            num_bytes += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue  # Renamed meanwhile: a download that is done.
    return num_bytes // 1_000_000
