"""Measurements in a process of their own, whose time and memory are nobody else's."""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from ..errors import InputError
from ..progress import Progress

_POLL_S = 0.5


def measured_apart(measure: Callable[..., None], *args: Any, progress: Progress) -> Any:
    """What `measure(send, *args)` sends in a new process.

    Args:
        measure: a function of a module. It sends `(done, total)` as often as it likes, and at last its result; an
            `InputError` is raised here.
        progress: told at least once a second; it may raise, which ends the process.

    Raises:
        RuntimeError: if the process ends without a result.
    """
    context = get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(measure, send, *args), daemon=True)
    process.start()
    send.close()
    at = (0, 1)
    try:
        while True:
            progress(*at)
            if not receive.poll(_POLL_S):
                continue
            said = receive.recv()
            if isinstance(said, InputError):
                raise said
            if not isinstance(said, tuple):
                return said
            at = said
    except EOFError as error:
        raise RuntimeError("The process that was timed ended early; its own words stand above.") from error
    finally:
        process.terminate()
        process.join()


def _measure(measure: Callable[..., None], send: Connection, *args: Any) -> None:
    try:
        measure(send, *args)
    except InputError as error:
        send.send(error)
