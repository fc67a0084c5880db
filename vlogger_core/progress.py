"""How long work reports on itself and is stopped."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
Progress = Callable[[int, int], None]
"""Called as `progress(done, total)` at least once a second. It may raise to cancel the work."""


def silent(done: int, total: int) -> None:
    """Report nothing."""


def counted(items: Iterable[Item], total: int, progress: Progress) -> Iterator[Item]:
    """The same items, each told before it comes."""
    for done, item in enumerate(items):
        progress(done, total)
        yield item
    progress(total, total)
