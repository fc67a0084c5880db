"""Every neural voice by its name, such as `kokoro/af_heart`."""

from __future__ import annotations

from ..errors import InputError
from .backends import Backend
from .kokoro_voice import Kokoro
from .piper_voice import Piper
from .pocket_voice import Pocket
from .supertonic_voice import Supertonic

BACKENDS: dict[str, Backend] = {
    "kokoro": Kokoro(),
    "piper": Piper(),
    "pocket": Pocket(),
    "supertonic": Supertonic(),
}


def find_backend(name: str) -> tuple[Backend, str]:
    """The backend of a voice and the voice's name there; a path that ends in `.onnx` is a voice of Piper's.

    Raises:
        InputError: if no backend has that name.
    """
    if name.endswith(".onnx"):
        return BACKENDS["piper"], name
    engine, _, voice = name.partition("/")
    if engine not in BACKENDS or not voice:
        raise InputError(
            f'There is no neural voice "{name}". Choose one of {", ".join(BACKENDS)}, a slash and a voice, such as '
            "kokoro/af_heart or supertonic/en/F1; or the .onnx file of a Piper voice."
        )
    return BACKENDS[engine], voice
