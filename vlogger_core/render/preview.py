"""The warp preview: the photo itself, carried by the body, as finished frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from jaxtyping import Float
from torch import Tensor

from ..datatypes import BodyFit, Motion
from ..progress import Progress, silent
from .ahead import Poll, aside, frames_at_once, in_order
from .carry import Carried, Carrier, carry, compose, open_carrier
from .eyes import Eyes, open_eyes, paint_eyes
from .mouth import Mouth, draw_mouth, open_mouth
from .posed import PosedFrame, pose_frame
from .raster import DEFAULT_BACKEND
from .scene import open_scene


def render_preview(
    fit: BodyFit,
    motion: Motion,
    *,
    size: tuple[int, int] | None = None,
    backend: str = DEFAULT_BACKEND,
    progress: Progress = silent,
) -> Iterator[Float[Tensor, "3 h w"]]:
    """The photo talking: every frame of a motion at `size` (h, w), by default the photo's own size.

    Each frame is what `carry.compose` makes of the photo, with the eyes turned and closed and the mouth's inside drawn
    from the body's mesh. A motion that changes nothing gives the photo back.

    Frames are made as they are asked for, on a CPU some ahead (see `ahead.frames_at_once`), so memory does not grow
    with the motion.

    Args:
        backend: the rasteriser, one of `raster.BACKENDS`.
        progress: called after each frame and, since large frames and their preparation take seconds, with the same
            count in the meantime.

    Raises:
        InputError: see `scene.open_scene` and `posed.pose_body`. Raised by this call, or by the frame concerned.
    """

    def prepare(poll: Poll) -> Previewer:
        scene = open_scene(fit, motion, size, backend=backend)
        return open_previewer(open_carrier(scene, poll), poll)

    previewer = aside(prepare, lambda: progress(0, motion.num_frames))
    return _frames(previewer, motion, progress)


@dataclass(frozen=True, kw_only=True)
class Previewer:
    """What the preview of a scene needs once. Made by `open_previewer`."""

    carrier: Carrier
    eyes: Eyes
    mouth: Mouth

    def draw(self, frame: PosedFrame, poll: Poll = lambda: None) -> Float[Tensor, "3 h w"]:
        """The finished picture of a frame. `poll` is called between the steps."""
        carried = carry(self.carrier, frame, poll)
        poll()
        return self.finish(carried, poll)

    def finish(self, carried: Carried, poll: Poll = lambda: None) -> Float[Tensor, "3 h w"]:
        """The finished picture of a photo that was carried along."""
        painted = replace(carried, body=paint_eyes(self.eyes, carried))
        picture = compose(self.carrier, painted)
        poll()
        return draw_mouth(self.mouth, picture, carried.surface.frame, self.carrier.visibility)


def open_previewer(carrier: Carrier, poll: Poll = lambda: None) -> Previewer:
    """Prepare the eyes and the mouth of a person whose photo can be carried. `poll` is called between the steps."""
    poll()
    mouth = open_mouth(carrier.scene)
    poll()
    return Previewer(carrier=carrier, eyes=open_eyes(carrier.scene, carrier.body.picture), mouth=mouth)


def _frames(previewer: Previewer, motion: Motion, progress: Progress) -> Iterator[Tensor]:
    scene = previewer.carrier.scene

    def make(t: int, poll: Poll) -> Tensor:
        frame = pose_frame(scene, motion, t)
        poll()
        return previewer.draw(frame, poll)

    def poll(t: int) -> None:
        progress(t, motion.num_frames)

    at_once = frames_at_once(scene.size, scene.photo.device)
    for t, picture in enumerate(in_order(make, motion.num_frames, at_once=at_once, poll=poll)):
        yield picture
        progress(t + 1, motion.num_frames)
