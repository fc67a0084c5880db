from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from vlogger_core.cli import main
from vlogger_core.clock import num_frames
from vlogger_core.data import voices
from vlogger_core.data.sentences import WORDS, sentence
from vlogger_core.data.shards import ShardInfo, Stream, load_shard, save_shard
from vlogger_core.data.speakers import EspeakSpeaker
from vlogger_core.data.speech_corpus import Recording, Shard, label, plan_corpus, record
from vlogger_core.errors import InputError
from vlogger_core.motion.layout import MOTION_JOINTS, motion_dim
from vlogger_core.names import EXPRESSION_INDEX as INDEX
from vlogger_core.speech.espeak import Espeak


@pytest.fixture(scope="module")
def recording() -> Recording:
    with Espeak(shared_process=True) as espeak:
        rng = np.random.default_rng(5)
        return record(EspeakSpeaker.draw(espeak, rng, held_out=False), rng, seconds=12.0)


def test_motion_covers_the_recording(recording: Recording):
    motion = label(recording, np.random.default_rng(0))
    assert motion.shape == (num_frames(len(recording.clean), 16000, Fraction(24)), motion_dim(MOTION_JOINTS))
    assert len(recording.speech) == len(recording.clean)
    assert motion[:, :52].min() >= 0
    assert motion[:, :52].max() <= 1


def test_lips_close_at_every_p_b_m(recording: Recording):
    motion = label(recording, np.random.default_rng(0))
    closures = [segment for segment in recording.segments if segment.viseme == "closure"]
    assert len(closures) >= 5
    for segment in closures:
        first, last = int(segment.start_s * 24) - 1, int(segment.end_s * 24) + 2
        assert motion[max(0, first) : last, INDEX["mouthPressLeft"]].max() > 0.275


def test_silence_shuts_the_mouth(recording: Recording):
    motion = label(recording, np.random.default_rng(0))
    last = max(segment.end_s for segment in recording.segments)
    assert len(motion) > last * 24
    pauses = [
        motion[int((one.end_s + 0.3) * 24) : int((other.start_s - 0.2) * 24), INDEX["jawOpen"]]
        for one, other in zip(recording.segments, recording.segments[1:], strict=False)
        if other.start_s - one.end_s > 0.7
    ]
    assert all(pause.max() < 0.06 for pause in pauses if len(pause))


def test_the_same_seed_gives_the_same_shard(tmp_path: Path):
    for name in ("a", "b"):
        Shard(path=tmp_path / f"{name}.safetensors", source="espeak", seed=3, index=0, held_out=True, streams=1).make()
    (stream,), info = load_shard(tmp_path / "a.safetensors")
    (again,), _ = load_shard(tmp_path / "b.safetensors")
    assert torch.equal(stream.features, again.features)
    assert torch.equal(stream.motion, again.motion)
    assert info.feature_kind == "mel80x4"
    assert info.fps == 24
    assert info.joint_names[0] == "spine1"
    assert stream.features.dtype == torch.float16
    assert stream.features.shape == (len(stream.motion), 320)


@pytest.mark.parametrize(("flite_hours", "count"), [(0.0, 0), (0.05, 1), (1.0, 6)])
def test_hours_become_shards(tmp_path: Path, flite_hours: float, count: int):
    shards = plan_corpus(tmp_path, hours=0.1, flite_hours=flite_hours, replays=0, recordings=None, seed=0)
    assert sum(shard.source == "flite" for shard in shards) == count


def test_recorded_faces_must_be_complete(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    faces, out = tmp_path / "faces", tmp_path / "out"
    faces.mkdir()
    for name in ("facegood_2_01.wav", "facegood_2_01_bs.npy"):
        (faces / name).touch()
    assert main(["data", "speech-corpus", "--out", str(out), "--face-motion", str(faces)]) == 2
    assert "lacks the recordings facegood_2_02, facegood_2_03" in capsys.readouterr().err
    assert not out.exists()


def test_a_corpus_keeps_its_seed(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "corpus.json").write_text('{"seed": 4}')
    assert main(["data", "speech-corpus", "--out", str(tmp_path), "--seed", "5"]) == 2
    assert "was begun with --seed 4: go on with that" in capsys.readouterr().err
    assert not (tmp_path / "train").exists()


def test_a_file_that_is_no_shard(tmp_path: Path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match="make the corpus anew"):
        load_shard(path)


def test_shard_keeps_streams_apart(tmp_path: Path):
    info = ShardInfo(feature_kind="mel80x4", fps=Fraction(24000, 1001), joint_names=("head",))
    streams = [Stream(features=torch.full((n, 4), float(n)), motion=torch.full((n, 58), float(n))) for n in (3, 5)]
    save_shard(tmp_path / "s.safetensors", streams, info)
    loaded, read = load_shard(tmp_path / "s.safetensors")
    assert read == info
    assert [len(stream.motion) for stream in loaded] == [3, 5]
    assert (loaded[1].features == 5).all()


def test_test_voices_are_never_trained_on():
    assert not set(voices.HELD_OUT_TIMBRES) & set(voices.TRAINING_TIMBRES)


@pytest.mark.parametrize("language", sorted(WORDS))
def test_sentences_end_with_a_mark_and_follow_the_seed(language: str):
    text = sentence(language, np.random.default_rng(1))
    assert text[-1] in ".!?"
    assert text[0].isupper()
    assert text == sentence(language, np.random.default_rng(1))


def test_every_voice_exists():
    with Espeak(shared_process=True) as espeak:
        variants = {variant.code for variant in espeak.variants()}
        wanted = set(voices.TRAINING_TIMBRES + voices.HELD_OUT_TIMBRES) - {""}
        assert wanted <= variants, wanted - variants
