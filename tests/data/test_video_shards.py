import io
import tarfile
from pathlib import Path

import pytest
import torch

from vlogger_core.data.video_sample import Sample
from vlogger_core.data.video_shards import ShardWriter, list_shard, read_shard
from vlogger_core.errors import InputError
from vlogger_core.names import PARTS


def sample(frames: int = 2, *, kind: str = "frames", seed: int = 0) -> Sample:
    generator = torch.Generator().manual_seed(seed)

    def picture(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator)

    return Sample(
        target=picture(frames, 3, 12, 10),
        warp=picture(frames, 3, 12, 10),
        matte=picture(frames, 12, 10),
        valid=picture(frames, 12, 10),
        dense=picture(frames, 3, 12, 10),
        parts=torch.randint(len(PARTS), (frames, 12, 10), generator=generator),
        background=picture(3, 12, 10),
        reference=picture(3, 12, 10),
        kind=kind,
        info={"source": "test"},
    )


def write(path: Path, *samples: Sample) -> None:
    writer = ShardWriter(path)
    for one in samples:
        writer.add(one)
    writer.finish()


def test_pictures_come_back_within_a_level(tmp_path: Path):
    given = [sample(2, seed=1), sample(3, kind="clip", seed=2)]
    write(tmp_path / "a.tar", *given)
    for before, after in zip(given, read_shard(tmp_path / "a.tar"), strict=True):
        for name in ("target", "warp", "matte", "valid", "background", "reference"):
            torch.testing.assert_close(getattr(after, name), getattr(before, name), atol=0.5 / 255 + 1e-6, rtol=0)
        torch.testing.assert_close(after.dense, before.dense, atol=0.5 / 4095 + 1e-6, rtol=0)
        assert torch.equal(after.parts.long(), before.parts)
        assert (after.kind, after.info) == (before.kind, before.info)


def test_a_listing_reads_no_pictures(tmp_path: Path):
    write(tmp_path / "a.tar", sample(2), sample(4, kind="clip"))
    assert list_shard(tmp_path / "a.tar") == [("frames", 2), ("clip", 4)]


def test_the_same_samples_are_the_same_bytes_in_plain_files(tmp_path: Path):
    for name in ("a.tar", "b.tar"):
        write(tmp_path / name, sample(2))
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
    with tarfile.open(tmp_path / "a.tar") as file:
        names = file.getnames()
    assert {name.rpartition(".")[2] for name in names} == {"png", "json"}


def test_a_shard_appears_when_it_is_complete(tmp_path: Path):
    writer = ShardWriter(tmp_path / "a.tar")
    writer.add(sample(1))
    assert not (tmp_path / "a.tar").exists()
    writer.abandon()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("read", [lambda path: list(read_shard(path)), list_shard])
def test_what_is_no_shard_is_named(tmp_path: Path, read):
    (tmp_path / "a.tar").write_bytes(b"nothing" * 200)
    with pytest.raises(InputError, match=r"a\.tar is no shard of the video corpus .* delete it"):
        read(tmp_path / "a.tar")


def test_a_sample_that_lacks_a_file_is_named(tmp_path: Path):
    files = sample(1).to_files()
    del files["warp.png"]
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for ending, data in files.items():
            member = tarfile.TarInfo(f"00000.{ending}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    with pytest.raises(InputError, match=r"a\.tar: 00000 lacks 'warp\.png'"):
        list(read_shard(tmp_path / "a.tar"))


def test_damaged_pictures_are_named():
    files = sample(1).to_files()
    with pytest.raises(InputError, match="x cannot be read"):
        Sample.from_files({**files, "target.png": b"no picture"}, "x")
    with pytest.raises(InputError, match=r"x (has pictures of several sizes|cannot be read)"):
        Sample.from_files({**files, "background.png": _other_size()}, "x")


def _other_size() -> bytes:
    import cv2
    import numpy as np

    return cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1].tobytes()
