"""One espeak-ng worker process and the conversation with it."""

from __future__ import annotations

import importlib.util
import json
import queue
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from ..errors import InputError, ToolError

WORKER_SCRIPT = Path(__file__).with_name("espeak_worker.py")
POLL_S = 0.2
START_TIMEOUT_S = 60.0
ANSWER_TIMEOUT_S = 300.0

Answer = tuple[dict[str, Any], bytes]


class EspeakError(ToolError):
    """The espeak-ng process stopped or refused a request."""


class EspeakProcess:
    """A running worker. `ask` talks to it; `close` ends it; it also ends when this process does."""

    def __init__(self, poll: Callable[[], None]) -> None:
        library, data_folder = find_espeak()
        self.stderr = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the process)
        self.process = subprocess.Popen(
            # -I and -S: no site-packages, no user code, a start of about 50 ms.
            [sys.executable, "-I", "-S", str(WORKER_SCRIPT), str(library)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.stderr,
            cwd=data_folder,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self.answers: queue.Queue[Answer | None] = queue.Queue()
        threading.Thread(target=_read_answers, args=(self.process.stdout, self.answers), daemon=True).start()
        self._finalizer = weakref.finalize(self, _end, self.process, self.stderr)
        try:
            self._receive(poll, START_TIMEOUT_S)
        except BaseException:
            self.close()
            raise

    def ask(self, request: dict[str, Any], poll: Callable[[], None]) -> Answer:
        """Send one request and wait for the answer, calling `poll` several times a second.

        The process is closed if `poll` raises or if it stopped.

        Raises:
            EspeakError: if the process stopped, did not answer in time or refused the request.
        """
        answered = False
        try:
            assert self.process.stdin is not None
            try:
                self.process.stdin.write(json.dumps(request).encode() + b"\n")
                self.process.stdin.flush()
            except OSError as error:
                raise EspeakError(self._obituary()) from error
            answer = self._receive(poll, ANSWER_TIMEOUT_S)
            answered = True
        finally:
            if not answered:
                self.close()
        return answer

    def close(self) -> None:
        """Kill the process; nothing of it remains."""
        self._finalizer()

    @property
    def closed(self) -> bool:
        return not self._finalizer.alive

    def _receive(self, poll: Callable[[], None], timeout_s: float) -> Answer:
        for _ in range(int(timeout_s / POLL_S)):
            try:
                answer = self.answers.get(timeout=POLL_S)
            except queue.Empty:
                poll()
                continue
            if answer is None:
                raise EspeakError(self._obituary())
            if "error" in answer[0]:
                raise EspeakError(answer[0]["error"])
            return answer
        raise EspeakError(f"espeak-ng gave no answer for {timeout_s:.0f} s")

    def _obituary(self) -> str:
        try:
            status = self.process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return "espeak-ng closed its connection"
        self.stderr.seek(0)
        said = self.stderr.read()[-500:].decode("utf-8", "replace").strip()
        cause = f"signal {-status}" if status < 0 else f"exit status {status}"
        return f"the espeak-ng process stopped ({cause})" + (f": {said}" if said else "")


def find_espeak() -> tuple[Path, Path]:
    """The espeak-ng library and the folder that holds its `espeak-ng-data`, as the wheel `espeakng-loader` has them.

    Raises:
        InputError: if the package is not installed or incomplete.
    """
    if importlib.util.find_spec("espeakng_loader") is None:
        raise InputError("Speech from text needs the package espeakng-loader: run `pip install espeakng-loader`.")
    import espeakng_loader

    library, data = Path(espeakng_loader.get_library_path()), Path(espeakng_loader.get_data_path())
    if not library.is_file():
        raise InputError(f"{library} is missing: run `pip install --force-reinstall espeakng-loader`.")
    return library, data.parent


def _read_answers(pipe: IO[bytes], answers: queue.Queue[Answer | None]) -> None:
    """Move answers from the pipe to the queue; `None` says that no more will come."""
    try:
        for line in pipe:
            header = json.loads(line)
            payload = pipe.read(header.get("num_bytes", 0))
            if len(payload) == header.get("num_bytes", 0):
                answers.put((header, payload))
    except (OSError, ValueError):
        pass  # A process that dies may leave half a line, and closing the pipe ends the read.
    finally:
        answers.put(None)


def _end(process: subprocess.Popen[bytes], stderr: IO[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, stderr):
        if pipe is not None:
            try:
                pipe.close()
            except OSError:
                continue  # Unsent bytes of a dead process.
