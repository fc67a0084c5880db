import subprocess
import sys
from pathlib import Path

import pytest

from vlogger_core.errors import InputError
from vlogger_core.speech.neural import BACKENDS, find_backend


def test_every_voice_says_where_its_files_come_from() -> None:
    for engine, backend in BACKENDS.items():
        for voice in backend.voices():
            found, name = find_backend(f"{engine}/{voice}")
            assert (found, name) == (backend, voice)
            files = backend.files(voice)
            assert files is not None
            assert files.licence
            assert files.megabytes > 5
            assert all(len(file.revision) == 40 for file in files.files)


def test_any_onnx_file_is_a_voice_of_piper() -> None:
    backend, voice = find_backend("/some/where/my.onnx")
    assert backend.name == "Piper"
    assert backend.files(voice) is None


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("siri/one", 'no neural voice "siri/one". Choose one of kokoro, piper, pocket, supertonic'),
        ("kokoro", 'no neural voice "kokoro"'),
    ],
)
def test_unknown_engines_are_refused(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_backend(name)


@pytest.mark.parametrize("engine", list(BACKENDS))
def test_unknown_voices_are_refused(engine: str) -> None:
    with pytest.raises(InputError, match='has no voice "nobody"'):
        BACKENDS[engine].files("nobody")


def test_packages_are_not_imported_before_a_voice_is_opened() -> None:
    code = (
        "import sys, vlogger_core.speech.neural as neural\n"
        "print([backend.module for backend in neural.BACKENDS.values() if backend.module in sys.modules])"
    )
    project = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=project)
    assert done.stdout.strip() == "[]"
