"""Time of each stage from a portrait and a sentence to an mp4: `python -m benchmarks.chain [--size 512]`."""

import argparse
import itertools
import resource
import tempfile
import time
from pathlib import Path

from vlogger_core.assets import PORTRAIT, example_sentence
from vlogger_core.image import load_image
from vlogger_core.pipeline import GenerateConfig, generate
from vlogger_core.speech.espeak import synthesise

from .machine import describe


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", type=Path, default=PORTRAIT)
    parser.add_argument("--size", type=int, default=512)
    args = parser.parse_args()

    starts: list[tuple[str, float]] = []

    def stage(name: str):
        starts.append((name, time.perf_counter()))
        return lambda done, total: None

    stage("Text to speech")
    audio, _ = synthesise(example_sentence())
    stage("Reading the photo and finding landmarks")
    with tempfile.TemporaryDirectory() as folder:
        config = GenerateConfig(short_side=args.size)
        generate(load_image(args.image), audio, Path(folder) / "out.mp4", config=config, stage=stage)
    starts.append(("", time.perf_counter()))

    print(describe())
    print(f"{audio.duration_s:.1f} s of speech, {args.size} px on the short side\n")
    for (name, start), (_, stop) in itertools.pairwise(starts):
        print(f"{name:42} {stop - start:7.1f} s")
    print(f"{'All':42} {starts[-1][1] - starts[0][1]:7.1f} s")
    print(f"{'Peak memory':42} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:7.1f} GB")


if __name__ == "__main__":
    main()
