"""What a command shows in the terminal while it works."""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from typing import TextIO

from tqdm import tqdm

from .errors import InputError, ToolError
from .progress import Progress


@contextlib.contextmanager
def quiet_native_libraries() -> Iterator[TextIO]:
    """Keep what MediaPipe's C++ prints about itself out of the progress bars. Gives the stream for what shall be seen.

    Only the file descriptor is turned away, into a file that is shown after an unforeseen error; Python's own warnings
    and errors still arrive.
    """
    sys.stderr.flush()
    terminal = os.fdopen(os.dup(2), "w", buffering=1)
    previous, sys.stderr = sys.stderr, terminal
    streaming = [h for h in logging.getLogger().handlers if isinstance(h, logging.StreamHandler)]
    handlers = [handler for handler in streaming if handler.stream is previous]
    for handler in handlers:
        handler.setStream(terminal)
    faulthandler.enable(terminal)
    with tempfile.TemporaryFile() as chatter:
        os.dup2(chatter.fileno(), 2)
        try:
            yield terminal
        except (InputError, ToolError):
            raise
        except Exception:
            chatter.seek(0)
            terminal.write(chatter.read().decode(errors="replace"))
            raise
        finally:
            terminal.flush()
            os.dup2(terminal.fileno(), 2)
            faulthandler.disable()
            sys.stderr = previous
            for handler in handlers:
                handler.setStream(previous)
            terminal.close()


class Stages:
    """A progress bar for each stage of a command, one below the other."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._bar = None

    def __call__(self, sentence: str) -> Progress:
        self.close()
        # A log file gets a line now and then, a terminal a moving bar.
        bar = self._bar = tqdm(
            file=self._stream,
            mininterval=0.1 if self._stream.isatty() else 10,
            desc=f"{sentence:32}",
            bar_format="{desc} {bar:24} {n_fmt}/{total_fmt} [{elapsed}<{remaining}]",
        )

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        return progress

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
