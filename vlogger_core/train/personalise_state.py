"""A personalisation on disk while it is under way."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from ..errors import InputError
from ..progress import Progress, silent
from ..video.fingerprint import fingerprint
from ..video.models import VideoModels
from ..video.person_file import network_print
from .personalise_clip import PersonClip
from .personalise_trainer import PersonTraining
from .state import read_state, save_state

_MARK = "personalises"


@dataclass(kw_only=True)
class RunState:
    """What is done, and what is under way."""

    path: Path | None
    """None keeps nothing."""
    mark: str
    """Of all that the run depends on."""
    adapters: list[dict[str, Tensor]] = field(default_factory=list)
    """Of the finished stages, on the CPU."""
    current: dict[str, Any] | None = None
    """Of the stage that is under way."""

    def save(self) -> None:
        """The file appears only when it is complete."""
        if self.path is not None:
            save_state(self.path, {_MARK: self.mark, "adapters": self.adapters, "current": self.current})


def open_state(
    path: Path | None,
    models: VideoModels,
    clip: PersonClip,
    training: PersonTraining,
    *,
    progress: Progress = silent,
) -> RunState:
    """Go on from what a file holds, or begin.

    Args:
        progress: called without a count.

    Raises:
        InputError: if it is damaged, or of another clip, other models or other settings.
    """

    def poll(*_: int) -> None:
        progress(0, 1)

    mark = fingerprint(
        {
            "training": asdict(training),
            "models": [network_print(network, poll) for network in models.networks],
            **{f"frame {t}": pixels for t, pixels in enumerate(clip.tracked.pixels)},
        },
        poll,
    )
    if path is None or not path.is_file():
        return RunState(path=path, mark=mark)
    state = read_state(path, _MARK)
    if state[_MARK] != mark:
        raise InputError(
            f"{path} was begun with another clip, other models or other settings: give the same again, or delete it "
            "to begin anew."
        )
    return RunState(path=path, mark=mark, adapters=state["adapters"], current=state["current"])
