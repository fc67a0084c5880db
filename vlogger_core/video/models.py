"""The models of a cascade: a base, and upscalers that each go on from the stage before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from .checkpoint import SHIPPED_BASE, SHIPPED_UPSCALERS, load_video_model
from .network import VideoNetwork


@dataclass(frozen=True, kw_only=True)
class VideoModels:
    """Networks that fit each other, where the caller put them (device, dtype).

    Raises:
        InputError: if the base is an upscaler, or an upscaler does not go on from the size before it.
    """

    base: VideoNetwork
    upscalers: tuple[VideoNetwork, ...] = ()

    def __post_init__(self) -> None:
        if self.base.config.upscale > 1:
            raise InputError(
                f"The base model is an upscaler from {self.base.config.size // self.base.config.upscale} to "
                f"{self.base.config.size} px: choose a model that begins by itself, and this one as an upscaler."
            )
        size = self.base.config.size
        for upscaler in self.upscalers:
            config = upscaler.config
            if config.upscale == 1 or config.size != size * config.upscale:
                does = "begins by itself" if config.upscale == 1 else f"goes on from {config.size // config.upscale} px"
                raise InputError(
                    f"The stage before gives {size} px, and the model of {config.size} px after it {does}: choose "
                    f"upscalers in the order of their sizes, the next from {size} px."
                )
            size = config.size

    @property
    def networks(self) -> tuple[VideoNetwork, ...]:
        """The base first."""
        return self.base, *self.upscalers

    def up_to(self, short_side: int) -> VideoModels:
        """Without the upscalers that a picture of this shorter side does not need."""
        upscalers, size = [], self.base.config.size
        for upscaler in self.upscalers:
            if size < short_side:
                upscalers.append(upscaler)
            size = upscaler.config.size
        return VideoModels(base=self.base, upscalers=tuple(upscalers))


def load_video_models(
    base: Path | None = None, upscalers: Sequence[Path] | None = None, *, sd15: Path | None = None
) -> VideoModels:
    """Read the models of a cascade in float32, in evaluation mode, on the CPU.

    Args:
        base: None is the one that ships with the pack.
        upscalers: in the order of their sizes; None are those that ship with the pack.
        sd15: Stable Diffusion 1.5, for a base that was trained on it.

    Raises:
        InputError: see `checkpoint.load_video_model` and `VideoModels`.
    """
    paths = [
        SHIPPED_BASE if base is None else Path(base),
        *(SHIPPED_UPSCALERS if upscalers is None else map(Path, upscalers)),
    ]
    shipped = {SHIPPED_BASE, *SHIPPED_UPSCALERS}
    missing = [path for path in paths if path in shipped and not path.is_file()]
    if missing:
        raise InputError(
            f"This installation lacks the video model's weights ({', '.join(str(path) for path in missing)}): fetch "
            "the pack again with all its files, or ask for the warp preview, which needs none."
        )
    return VideoModels(
        base=load_video_model(paths[0], base=sd15),
        upscalers=tuple(load_video_model(path) for path in paths[1:]),
    )
