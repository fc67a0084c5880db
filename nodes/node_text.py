"""What a user reads on a running node."""

from __future__ import annotations

import logging
import time

from comfy_execution.utils import get_executing_context

_TIME_LEFT_FROM_S = 5.0


class NodeText(logging.Handler):
    """What a user reads on the running node: the core's warnings, and how long it still takes."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._notes: list[str] = []
        self._time = ""
        self._start_s = time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        self.note(record.getMessage())

    def note(self, said: str) -> None:
        """Say this for good."""
        self._notes.append(said)
        self._send()

    def tell_time_left(self, left_s: float) -> None:
        """Nothing is said of the last seconds, nor where it was said already."""
        said = f"About {_in_words(left_s)} left"
        if left_s >= _TIME_LEFT_FROM_S and said != self._time:
            self._time = said
            self._send()

    def tell_end(self, how: str) -> None:
        """The page keeps what it was told last, so a time that was left must not stay."""
        if self._time:
            self._time = f"{how} {_in_words(time.monotonic() - self._start_s)}"
            self._send()

    def _send(self) -> None:
        context = get_executing_context()
        if context is None:  # Not within a running server.
            return
        from server import PromptServer

        lines = [*self._notes, self._time] if self._time else self._notes
        PromptServer.instance.send_progress_text("\n".join(lines), context.node_id)


def _in_words(time_s: float) -> str:
    """As exactly as an estimate deserves."""
    if time_s < 57.5:
        return f"{5 * max(1, round(time_s / 5))} s"
    if time_s < 90 * 60:
        return f"{round(time_s / 60)} min"
    return f"{time_s / 3600:.1f} h"
