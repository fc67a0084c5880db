import errno
import importlib.metadata
import subprocess
import sys
import threading
import time

import pytest

from vlogger_core.body.anny_model import load_anny
from vlogger_core.body.cache import cache_dir, ensure_built
from vlogger_core.errors import InputError, ToolError
from vlogger_core.progress import silent

WRITE = "import sys, pathlib; print('progress 3 7', flush=True); pathlib.Path(sys.argv[1]).write_text('made')"
SLOW = "import sys, time, pathlib; pathlib.Path(sys.argv[1]).write_text('ha'); time.sleep(60)"
FAIL = "import sys; sys.exit('the oven is cold')"


def child(code: str):
    return lambda out, scratch: [sys.executable, "-c", code, str(out), str(scratch)]


def test_builds_once(tmp_path):
    path, seen = tmp_path / "deep" / "thing.bin", []
    ensure_built(path, child(WRITE), lambda done, total: seen.append((done, total)))
    assert path.read_text() == "made"
    assert seen[-1] == (7, 7)
    ensure_built(path, child(FAIL), silent)
    assert {p.name for p in path.parent.iterdir()} == {"thing.bin", "thing.lock"}


def test_failure_says_why_and_leaves_nothing(tmp_path):
    path = tmp_path / "thing.bin"
    with pytest.raises(ToolError, match="exit code 1: the oven is cold"):
        ensure_built(path, child(FAIL), silent)
    assert [p.name for p in tmp_path.iterdir()] == ["thing.lock"]


def test_cancel_kills_the_child_within_a_second(tmp_path):
    begun = time.monotonic()

    def cancel(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ensure_built(tmp_path / "thing.bin", child(SLOW), cancel)
    assert time.monotonic() - begun < 1.5
    assert [p.name for p in tmp_path.iterdir()] == ["thing.lock"]


def test_a_second_builder_waits_for_the_first(tmp_path):
    path, log = tmp_path / "thing.bin", tmp_path / "log"
    code = (
        "import sys, time, pathlib; open(sys.argv[3], 'a').write('x'); time.sleep(0.5);"
        "pathlib.Path(sys.argv[1]).write_text('made')"
    )
    threads = [
        threading.Thread(
            target=ensure_built,
            args=(path, lambda out, scratch: [sys.executable, "-c", code, str(out), str(scratch), str(log)], silent),
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.read_text() == "x"
    assert path.read_text() == "made"


def test_cache_dir_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("VLOGGER_CACHE_DIR", str(tmp_path))
    assert cache_dir() == tmp_path
    monkeypatch.delenv("VLOGGER_CACHE_DIR")
    if sys.platform == "linux":
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        assert cache_dir() == tmp_path / "vlogger"


def test_missing_package_is_named(monkeypatch):
    def version(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    with pytest.raises(InputError, match="pip install anny"):
        load_anny()


def test_warm_load_does_not_import_anny():
    load_anny()
    code = (
        "import sys; from vlogger_core.body.anny_model import load_anny; load_anny();"
        "sys.exit('anny' in sys.modules or 'warp' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_unusable_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"The cache folder .*deep cannot be used: .*VLOGGER_CACHE_DIR"):
        ensure_built(tmp_path / "file" / "deep" / "thing.bin", child(WRITE), silent)


@pytest.mark.skipif(sys.platform == "win32", reason="flock is POSIX")
def test_file_system_without_locks_is_told(monkeypatch, tmp_path):
    import fcntl

    def flock(descriptor, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(ToolError, match=r"No locks available\. Set the environment variable VLOGGER_CACHE_DIR"):
        ensure_built(tmp_path / "thing.bin", child(WRITE), silent)
