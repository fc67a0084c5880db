"""A control map beside the moving photo, as a film to read captions from or to look at."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from ..progress import Progress, silent
from ..threads import one_thread
from .encode import ENCODINGS, encode
from .maps import ControlMaps
from .preview import open_previewer

_log = logging.getLogger(__name__)


def side_by_side(controls: ControlMaps, name: str, progress: Progress = silent) -> Iterator[Float[Tensor, "3 h _"]]:
    """Every frame's map on the left and its warp preview on the right, both of the controls' size.

    Args:
        name: one of `encode.ENCODINGS`.
        progress: called within and after each frame.
    """
    total = controls.num_frames
    with one_thread():
        carrier = controls.carrier(lambda: progress(0, total))
        previewer = open_previewer(carrier, lambda: progress(0, total))
    for t in range(total):
        frame = controls.posed(t)
        progress(t, total)
        with one_thread():
            picture, _ = encode(controls, name, controls.of(frame, ENCODINGS[name].maps))
            progress(t, total)
            both = torch.cat((picture[0], previewer.draw(frame, lambda done=t: progress(done, total))), -1)
        yield both
        progress(t + 1, total)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of `python -m vlogger_core render map`."""
    parser.add_argument("--image", type=Path, required=True, help="the portrait photo")
    parser.add_argument("--motion", type=Path, required=True, help="a motion file (.safetensors)")
    parser.add_argument("--map", choices=tuple(ENCODINGS), default="dense", help="what to show (%(default)s)")
    parser.add_argument("--size", type=int, default=512, help="pixels of the shorter side of each half (%(default)s)")
    parser.add_argument("--out", type=Path, required=True, help="the .mp4 file to write")


@torch.no_grad()
def run(args: argparse.Namespace) -> None:
    """Fit the body to the photo and write the film."""
    from ..body.anny_model import load_anny
    from ..body.fitter import fit_photo
    from ..body.landmarks import gather_landmarks
    from ..image import check_portrait, load_image
    from ..motion.file import load_motion
    from ..pipeline import video_size
    from ..video.writer import check_writable, write_video

    check_writable(args.out)
    motion, image = load_motion(args.motion), check_portrait(load_image(args.image))
    fit = fit_photo(image, model=load_anny(), landmarks=gather_landmarks(image))
    controls = ControlMaps(fit, motion, video_size(fit.camera.width, fit.camera.height, args.size))
    _log.info("%s", write_video(args.out, side_by_side(controls, args.map), motion.fps))
