"""The stages of a cascade learn one person, one after the other."""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from ..pipeline import Stage
from ..progress import Progress
from ..video.adapters import STILL, Adapter, adapted, scaled
from ..video.cascade_plan import CascadePlan, stride
from ..video.config import VideoConfig
from ..video.models import VideoModels
from ..video.network import VideoNetwork
from .personalise_clip import PersonClip
from .personalise_pairs import Pairs, Run, Span, held_out_spans, make_runs, most_frames, training_spans
from .personalise_state import RunState
from .personalise_trainer import PersonTrainer, PersonTraining
from .personalise_validation import changes, judge

log = logging.getLogger(__name__)

JUDGED = "psnr_face"
"""The figure that decides which weights are kept."""
_TIMED = 5
"""Steps after which minutes are turned into steps; the first is not counted."""
_BASE_SHARE = 0.5
"""Of the minutes, where upscalers follow the base."""
_LOOKS_SHARE = 0.85
"""Of a stage's minutes that go into steps, the others into looks at the held-out frames."""

_STRENGTHS = (0.4, 0.55, 0.7, 0.85)
"""Tried in the end."""

Watch = Callable[[Float[Tensor, "3 h w"]], None]
Figures = Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class PersonRun:
    """What all stages share."""

    clip: PersonClip
    plan: CascadePlan
    training: PersonTraining
    device: torch.device
    stage: Stage
    watch: Watch | None = None


@dataclass(frozen=True, kw_only=True)
class _Shown:
    """The clip at the size of a stage."""

    pairs: list[Run]
    held: list[Run]
    held_plain: list[Run]
    """As `held`, but where a stage before knows nothing of the person."""


def learn_stages(models: VideoModels, run: PersonRun, state: RunState) -> tuple[tuple[Adapter, ...], dict[str, float]]:
    """Train all stages.

    Returns:
        The adapter of each, on the CPU, and the figures on the held-out frames, see `person_file.Person`.
    """
    figures: dict[str, float] = {}
    before: _Shown | None = None
    for index, given in enumerate(models.networks):
        network = copy.deepcopy(given).to(run.device, torch.float32).eval().requires_grad_(False)
        size = network.config.size
        shown = _show(run, index, before)
        progress = run.stage(f"Learning {size} px")
        plain, _ = judge(network, shown.held_plain, progress=progress)
        if index == len(state.adapters):
            minutes = run.training.minutes * _share(index, len(models.networks))
            state.adapters.append(_learn(network, shown, run, state, minutes, progress))
            state.current = None
            state.save()
        person = adapted(network, _on(state.adapters[index], run.device))
        ours, _ = judge(person, shown.held, progress=progress)
        _report(size, plain, ours)
        figures |= {f"{size} {name} base": round(value, 4) for name, value in plain.items()}
        figures |= {f"{size} {name} person": round(value, 4) for name, value in ours.items()}
        progress(1, 1)
        if index + 1 < len(models.networks):
            before = _handed_on(network, person, shown, run.stage(f"Handing on {size} px"))
    return tuple(state.adapters), figures


def _show(run: PersonRun, index: int, before: _Shown | None) -> _Shown:
    """The runs of a stage; `before` holds those of the stage before with its changes."""
    side = min(run.plan.stages[index])

    def rendered(spans: Sequence[Span], what: str) -> list[Run]:
        return make_runs(run.clip, spans, run.plan, index, progress=run.stage(f"{what}, {side} px"))

    pairs = rendered(training_spans(run.clip, most_frames(run.plan.stages[-1])), "Carrying along")
    held = rendered(held_out_spans(run.clip), "Carrying along, held out")
    if before is None:
        return _Shown(pairs=pairs, held=held, held_plain=held)

    def joined(own: Sequence[Run], earlier: Sequence[Run]) -> list[Run]:
        return [replace(one, change=other.change) for one, other in zip(own, earlier, strict=True)]

    return _Shown(
        pairs=joined(pairs, before.pairs), held=joined(held, before.held), held_plain=joined(held, before.held_plain)
    )


def _handed_on(plain: VideoNetwork, person: VideoNetwork, shown: _Shown, progress: Progress) -> _Shown:
    """The same runs with what a stage changes in them. Of what is trained on, a single step tells enough."""
    total, done = len(shown.pairs) + 2 * len(shown.held), 0

    def poll(*_: int) -> None:
        progress(done, total)

    def changed(network: VideoNetwork, runs: Sequence[Run], steps: int | None) -> list[Run]:
        nonlocal done
        out = []
        for run in runs:
            _, change = changes(network, run, steps=steps, progress=poll)
            out.append(replace(run, change=change.half()))
            done += 1
        return out

    handed = _Shown(
        pairs=changed(person, shown.pairs, 1),
        held=changed(person, shown.held, None),
        held_plain=changed(plain, shown.held_plain, None),
    )
    progress(total, total)
    return handed


