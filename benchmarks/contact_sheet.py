"""All control maps of some portraits in five poses on one sheet, to look at closely.

`python -m benchmarks.contact_sheet [--data ../shared/samples] [--portraits p01 p03 p05] --out FILE`
"""

import argparse
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from vlogger_core.body.anny_model import load_anny
from vlogger_core.body.expression import compose_expression
from vlogger_core.body.fitter import fit_photo
from vlogger_core.body.landmarks import gather_landmarks
from vlogger_core.datatypes import BodyFit, Motion
from vlogger_core.errors import InputError
from vlogger_core.image import check_portrait, load_image
from vlogger_core.names import EXPRESSION_INDEX
from vlogger_core.pipeline import video_size
from vlogger_core.render.encode import ENCODINGS, encode
from vlogger_core.render.maps import ControlMaps
from vlogger_core.render.preview import open_previewer
from vlogger_core.threads import one_thread

from .machine import describe

POSES = ("neutral", "head turned 15 degrees", "jaw open", "eyes closed", "arm raised")
JOINTS = ("neck", "head", "left_shoulder")
PICTURES = {".png", ".jpg", ".jpeg", ".webp"}
LABEL_PX = 18


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, default=Path("../shared/samples"), help="where portraits lie, at any depth"
    )
    parser.add_argument("--portraits", nargs="+", default=["p01", "p03", "p05"], help="how their file names begin")
    parser.add_argument("--size", type=int, default=512, help="pixels of the shorter side of each map")
    parser.add_argument("--out", type=Path, required=True, help="the .png file to write")
    args = parser.parse_args()
    body = load_anny()
    blocks = []
    for name in args.portraits:
        image = check_portrait(load_image(find_portrait(args.data, name)))
        with torch.no_grad():
            blocks.append(block(fit_photo(image, model=body, landmarks=gather_landmarks(image)), args.size, name))
    height = max(block.shape[0] for block in blocks)
    sheet = np.hstack([np.pad(b, ((0, height - b.shape[0]), (0, 0), (0, 0))) for b in blocks])
    args.out.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(args.out), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    print(describe())
    print(f"{args.out}: {sheet.shape[1]} x {sheet.shape[0]} px, poses {', '.join(POSES)}")


def find_portrait(data: Path, name: str) -> Path:
    """The picture under `data` whose file name begins with `name`."""
    found = sorted(p for p in data.rglob(f"{name}*") if p.suffix.lower() in PICTURES)
    if not found:
        raise InputError(f"There is no picture {name}* under {data}. Say with --data where the portraits lie.")
    return found[0]


def five_poses(fit: BodyFit) -> Motion:
    """A frame for each of `POSES`, each but for its own change as the photo is."""
    own = torch.zeros_like(fit.expression)
    for _ in range(50):
        own = (own + fit.expression - compose_expression(fit.expression, own[None])[0]).clamp(0, 1)
    expression = own.repeat(len(POSES), 1)
    expression[2, EXPRESSION_INDEX["jawOpen"]] = 0.7
    for side in ("Left", "Right"):
        expression[3, EXPRESSION_INDEX[f"eyeBlink{side}"]] = 1.0
    joint_rotvec = torch.zeros(len(POSES), len(JOINTS), 3)
    joint_rotvec[1, :2, 1] = torch.deg2rad(torch.tensor(7.5))
    joint_rotvec[4, 2, 2] = 0.5
    return Motion(
        fps=Fraction(24),
        expression=expression,
        joint_names=JOINTS,
        joint_rotvec=joint_rotvec,
        translation=torch.zeros(len(POSES), 3),
    )


def block(fit: BodyFit, size: int, name: str) -> np.ndarray:
    """One portrait: a column for each pose, a row for each encoding, the flow's confidence and the preview."""
    controls = ControlMaps(fit, five_poses(fit), video_size(fit.camera.width, fit.camera.height, size))
    columns = [np.vstack(list(column(controls, t, name))) for t in range(len(POSES))]
    return np.hstack(columns)


def column(controls: ControlMaps, t: int, name: str) -> Iterator[np.ndarray]:
    previewer = open_previewer(controls.carrier())
    frame = controls.posed(t)
    for encoding in ENCODINGS:
        picture, mask = encode(controls, encoding, controls.of(frame, ENCODINGS[encoding].maps))
        yield cell(picture[0], f"{name} {encoding}, {POSES[t]}")
        if encoding == "warp_flow":
            yield cell(mask.expand(3, -1, -1), f"{name} confidence, {POSES[t]}")
    with one_thread():
        yield cell(previewer.draw(frame), f"{name} preview, {POSES[t]}")


def cell(picture: Float[Tensor, "3 h w"], label: str) -> np.ndarray:
    """A picture under its label."""
    pixels = (picture.clamp(0, 1) * 255).round().byte().movedim(0, -1).cpu().numpy()
    pixels = np.pad(pixels, ((LABEL_PX, 0), (0, 0), (0, 0)))
    return cv2.putText(pixels, label, (4, LABEL_PX - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1, cv2.LINE_AA)


if __name__ == "__main__":
    main()
