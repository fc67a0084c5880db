import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import av
import pytest
import torch
from PIL import Image

from tests.video.tiny_video import TinySource, tiny_controls, tiny_network
from vlogger_core.errors import InputError
from vlogger_core.video.cascade import CascadeChunk, CascadeState
from vlogger_core.video.run_folder import CHUNK_FRAMES, open_run
from vlogger_core.video.sampler import SamplerSettings, SamplerState, sample_video

SETTINGS = SamplerSettings(steps=1, overlap=0.0)
VIDEO = {"frames": 80, "fps": "25", "base": {"steps": 1, "solver": "ddim"}, "photo": "ab12"}


def _chunks(state: CascadeState | None = None) -> Iterator[CascadeChunk]:
    """Of one stage."""
    source = TinySource(tiny_controls(VIDEO["frames"]))
    stage = None if state is None else state.stages[0]
    for chunk in sample_video(tiny_network(), source, SETTINGS, state=stage):
        state = CascadeState(stages=(chunk.state,), pending=())
        yield CascadeChunk(frames=chunk.frames, start=chunk.start, state=state)


@pytest.fixture(scope="module")
def video() -> torch.Tensor:
    """In eight bits, as they are kept."""
    return (torch.cat([chunk.frames for chunk in _chunks()]) * 255).round() / 255


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was stopped after 40 of 80 frames."""
    folder = tmp_path_factory.mktemp("stopped") / "run"
    with open_run(folder, VIDEO) as run:
        for chunk in run.record(_chunks()):
            if chunk.state.done >= 40:
                break
    return folder


@pytest.fixture
def half(stopped: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(stopped, tmp_path / "run"))


def test_a_whole_video_is_kept_without_loss(tmp_path: Path, video: torch.Tensor):
    with open_run(tmp_path / "new" / "run", VIDEO) as run:
        assert (run.done, run.state()) == (0, None)
        handed_on = torch.cat([chunk.frames for chunk in run.record(_chunks())])
        assert run.done == run.num_frames == 80
        assert torch.equal(torch.stack(list(run.frames())), video)
    assert len(handed_on) == 80
    names = sorted(path.name for path in (tmp_path / "new" / "run").iterdir())
    assert names == [
        "frames-000000.mkv", "frames-000032.mkv", "frames-000064.mkv", "lock", "manifest.json",
        "state-000080.safetensors",
    ]  # fmt: skip


def test_a_stopped_run_goes_on_from_its_last_whole_chunk(half: Path, video: torch.Tensor):
    with open_run(half, VIDEO) as run:
        assert run.done == CHUNK_FRAMES
        state = run.state()
        assert state is not None
        assert state.done == CHUNK_FRAMES
        assert torch.equal(torch.stack(list(run.frames())), video[:CHUNK_FRAMES])
        first = None
        for chunk in run.record(_chunks(state)):
            first = chunk.start if first is None else first
        assert first == CHUNK_FRAMES
        assert torch.equal(torch.stack(list(run.frames())), video)


def test_chunks_are_films_that_players_show(half: Path):
    with av.open(str(half / "frames-000000.mkv")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, float(stream.average_rate)) == ("h264", 25)


def test_odd_sizes_are_kept_too(tmp_path: Path):
    frames = torch.rand(3, 3, 33, 41)
    state = SamplerState(done=3, known=torch.zeros(0, 3, 1, 1), previous=None)
    chunks = iter([CascadeChunk(frames=frames, start=0, state=CascadeState(stages=(state,), pending=()))])
    with open_run(tmp_path / "run", {"frames": 3, "fps": "30000/1001"}) as run:
        list(run.record(chunks))
        assert torch.equal(torch.stack(list(run.frames())), (frames * 255).round() / 255)


def test_the_second_of_two_runs_is_told(half: Path):
    with open_run(half, VIDEO) as run:
        with (
            pytest.raises(InputError, match=r"Another run is writing into .*run: wait until it is done"),
            open_run(half, VIDEO),
        ):
            pass
        assert run.done == CHUNK_FRAMES
    with open_run(half, VIDEO):
        pass


def test_a_folder_of_another_video_is_refused_with_what_differs(half: Path):
    other = {**VIDEO, "frames": 90, "photo": "cd34", "base": {"steps": 4, "solver": "ddpm"}}
    with (
        pytest.raises(
            InputError,
            match=r"holds another video: base solver differs, base steps is 1 there and 4 here, frames is 80 there and "
            r"90 here, photo differs\. Choose another folder",
        ),
        open_run(half, other),
    ):
        pass


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_told_and_what_is_finished_stays(half: Path, video: torch.Tensor):
    full = half / "frames-000032.mkv.partial"
    with open_run(half, VIDEO) as run:
        full.symlink_to("/dev/full")
        with pytest.raises(
            InputError, match=r"The disk is full\. The 32 finished frames of 80 stay in .*run: free some"
        ):
            list(run.record(_chunks(run.state())))
        assert torch.equal(torch.stack(list(run.frames())), video[:CHUNK_FRAMES])
    with open_run(half, VIDEO) as run:
        assert not full.is_symlink()
        list(run.record(_chunks(run.state())))
        assert torch.equal(torch.stack(list(run.frames())), video)


def test_what_a_killed_run_left_half_done_is_cleaned_up(half: Path, video: torch.Tensor):
    """Chunk and state were written, the manifest was not."""
    for name in ("frames-000032.mkv", "state-000064.safetensors", "manifest.json.partial"):
        (half / name).write_bytes(b"half")
    with open_run(half, VIDEO) as run:
        assert {path.name for path in half.iterdir()} == {
            "frames-000000.mkv", "state-000032.safetensors", "manifest.json", "lock",
        }  # fmt: skip
        list(run.record(_chunks(run.state())))
        assert torch.equal(torch.stack(list(run.frames())), video)


def test_other_folders_are_left_alone(tmp_path: Path):
    Image.new("RGB", (4, 4)).save(tmp_path / "holiday.png")
    with pytest.raises(InputError, match="holds other files: choose a new folder"), open_run(tmp_path, VIDEO):
        pass
    assert (tmp_path / "holiday.png").is_file()
    with (
        pytest.raises(InputError, match=r"run folder .*holiday.png cannot be used \(File exists\)"),
        open_run(tmp_path / "holiday.png", VIDEO),
    ):
        pass


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b'{"format": "vlogger-run", "version": 1, "video": 3, "chunks": [3]}']
)
def test_a_damaged_manifest_is_told(half: Path, text: bytes):
    (half / "manifest.json").write_bytes(text)
    with (
        pytest.raises(InputError, match=r"cannot be gone on with: manifest\.json is damaged\. Delete it"),
        open_run(half, VIDEO),
    ):
        pass


def test_another_version_is_told(half: Path):
    manifest = json.loads((half / "manifest.json").read_text())
    (half / "manifest.json").write_text(json.dumps({**manifest, "version": 7}))
    with (
        pytest.raises(InputError, match=r"made by another version of this pack \(vlogger-run 7\)"),
        open_run(half, VIDEO),
    ):
        pass


def test_missing_and_damaged_files_are_told(half: Path):
    chunk, state = half / "frames-000000.mkv", half / "state-000032.safetensors"
    data = state.read_bytes()
    for damage in (lambda: state.write_bytes(data[:100]), state.unlink):
        damage()
        with (
            open_run(half, VIDEO) as run,
            pytest.raises(InputError, match=r"state-000032.safetensors is missing or dam"),
        ):
            run.state()
    chunk.write_bytes(chunk.read_bytes()[:2000])
    with open_run(half, VIDEO) as run, pytest.raises(InputError, match=r"frames-000000\.mkv"):
        list(run.frames())
    chunk.unlink()
    with pytest.raises(InputError, match=r"frames-000000\.mkv is missing"), open_run(half, VIDEO):
        pass