@dataclass(kw_only=True)
class _Course:
    """How far the training of a stage is; plain values, to be kept on disk."""

    total: int | None
    """Steps; None until their speed is known."""
    best: float
    """`JUDGED` of the best adapter so far."""
    adapter: dict[str, Tensor]
    """The best, on the CPU."""
    worse: int = 0
    """Looks since then that found nothing better."""
    learned: bool = False
    """Whether the best is another than the one it began with, which changes nothing."""

    def over(self, step: int, patience: int) -> bool:
        return self.total is not None and (step >= self.total or self.worse >= patience)

    def looks(self, step: int, looks: int) -> bool:
        """Whether it is time to look at the held-out frames."""
        return self.total is not None and (step % max(1, self.total // looks) == 0 or step == self.total)

    def take(self, value: float, adapter: Adapter) -> None:
        """A look that found `value`."""
        self.worse += 1
        if value > self.best:
            self.best, self.adapter, self.worse, self.learned = value, _copied(adapter), 0, True


def _learn(
    network: VideoNetwork, shown: _Shown, run: PersonRun, state: RunState, minutes: float, progress: Progress
) -> dict[str, Tensor]:
    """Train one stage; returns the adapter that did best on the held-out frames, on the CPU."""
    training, config = run.training, network.config
    pairs = Pairs(
        shown.pairs,
        own_reference=run.clip.reference,
        window=_window(config, training.window),
        step=config.upscale,
        frames=training.frames,
        mirrored=training.mirrored,
    )
    still = {STILL: torch.tensor(training.still)}
    trainer = PersonTrainer(adapted(network, still), pairs, training, run.device)
    if state.current is None:
        figures, _ = judge(network, shown.held, progress=progress)
        course = _Course(total=training.steps, best=figures[JUDGED], adapter=_copied(trainer.ema))
    else:
        trainer.load(state.current["trainer"])
        course = _Course(**state.current["course"])
    started = time.monotonic()

    def poll(*_: int) -> None:
        progress(trainer.step, course.total or _TIMED)

    while not course.over(trainer.step, training.patience):
        terms = trainer.train_step(course.total, poll=poll)
        if trainer.step == 1:
            started = time.monotonic()
        if course.total is None and trainer.step == _TIMED:
            course.total = _steps_in(minutes, (time.monotonic() - started) / (_TIMED - 1))
            log.info("%d steps of %d px in %.1f min", course.total, config.size, minutes)
        if course.looks(trainer.step, training.looks):
            learned = trainer.ema | still
            figures, picture = judge(adapted(network, learned), shown.held, progress=poll)
            course.take(figures[JUDGED], learned)
            log.info("step %d of %d: %s", trainer.step, course.total, _told(terms, figures, course.best))
            state.current = {"trainer": trainer.state(), "course": vars(course)}
            state.save()
            if run.watch is not None:
                run.watch(picture)
    if course.learned:
        _weaken(course, network, shown.held, poll)
    return course.adapter


def _weaken(course: _Course, network: VideoNetwork, held: Sequence[Run], poll: Progress) -> None:
    """Keep the strength of what was learned that suits the held-out frames best: what a clip teaches is in part true
    of its own frames only, and less of it is then nearer to others."""
    learned = course.adapter
    for strength in _STRENGTHS:
        weaker = scaled(learned, strength)
        figures, _ = judge(adapted(network, _on(weaker, network.reference.null.device)), held, progress=poll)
        log.info("at strength %g: %s %.3f", strength, JUDGED, figures[JUDGED])
        course.take(figures[JUDGED], weaker)


def _told(terms: Figures, figures: Figures, best: float) -> str:
    return f"loss {terms['total']:.5f}  {JUDGED} {figures[JUDGED]:.3f} (best {best:.3f})"


def _steps_in(minutes: float, seconds: float) -> int:
    """How many steps of so many seconds are made in a stage's minutes."""
    return max(_TIMED, round(_LOOKS_SHARE * 60 * minutes / seconds))


def _window(config: VideoConfig, patches: int) -> int:
    """Pixels of a window: whole positions of the network's lowest level."""
    step = stride(config)
    return -(-patches * config.patch // step) * step


def _share(index: int, count: int) -> float:
    """Of the minutes, for one of the stages."""
    if count == 1:
        return 1.0
    return _BASE_SHARE if index == 0 else (1 - _BASE_SHARE) / (count - 1)


def _copied(adapter: Adapter) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in adapter.items()}


def _on(adapter: Adapter, device: torch.device) -> dict[str, Tensor]:
    return {name: value.to(device) for name, value in adapter.items()}


def _report(size: int, plain: Figures, ours: Figures) -> None:
    gains = ", ".join(f"{name} {plain[name]:.2f} -> {ours[name]:.2f}" for name in plain if name.startswith("psnr"))
    log.info("%d px on the held-out frames: %s", size, gains)
    if ours.get(JUDGED, 0.0) <= plain.get(JUDGED, 0.0):
        log.warning("At %d px nothing better than the base model was learned: use a longer clip, or more steps.", size)
