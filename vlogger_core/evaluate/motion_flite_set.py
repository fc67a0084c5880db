"""The bundled test recording of flite's voice slt, so that nobody needs flite to be tested against it.

`python -m vlogger_core.evaluate.motion_flite_set` writes it anew where flite is installed.
"""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float

from ..assets import ASSETS
from ..data.flite import Flite
from ..datatypes import TimedLabel
from ..speech.audio import load_audio
from ..speech.mel import SAMPLE_RATE
from .motion_sentences import FLITE_SENTENCES

VOICE = "slt"
SOUND, TIMES = ASSETS / "evaluation" / "flite_slt.flac", ASSETS / "evaluation" / "flite_slt.json"


def read_flite_set() -> list[tuple[str, Float[np.ndarray, " n"], list[TimedLabel]]]:
    """Text, speech at 16 kHz and phones (a stop's with its closure inside) of each sentence."""
    sound = load_audio(SOUND).waveform[0].double().numpy()
    return [
        (
            row["text"],
            sound[row["start"] : row["stop"]],
            [TimedLabel(text=text, start_s=start_s, end_s=end_s) for text, start_s, end_s in row["phones"]],
        )
        for row in json.loads(TIMES.read_text(encoding="utf-8"))["sentences"]
    ]


def write_flite_set(sound: Path = SOUND, times: Path = TIMES) -> None:
    """Let slt say `FLITE_SENTENCES`, one directly behind the other.

    Raises:
        ToolError: if flite is not installed.
    """
    flite = Flite()
    rows, pieces, start = [], [], 0
    for text in FLITE_SENTENCES:
        speech, phones = flite.say(text, voice=VOICE)
        stop = start + len(speech)
        spans = [(phone.text, round(phone.start_s, 4), round(phone.end_s, 4)) for phone in phones]
        rows.append({"text": text, "start": start, "stop": stop, "phones": spans})
        pieces.append(speech)
        start = stop
    sound.parent.mkdir(parents=True, exist_ok=True)
    _write_flac(sound, np.concatenate(pieces))
    table = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    times.write_text(
        f'{{"voice": "{VOICE}", "sample_rate": {SAMPLE_RATE}, "sentences": [\n{table}\n]}}\n', encoding="utf-8"
    )


def _write_flac(path: Path, speech: Float[np.ndarray, " n"]) -> None:
    import av

    samples = np.round(speech * 32768).clip(-32768, 32767).astype(np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("flac", rate=SAMPLE_RATE, layout="mono")
        stream.codec_context.options = {"compression_level": "12"}
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, 0, Fraction(1, SAMPLE_RATE)
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)


if __name__ == "__main__":
    write_flite_set()
