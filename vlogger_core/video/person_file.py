"""One person as a file: what is added to the weights of the video models that it was made for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError
from ..progress import Progress, silent
from ..weights import WeightsKind, parse_config, read_weights, save_weights
from .adapters import Adapter, adapted
from .fingerprint import fingerprint
from .models import VideoModels
from .network import VideoNetwork, group_of

KIND = WeightsKind(noun="person", version=1, command="personalise")


@dataclass(frozen=True, kw_only=True)
class Made:
    """A network that a person was trained on."""

    size: int
    """Pixels of the shorter side."""
    upscale: int
    """1 is a base."""
    print: str
    """Of its configuration and its weights, see `network_print`."""

    @property
    def name(self) -> str:
        """As messages call it."""
        what = "base model of" if self.upscale == 1 else f"upscaler from {self.size // self.upscale} to"
        return f"{what} {self.size} px ({self.print})"


@dataclass(frozen=True, kw_only=True)
class Person:
    """What is added to the networks of a cascade."""

    made_for: tuple[Made, ...]
    """The base first."""
    adapters: tuple[Adapter, ...]
    """One for each of them, on the CPU."""
    rank: int | None = None
    """None changes every weight as a whole."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """On the part of the clip that was not trained on: `<size> <figure> base` and `<size> <figure> person`."""


@dataclass(frozen=True, kw_only=True)
class _Told:
    """What the metadata hold."""

    made_for: tuple[Made, ...]
    rank: int | None
    figures: Mapping[str, float]


def made_of(network: VideoNetwork) -> Made:
    """What a person that is trained on this network is made for."""
    return Made(size=network.config.size, upscale=network.config.upscale, print=network_print(network))


def network_print(network: VideoNetwork, progress: Progress = silent) -> str:
    """The same in every number format that holds a checkpoint's own weights; a foreign base has no part in it.

    Args:
        progress: called between the tensors, since large models take seconds.
    """
    foreign = network.config.space == "latent"
    own = {
        name: value.to(torch.bfloat16)
        for name, value in network.state_dict().items()
        if not name.startswith("autoencoder.") and not (foreign and group_of(name) == "base")
    }
    return fingerprint({"config": asdict(network.config), **own}, progress)


def personalised(models: VideoModels, person: Person, strength: float = 1.0, *, name: str = "person") -> VideoModels:
    """The models as they show one person. Networks that are changed are copies; the others are the very same.

    Args:
        strength: 0 gives the models themselves, 1 what was trained; more exaggerates.
        name: of the person, for the error.

    Raises:
        InputError: if the person was made for another base, or for another upscaler of the same size.
    """
    given = {network.config.size: made_of(network) for network in models.networks}
    first = made_of(models.base)
    if first != person.made_for[0]:
        raise InputError(_refusal(name, person.made_for[0], first))
    for made in person.made_for:
        if given.get(made.size, made) != made:
            raise InputError(_refusal(name, made, given[made.size]))
    if strength == 0:
        return models
    adapters = {made.size: adapter for made, adapter in zip(person.made_for, person.adapters, strict=True)}
    networks = [
        adapted(network, adapters[network.config.size], strength) if network.config.size in adapters else network
        for network in models.networks
    ]
    return VideoModels(base=networks[0], upscalers=tuple(networks[1:]))


def save_person(path: Path, person: Person) -> None:
    """Write a person in half precision; the file appears only when it is complete."""
    told = _Told(made_for=person.made_for, rank=person.rank, figures=dict(person.figures))
    save_weights(path, KIND, asdict(told), {name: value.half() for name, value in _named(person).items()})


def load_person(path: Path) -> Person:
    """Read a person.

    Raises:
        InputError: if the file is missing, damaged, of another kind or version, or holds other tensors than it tells.
    """
    text, tensors = read_weights(Path(path), KIND)
    told = parse_config(Path(path), text, _Told, {"made_for": _parse_made, "figures": dict})
    adapters = tuple(
        {name.partition("/")[2]: value for name, value in tensors.items() if name.startswith(f"{made.size}/")}
        for made in told.made_for
    )
    if not told.made_for or sum(map(len, adapters)) != len(tensors):
        raise InputError(f"{path} holds weights of models that it does not name: fetch it again.")
    return Person(made_for=told.made_for, adapters=adapters, rank=told.rank, figures=told.figures)


def as_kept(person: Person) -> Person:
    """The person as `load_person` gives it back: in the precision of the file."""
    return Person(
        made_for=person.made_for,
        adapters=tuple({n: value.half().float() for n, value in adapter.items()} for adapter in person.adapters),
        rank=person.rank,
        figures=person.figures,
    )


def _named(person: Person) -> dict[str, Tensor]:
    pairs = zip(person.made_for, person.adapters, strict=True)
    return {f"{made.size}/{name}": value for made, adapter in pairs for name, value in adapter.items()}


def _parse_made(values: Any) -> tuple[Made, ...]:
    return tuple(Made(size=int(v["size"]), upscale=int(v["upscale"]), print=str(v["print"])) for v in values)


def _refusal(name: str, wanted: Made, got: Made) -> str:
    return (
        f"{name} was made for the {wanted.name}, and the {got.name} is loaded: load the model that it was made for, "
        "or personalise this one."
    )
