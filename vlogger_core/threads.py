"""Small tensor operations run slower on many threads than on one, badly so on a busy machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch


class _Limits(threading.local):
    """The limits of the blocks that the calling thread is in, outermost first."""

    def __init__(self) -> None:
        self.nested: list[int] = []


_lock = threading.Lock()
_limits = _Limits()
_inside = 0
"""How many threads of the process are in a block."""
_unlimited = 1
"""The thread count before the first of them came."""


@contextmanager
def limit_threads(most: int) -> Iterator[None]:
    """Run torch's CPU kernels on at most `most` threads inside the block, and on as many as before after it.

    Blocks may be nested, where the lowest limit holds, and may overlap in any order on several threads. Torch keeps
    one count for each thread that has run a kernel and gives it to threads that have not: what a thread finds while
    another is in a block may be that block's limit. So the count to return to is the one that the first found.
    """
    global _inside, _unlimited
    if most < 1:
        raise ValueError(f"most must be at least 1. Got {most}.")
    nested = _limits.nested
    with _lock:
        if not nested:
            if _inside == 0:
                _unlimited = torch.get_num_threads()
            _inside += 1
        nested.append(min(most, nested[-1] if nested else _unlimited))
        torch.set_num_threads(nested[-1])
    try:
        yield
    finally:
        with _lock:
            nested.pop()
            if not nested:
                _inside -= 1
            torch.set_num_threads(nested[-1] if nested else _unlimited)


def one_thread() -> AbstractContextManager[None]:
    """`limit_threads(1)`."""
    return limit_threads(1)
