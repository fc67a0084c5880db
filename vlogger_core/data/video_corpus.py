"""Pairs of pictures with their controls: the corpus that the video model learns from.

A sample is a reference picture of somebody, some frames of them in other poses, and the controls that say how to get
there. Three sources: rendered people (`video_bodies`), photos warped there and back (`video_photos`), and the user's
own clips (`video_clips`). Shards are tar files of PNG and JSON members, `train/*.tar` and `validation/*.tar`.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path

import torch

from ..errors import InputError
from ..progress import Progress, silent
from ..render.raster import BACKENDS, DEFAULT_BACKEND, check_backend
from ..render.stage import WARPS
from .video_clips import find_clips
from .video_studio import CLIPS_PER_SHARD, FRAMES_PER_SHARD, CorpusSettings, Shard

log = logging.getLogger(__name__)

SETTINGS = "corpus.json"
VALIDATION_SHARE = 0.04
SMALLEST_PX, LARGEST_PX = 64, 1024


def plan_corpus(
    out: Path, settings: CorpusSettings, *, samples: int, sequences: int, photo_share: float
) -> list[Shard]:
    """All shards of a corpus, in an order in which any beginning of it is mixed as the whole.

    Args:
        samples: single frames.
        sequences: short clips.
        photo_share: of both, how much comes from photos; the rest is rendered. Of the user's clips each is one shard.
    """
    shares = {"body": 1.0 - photo_share, "photo": photo_share}
    if settings.portraits is None:
        shares = {"body": 1.0}
    planned: list[tuple[float, Shard]] = []

    def add(folder: str, name: str, place: float, source: str, kind: str, index: int, clip: str | None = None) -> None:
        path = out / folder / name
        planned.append((place, Shard(path=path, source=source, kind=kind, index=index, settings=settings, clip=clip)))

    for kind, wanted in (("frames", samples), ("clip", sequences)):
        for source, share in shares.items():
            for folder, part in (("validation", VALIDATION_SHARE * wanted), ("train", wanted)):
                size = FRAMES_PER_SHARD if kind == "frames" else CLIPS_PER_SHARD
                count = max(1, round(part * share / size)) if wanted * share > 0 else 0
                for index in range(count):
                    add(folder, f"{source}-{kind}-{index:05d}.tar", (index + 0.5) / count, source, kind, index)
        for index, clip in enumerate(find_clips(settings.clips) if settings.clips and wanted else ()):
            add("train", f"clip-{kind}-{clip.name}.tar", 0.5, "clip", kind, index, clip.name)
    planned.sort(key=lambda entry: (entry[1].path.parent.name == "train", entry[0], entry[1].path.name))
    return [shard for _, shard in planned]


def make_corpus(
    shards: Sequence[Shard], *, max_bytes: float = float("inf"), workers: int = 1, progress: Progress = silent
) -> int:
    """Write the shards that are not there yet, until the disk that the corpus may take is full.

    Returns:
        the corpus' size in bytes.
    """
    for folder in {shard.path.parent for shard in shards}:
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob("*.partial"):
            left.unlink()
    there = [shard for shard in shards if shard.path.exists()]
    missing = [shard for shard in shards if not shard.path.exists()]
    size, done = float(sum(shard.path.stat().st_size for shard in there)), len(there)
    progress(done, len(shards))
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_one_thread) as pool:
        running: set[Future[int]] = set()
        queue = iter(missing)
        while True:
            while len(running) < workers and size < max_bytes and (shard := next(queue, None)) is not None:
                running.add(pool.submit(shard.make))
            if not running:
                break
            finished, running = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
            for future in finished:
                size, done = size + future.result(), done + 1
                log.info("shard %d of %d, %.2f GB", done, len(shards), size / 1e9)
            progress(done, len(shards))
    if done < len(shards):
        log.warning(
            "The corpus ends after %d of %d shards: it has reached %.2f GB (--max-gb).", done, len(shards), size / 1e9
        )
    return round(size)


def remember(out: Path, settings: CorpusSettings) -> None:
    """Write what the corpus is made with, or check that it is the same as before.

    Raises:
        InputError: if it is not.
    """
    path, said = out / SETTINGS, json.dumps(asdict(settings), default=str, indent=2)
    if path.is_file() and path.read_text(encoding="utf-8") != said:
        raise InputError(
            f"{out} was made with other settings, which {path.name} tells: give the same ones to go on, or another "
            "--out."
        )
    out.mkdir(parents=True, exist_ok=True)
    path.write_text(said, encoding="utf-8")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m vlogger_core data video-corpus`."""
    parser.add_argument("--out", type=Path, required=True, help="folder for the shards")
    parser.add_argument(
        "--samples", type=int, default=8000, help="single frames (about 90 kB each at 128; %(default)s)"
    )
    parser.add_argument("--sequences", type=int, help="short clips (default: one for 40 samples)")
    parser.add_argument("--frames", type=int, default=12, help="of a short clip (%(default)s)")
    parser.add_argument(
        "--size", type=int, default=128, help="pixels of the whole pictures' shorter side (%(default)s)"
    )
    parser.add_argument(
        "--crop", type=int, help="pixels of the square that is kept of them (default: --size, up to 128)"
    )
    parser.add_argument("--portraits", type=Path, help="folder of photos, each of one person, for warps there and back")
    parser.add_argument("--photo-share", type=float, default=0.35, help="of the samples, from photos (%(default)s)")
    parser.add_argument("--clips", type=Path, help="folder of your own videos of people who talk to the camera")
    parser.add_argument("--keep-without-hands", action="store_true", help="accept clips that never show a hand")
    parser.add_argument("--keep-without-sound", action="store_true", help="accept clips without clear speech")
    parser.add_argument(
        "--wild",
        type=float,
        default=1.0,
        help="how far motions go beyond those of speech, 0 to 1: a model that has seen little but the wild takes "
        "liberties with calm talk (%(default)s)",
    )
    parser.add_argument("--warp", choices=WARPS, default=WARPS[0], help="what carries the photo (%(default)s)")
    parser.add_argument("--rasteriser", choices=BACKENDS, default=DEFAULT_BACKEND, help="what draws (%(default)s)")
    parser.add_argument("--max-gb", type=float, default=20.0, help="disk that the corpus may take (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1, help="processes that render side by side")


def run(args: argparse.Namespace) -> None:
    """Make the corpus, or go on making it."""
    crop = min(args.size, 128) if args.crop is None else args.crop
    for name, value, (low, high) in (
        ("samples", args.samples, (0, 10**8)),
        ("frames", args.frames, (2, 64)),
        ("size", args.size, (SMALLEST_PX, LARGEST_PX)),
        ("crop", crop, (SMALLEST_PX // 2, args.size)),
        ("photo-share", args.photo_share, (0, 1)),
        ("wild", args.wild, (0, 1)),
        ("workers", args.workers, (1, 256)),
    ):
        if not low <= value <= high:
            raise InputError(f"--{name} must lie in {low} to {high}. Got {value}.")
    for name, folder in (("portraits", args.portraits), ("clips", args.clips)):
        if folder is not None and not folder.is_dir():
            raise InputError(f"--{name} must be a folder. There is none at {folder}.")
    check_backend(args.rasteriser)
    settings = CorpusSettings(
        size=args.size,
        crop=crop,
        frames=args.frames,
        wild=args.wild,
        warp=args.warp,
        backend=args.rasteriser,
        seed=args.seed,
        portraits=args.portraits,
        clips=args.clips,
        fits=args.out / "fits",
        hands=not args.keep_without_hands,
        sound=not args.keep_without_sound,
    )
    remember(args.out, settings)
    settings.prepare()
    sequences = args.samples // 40 if args.sequences is None else args.sequences
    shards = plan_corpus(args.out, settings, samples=args.samples, sequences=sequences, photo_share=args.photo_share)
    make_corpus(shards, max_bytes=args.max_gb * 1e9, workers=args.workers)


def _one_thread() -> None:
    torch.set_num_threads(1)
