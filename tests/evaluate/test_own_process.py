import os
import time
from multiprocessing.connection import Connection

import pytest

from vlogger_core.errors import InputError
from vlogger_core.evaluate.own_process import measured_apart
from vlogger_core.progress import silent


def _tell(send: Connection, word: str) -> None:
    send.send((1, 3))
    send.send({"word": word, "process": os.getpid()})


def _refuse(send: Connection) -> None:
    raise InputError("no such thing")


def _leave(send: Connection) -> None:
    os._exit(3)


def _dawdle(send: Connection) -> None:
    time.sleep(600)


def test_the_result_of_another_process():
    told: list[tuple[int, int]] = []
    result = measured_apart(_tell, "hello", progress=lambda done, total: told.append((done, total)))
    assert result["word"] == "hello"
    assert result["process"] != os.getpid()
    assert told[0] == (0, 1)
    assert told[-1] == (1, 3)


def test_what_it_refuses_is_refused_here():
    with pytest.raises(InputError, match="no such thing"):
        measured_apart(_refuse, progress=silent)


def test_a_process_that_ends_without_a_word():
    with pytest.raises(RuntimeError, match="ended early"):
        measured_apart(_leave, progress=silent)


def test_it_can_be_cancelled():
    def cancel(done: int, total: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        measured_apart(_dawdle, progress=cancel)
