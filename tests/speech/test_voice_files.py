import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from vlogger_core.errors import InputError
from vlogger_core.speech.voice_files import VoiceFile, VoiceFiles, provide_files

REVISION = "0123456789abcdef0123456789abcdef01234567"
WANTED = VoiceFiles(
    repository="someone/voices",
    licence="CC0-1.0",
    folder="engine",
    files=(
        VoiceFile(path="config.json", revision=REVISION, megabytes=0.1),
        VoiceFile(path="voices/one.bin", revision=REVISION, megabytes=12),
    ),
)


class Hub(BaseHTTPRequestHandler):
    """As much of Hugging Face's protocol as the download of a file needs."""

    def do_HEAD(self) -> None:
        self.answer(b"")

    def do_GET(self) -> None:
        self.answer(self.path.encode())

    def answer(self, body: bytes) -> None:
        known = self.path.startswith(f"/someone/voices/resolve/{REVISION}/") and "missing" not in self.path
        self.send_response(200 if known else 404)
        if known:
            self.send_header("ETag", '"0123456789"')
            self.send_header("X-Repo-Commit", REVISION)
        else:
            self.send_header("X-Error-Code", "EntryNotFound")
        self.send_header("Content-Length", str(len(self.path)) if known else "0")
        self.end_headers()
        self.wfile.write(body if known else b"")

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_missing_files_are_listed_with_all_that_one_must_know(tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        provide_files(WANTED, tmp_path)
    message = str(raised.value)
    for part in (
        "2 files (12 MB)",
        "https://huggingface.co/someone/voices",
        REVISION,
        "licence CC0-1.0",
        "config.json, voices/one.bin",
        str(tmp_path / "engine"),
        "allow_download",
    ):
        assert part in message
    assert not list(tmp_path.iterdir())


def test_files_put_there_by_hand_are_used(tmp_path: Path) -> None:
    for file in WANTED.files:
        path = tmp_path / "engine" / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    assert provide_files(WANTED, tmp_path, allow_download=True, endpoint="http://127.0.0.1:9") == tmp_path / "engine"


def test_missing_files_come_from_the_hub_when_asked(tmp_path: Path, hub: str, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine/config.json").write_text("mine")
    told = []
    with caplog.at_level(logging.WARNING):
        root = provide_files(
            WANTED, tmp_path, allow_download=True, endpoint=hub, progress=lambda done, total: told.append((done, total))
        )
    assert (root / "config.json").read_text() == "mine"
    assert (root / "voices/one.bin").read_text() == f"/someone/voices/resolve/{REVISION}/voices/one.bin"
    assert told[-1] == (12, 12)
    assert "Downloading 1 files (12 MB)" in caplog.text


def test_a_download_that_fails_says_what_to_fetch_by_hand(tmp_path: Path, hub: str) -> None:
    gone = VoiceFiles(
        repository="someone/voices",
        licence="MIT",
        folder="engine",
        files=(VoiceFile(path="missing.bin", revision=REVISION, megabytes=1),),
    )
    with pytest.raises(InputError, match=r"The download failed \(.*404.* Put these .*missing\.bin"):
        provide_files(gone, tmp_path, allow_download=True, endpoint=hub)


def test_a_download_can_be_cancelled(tmp_path: Path, hub: str) -> None:
    def cancel(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        provide_files(WANTED, tmp_path, allow_download=True, endpoint=hub, progress=cancel)
