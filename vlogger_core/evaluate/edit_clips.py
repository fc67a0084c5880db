"""Clips that are edited, and tracked again to see whether the person now does what was asked."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..body.protocol import BodyModel
from ..body.track import track_clip
from ..datatypes import Motion
from ..edit.clip_source import FileClip
from ..edit.edit_stage import open_edit
from ..edit.editor import edit_motion
from ..edit.inpaint_film import open_edit_film
from ..edit.timing import Scope
from ..progress import Progress, silent
from ..video.cascade import CascadeSettings
from ..video.models import VideoModels
from .edit_seam import Seam
from .reenact_cache import Tracked

CLOSE_MOUTH, KEEP_OPEN, CLOSE_EYES, DUB = "close mouth", "keep eyes open", "close eyes", "dub"
"""The edits that are measured: the presets of the paper's Fig. 6, and a new speech's mouth and jaw."""
DUBBED = ("mouth_and_jaw",)
"""The regions that `DUB` replaces."""

LEAD_S, FADE_S = 0.2, 0.2
"""Edits set in so long after the frame that the track refers to, and are whole so much later: the tracker, which says
how far a face has moved from what it is in that frame, then refers to the same picture both times."""

Remake = Callable[[Motion, Scope], Motion]
"""An edit of a motion, within a scope."""


@dataclass(frozen=True, kw_only=True)
class EditedClip:
    """What became of one clip."""

    clip: str
    """Its name."""
    edit: str
    before: Motion
    """As it was tracked."""
    wanted: Motion
    """The edited motion."""
    found: Motion
    """What the tracker sees in the edited clip."""
    whole_from: int
    """The first frame of which the edit is whole."""
    seam: Seam


@dataclass(frozen=True, kw_only=True)
class Editor:
    """How clips are edited and looked at again."""

    models: VideoModels | None
    """None carries the frames without a model."""
    body: BodyModel
    settings: CascadeSettings = field(default_factory=CascadeSettings)

    def edit(self, clip: Tracked, name: str, remake: Remake, progress: Progress = silent) -> EditedClip:
        """Edit a tracked clip, hold it against the clip, and track it again. Finished frames wait on disk."""
        before = clip.motion
        if before is None:
            raise ValueError(f"clip must be of a video. Got {clip.path}, a photo.")
        start_s = float(clip.reference_frame / before.fps) + LEAD_S
        after = remake(before, Scope(regions=("all",), start_s=start_s, fade_s=FADE_S))
        whole_from = math.ceil((start_s + FADE_S) * before.fps)

        def making(done: int, total: int) -> None:
            progress(500 * done // max(1, total), 1000)

        source = FileClip(clip.path, progress=making)
        edit = open_edit(source, clip.fit, before, after, progress=making)
        seam = Seam()
        with (
            tempfile.TemporaryDirectory() as folder,
            open_edit_film(Path(folder, "run"), edit, self.models, self.settings, progress=making) as film,
        ):
            for chunk in film.chunks(making):
                stop = chunk.start + len(chunk.frames)
                truth, masks = (part.frames(chunk.start, stop, silent) for part in (source, edit.masks))
                for made, frame, mask in zip(chunk.frames, truth, masks, strict=True):
                    seam = seam + Seam.of(made, frame, mask)
            found = track_clip(
                film.frames(), fps=before.fps, model=self.body, progress=lambda *_: progress(500, 1000)
            ).motion
        return EditedClip(
            clip=clip.name, edit=name, before=before, wanted=after, found=found, whole_from=whole_from, seam=seam
        )


def edit_clips(
    editor: Editor, clips: Sequence[Tracked], edits: dict[str, Remake], progress: Progress = silent
) -> list[EditedClip]:
    """Every edit of every clip."""
    edited = []
    jobs = [(clip, name, remake) for name, remake in edits.items() for clip in clips]
    for i, (clip, name, remake) in enumerate(jobs):

        def part(done: int, total: int, i: int = i) -> None:
            progress(1000 * i + 1000 * done // max(1, total), 1000 * len(jobs))

        edited.append(editor.edit(clip, name, remake, part))
    progress(1, 1)
    return edited


def preset(name: str) -> Remake:
    """One of `edit.presets.PRESETS`, all the way."""
    return lambda motion, scope: edit_motion(motion, name, scope)


def dub(speech: Motion) -> Remake:
    """The mouth and jaw of a motion that was made from speech, as long as the clip."""

    def remake(motion: Motion, scope: Scope) -> Motion:
        return edit_motion(motion, "replace", replace(scope, regions=DUBBED), other=speech, length="clip")

    return remake
