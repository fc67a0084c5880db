"""Frames made on threads of their own, several at once, and handed out in order while the caller can stop them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Event
from typing import TypeVar

import torch

from ..threads import one_thread

Poll = Callable[[], None]
"""Called between the steps of a frame. It may raise to stop the work."""
Frame = TypeVar("Frame")

MOST_AT_ONCE = 2
"""Each holds some 80 MB at 512 pixels, so more would take more memory than a long film at that size is to take."""
AT_ONCE_PIXELS = 1 << 22
"""Pictures of more pixels are made one at a time."""
AT_ONCE_MAPS = 5
"""Frames of more maps are made one at a time, for their memory."""
POLL_S = 0.1


class _Stopped(Exception):
    """A frame that nobody waits for any more."""


def frames_at_once(size: tuple[int, int], device: torch.device, maps: int = 1) -> int:
    """How many frames of `size` (h, w) to make at once: as the threads that torch may use and the memory allow.

    A frame is made of so many small tensors that it runs no faster on several threads. A GPU does one at a time.
    """
    if device.type != "cpu" or size[0] * size[1] > AT_ONCE_PIXELS or maps > AT_ONCE_MAPS:
        return 1
    return min(torch.get_num_threads(), MOST_AT_ONCE)


def in_order(
    make: Callable[[int, Poll], Frame], count: int, *, at_once: int, poll: Callable[[int], None]
) -> Generator[Frame, None, None]:
    """`make(t, poll)` for t = 0, 1, ..., `count` - 1, up to `at_once` of them at the same time, as they are asked for.

    No frame depends on the others or on the thread, so the frames are the same whatever `at_once` is. An iterator that
    is closed, or whose `poll` raised, does not wait for the frames that are being made: they end at their next step.

    Args:
        make: runs on a thread of its own and one of torch's, in the caller's grad mode; calls what it is given between
            its steps.
        poll: called as `poll(t)` by the thread that waits for frame t, every `POLL_S` seconds. What it or `make`
            raises is raised to the caller.
    """
    stopped = Event()
    grad, inference = torch.is_grad_enabled(), torch.is_inference_mode_enabled()

    def check() -> None:
        if stopped.is_set():
            raise _Stopped

    def work(t: int) -> Frame:
        check()
        with torch.inference_mode(inference), torch.set_grad_enabled(grad), one_thread():
            return make(t, check)

    pool = ThreadPoolExecutor(at_once, thread_name_prefix="render")
    making: deque[Future[Frame]] = deque()
    try:
        for t in range(count):
            poll(t)
            while len(making) < min(at_once, count - t):
                making.append(pool.submit(work, t + len(making)))
            future = making.popleft()
            while not wait((future,), POLL_S).done:
                poll(t)
            yield future.result()
    finally:
        stopped.set()
        pool.shutdown(wait=False, cancel_futures=True)


def aside(make: Callable[[Poll], Frame], poll: Poll) -> Frame:
    """`make(poll)` on a thread of its own, while this one calls `poll`: as for one frame of `in_order`."""
    return next(in_order(lambda _, check: make(check), 1, at_once=1, poll=lambda _: poll()))
