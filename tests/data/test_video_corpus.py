import argparse
from pathlib import Path

import numpy as np
import pytest
import torch

from vlogger_core.body.landmarks import PhotoLandmarks, no_points
from vlogger_core.data import video_corpus
from vlogger_core.data.video_corpus import make_corpus, plan_corpus, remember
from vlogger_core.data.video_curation import background_moves, head_jitters, sound_is_poor
from vlogger_core.data.video_shards import list_shard
from vlogger_core.data.video_studio import CorpusSettings
from vlogger_core.datatypes import Audio
from vlogger_core.errors import InputError


def settings(out: Path, **changes) -> CorpusSettings:
    given = {
        "size": 64, "crop": 64, "frames": 3, "wild": 1.0, "warp": "preview", "backend": "torch", "seed": 0,
        "portraits": out, "clips": None, "fits": out / "fits", "hands": True, "sound": True,
    }  # fmt: skip
    return CorpusSettings(**{**given, **changes})


def test_any_beginning_of_the_plan_is_mixed_as_the_whole(tmp_path: Path):
    shards = plan_corpus(tmp_path, settings(tmp_path), samples=12800, sequences=320, photo_share=0.3)
    training = [shard for shard in shards if not shard.held_out]
    assert len({shard.path for shard in shards}) == len(shards)
    assert shards[: len(shards) - len(training)] == [shard for shard in shards if shard.held_out]
    for part in (training, training[: len(training) // 2]):
        frames = [shard for shard in part if shard.kind == "frames"]
        photos = sum(shard.source == "photo" for shard in frames) / len(frames)
        assert photos == pytest.approx(0.3, abs=0.05)
        assert len(frames) / len(part) == pytest.approx(100 / 140, abs=0.06)


def test_without_portraits_all_is_rendered_and_clips_are_shards_of_their_own(tmp_path: Path):
    clips = tmp_path / "clips"
    clips.mkdir()
    for name in ("b.mp4", "a.mov", "notes.txt"):
        (clips / name).touch()
    shards = plan_corpus(
        tmp_path, settings(tmp_path, portraits=None, clips=clips), samples=256, sequences=0, photo_share=0.5
    )
    assert {shard.source for shard in shards} == {"body", "clip"}
    assert [shard.clip for shard in shards if shard.clip] == ["a.mov", "b.mp4"]


def test_a_corpus_goes_on_with_its_own_settings_only(tmp_path: Path):
    remember(tmp_path, settings(tmp_path))
    remember(tmp_path, settings(tmp_path))
    with pytest.raises(InputError, match=r"made with other settings, which corpus\.json tells"):
        remember(tmp_path, settings(tmp_path, seed=1))


def test_finished_shards_are_kept_and_the_disk_is_bounded(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    shards = plan_corpus(tmp_path, settings(tmp_path), samples=256, sequences=0, photo_share=0.0)
    shards[0].path.parent.mkdir(parents=True)
    shards[0].path.write_bytes(bytes(1000))
    assert make_corpus(shards, max_bytes=500) == 1000
    assert "The corpus ends after 1 of 3 shards" in caplog.text


def test_bad_arguments_are_named(tmp_path: Path):
    parser = argparse.ArgumentParser()
    video_corpus.add_arguments(parser)
    for arguments, message in (
        (["--size", "20"], "--size must lie in 64 to 1024. Got 20"),
        (["--crop", "300"], "--crop must lie in 32 to 128. Got 300"),
        (["--photo-share", "2"], "--photo-share must lie in 0 to 1"),
        (["--portraits", str(tmp_path / "no")], "--portraits must be a folder"),
    ):
        with pytest.raises(InputError, match=message):
            video_corpus.run(parser.parse_args(["--out", str(tmp_path), *arguments]))


@pytest.mark.slow
def test_a_shard_is_what_its_settings_say(tmp_path: Path):
    shard = plan_corpus(tmp_path, settings(tmp_path, portraits=None), samples=0, sequences=8, photo_share=0.0)[-1]
    shard.path.parent.mkdir(parents=True)
    assert shard.make() == shard.path.stat().st_size
    first = shard.path.read_bytes()
    assert list_shard(shard.path) == [("clip", 3)] * 8
    shard.make()
    assert shard.path.read_bytes() == first


def test_a_background_that_moves_is_seen():
    frames = torch.rand(1, 3, 32, 32).repeat(8, 1, 1, 1)
    person = torch.zeros(32, 32)
    person[8:, 8:24] = 1.0
    frames[:, :, 12:, 10:22] = torch.rand(8, 3, 20, 12)
    assert background_moves(frames, person) is None
    assert (
        background_moves(frames.roll(3, -1).where(torch.arange(8)[:, None, None, None] > 4, frames), person) is not None
    )


def _face(x: float) -> PhotoLandmarks:
    generator = torch.Generator().manual_seed(0)
    face = torch.cat((100 + 20 * torch.rand(478, 2, generator=generator), torch.ones(478, 1)), 1)
    face[:, 0] += x
    return PhotoLandmarks(
        width=256, height=256, face=face, body=no_points(17), left_hand=no_points(21), right_hand=no_points(21),
        source="test",
    )  # fmt: skip


def test_a_face_that_jumps_to_and_fro_is_seen():
    eyes = _face(0.0).eye_distance
    smooth = [_face(eyes * np.sin(t / 4)) for t in range(20)]
    assert head_jitters(smooth) is None
    assert "jitters" in (head_jitters([_face(0.2 * eyes * (t % 2)) for t in range(20)]) or "")


def test_poor_sound_is_heard():
    rate = 16000
    time_s = torch.arange(3 * rate) / rate
    bursts = torch.sin(600 * time_s) * (torch.sin(6 * time_s) > 0)
    noise = torch.randn(3 * rate, generator=torch.Generator().manual_seed(0))

    def reason(waveform: torch.Tensor) -> str:
        return sound_is_poor(Audio(waveform=waveform[None], sample_rate=rate)) or ""

    assert reason(0.5 * bursts + 0.001 * noise) == ""
    assert "nearly silent" in reason(0.0001 * noise)
    assert "stands out of the noise" in reason(0.1 * bursts + 0.1 * noise)
    assert "clipped" in reason((3 * bursts).clamp(-1, 1))
    assert sound_is_poor(None) == "it has no sound"
