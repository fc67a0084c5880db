"""How long work reports on itself and is stopped."""

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called as `progress(done, total)` at least once a second. It may raise to cancel the work."""


def silent(done: int, total: int) -> None:
    """Report nothing."""
