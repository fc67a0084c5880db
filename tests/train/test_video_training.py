import argparse
import json
import logging
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from vlogger_core.data.video_sample import Sample
from vlogger_core.data.video_shards import ShardWriter
from vlogger_core.errors import InputError
from vlogger_core.names import PART_INDEX
from vlogger_core.train import video as command
from vlogger_core.train.loop import TrainingLog
from vlogger_core.train.stage_before import StageBefore, degraded, shrink_controls
from vlogger_core.train.video_data import ExampleStream, collate, mirror
from vlogger_core.train.video_figures import figures, ssim_map
from vlogger_core.train.video_loss import VideoLossWeights, picture_loss, pixel_weights
from vlogger_core.train.video_trainer import VideoTrainer, VideoTraining, trained_groups
from vlogger_core.train.video_validation import Validation
from vlogger_core.video.checkpoint import load_video_model, save_video_model
from vlogger_core.video.config import EMBEDDED_256, EMBEDDED_512, EMBEDDED_BASE, VideoConfig
from vlogger_core.video.network import VideoNetwork, group_of
from vlogger_core.video.reduced import REDUCTIONS

NETWORK = {
    "size": 16, "channels": [8, 16], "attention": [False, True], "heads": 2, "groups": 4, "token_width": 12,
    "token_grid": 2, "control_width": 8, "clip_frames": 3, "diffusion_steps": 20,
}  # fmt: skip
CONFIG = VideoConfig(**{name: tuple(v) if isinstance(v, list) else v for name, v in NETWORK.items()})
TRAINING = VideoTraining(
    steps=4, batch=4, warmup=2, log_every=2, save_every=2, validation_examples=2, validation_steps=2, open_shards=2
)
MOUTH = slice(8, 12)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures whose mouths are white in truth and black in the warp."""
    folder = tmp_path_factory.mktemp("corpus")
    for split in ("train", "validation"):
        (folder / split).mkdir()
        for kind, frames in (("frames", 3), ("clip", 4)):
            for index in range(2):
                writer = ShardWriter(folder / split / f"body-{kind}-{index:05d}.tar")
                for i in range(3):
                    writer.add(_sample(frames, kind, seed=100 * index + 10 * frames + i))
                writer.finish()
    return folder


def _sample(frames: int, kind: str, seed: int) -> Sample:
    generator = torch.Generator().manual_seed(seed)
    background = torch.rand(3, 16, 16, generator=generator) * 0.3
    warp = background.repeat(frames, 1, 1, 1)
    warp[:, :, 4:14, 3:12] = torch.rand(frames, 3, 1, 1, generator=generator)
    parts = torch.zeros(frames, 16, 16, dtype=torch.long)
    parts[:, 4:14, 3:12] = PART_INDEX["head"]
    parts[:, MOUTH, 6:10] = PART_INDEX["lips"]
    parts[:, 5, 4] = PART_INDEX["left_eye"]
    target = warp.clone()
    warp[:, :, MOUTH, 6:10], target[:, :, MOUTH, 6:10] = 0.0, 1.0
    return Sample(
        target=target,
        warp=warp,
        matte=(warp - background).abs().amax(1),
        valid=torch.ones(frames, 16, 16),
        dense=torch.rand(frames, 3, 16, 16, generator=generator) * (parts > 0)[:, None],
        parts=parts,
        background=background,
        reference=background.clone(),
        kind=kind,
    )


def _stream(corpus: Path, kind: str = "frames", frames: int = 1, **more) -> ExampleStream:
    return ExampleStream(corpus / "train", kind=kind, num_frames=frames, seed=3, open_shards=2, **more)


def _same(a: list[Sample], b: list[Sample]) -> bool:
    return all(torch.equal(x.target, y.target) and torch.equal(x.dense, y.dense) for x, y in zip(a, b, strict=True))


def test_a_stream_goes_on_where_it_was_left(corpus: Path):
    whole = _stream(corpus).next(70)
    for drawn in (0, 13, 40, 61):
        later = _stream(corpus)
        later.seek(drawn)
        assert _same(later.next(9), whole[drawn : drawn + 9])


def test_a_pass_shows_every_frame_once(corpus: Path):
    stream = _stream(corpus)
    # Of 6 samples of 3 frames each all, of 6 clips one frame.
    shown = stream.next(24)
    assert {len(one.target) for one in shown} == {1}
    assert len({one.warp.sum().item() for one in shown}) == 24


def test_clips_keep_their_frames_together(corpus: Path):
    for one in _stream(corpus, "clip", 3).next(8):
        assert one.kind == "clip"
        assert len(one.target) == 3


def test_processes_share_the_examples(corpus: Path):
    shares = [_stream(corpus, rank=rank, world=2).next(12) for rank in range(2)]
    sums = [{one.warp.sum().item() for one in share} for share in shares]
    assert not sums[0] & sums[1]


def test_what_is_missing_is_said(corpus: Path, tmp_path: Path):
    with pytest.raises(InputError, match="holds no samples: make them with"):
        ExampleStream(tmp_path, kind="frames", num_frames=1, seed=0)
    with pytest.raises(InputError, match=r"No clip in .* has 9 frames"):
        _stream(corpus, "clip", 9)


def test_mirroring_exchanges_the_sides():
    one = _sample(2, "frames", 0)
    there = mirror(one)
    assert torch.equal(there.target, one.target.flip(-1))
    assert (there.parts[:, 5, 11] == PART_INDEX["right_eye"]).all()
    body = (one.dense > 0).any(1)
    torch.testing.assert_close(there.dense.flip(-1)[:, 0][body], 1 - one.dense[:, 0][body])
    torch.testing.assert_close(mirror(there).dense, one.dense, atol=1e-6, rtol=0)
    assert torch.equal(mirror(there).parts, one.parts)


def test_batches_of_several_sizes_are_refused():
    one = _sample(1, "frames", 0)
    names = ("target", "warp", "matte", "valid", "dense", "parts", "background", "reference")
    other = replace(one, **{name: getattr(one, name)[..., :8, :8] for name in names})
    with pytest.raises(InputError, match="several sizes"):
        collate([_sample(1, "frames", 1), other])


def test_the_mouth_counts_most():
    batch = collate([_sample(1, "frames", 0)])
    weights = pixel_weights(batch.controls, VideoLossWeights(mouth=10.0, face=2.0))[0, 0, 0]
    torch.testing.assert_close(weights.mean(), torch.tensor(1.0))
    torch.testing.assert_close(weights[10, 8] / weights[0, 0], torch.tensor(10.0))
    torch.testing.assert_close(weights[5, 8] / weights[0, 0], torch.tensor(2.0))


@pytest.mark.parametrize(("part", "weight"), [("tongue", 7.0), ("iris", 5.0), ("brows", 2.0), ("right_hand", 3.0)])
def test_parts_count_by_their_region(part: str, weight: float):
    one = _sample(1, "frames", 0)
    one.parts[:] = 0
    one.parts[:, 2:5, 2:5] = PART_INDEX[part]
    given = VideoLossWeights(mouth=7.0, eyes=5.0, face=2.0, hands=3.0)
    weights = pixel_weights(collate([one]).controls, given)[0, 0, 0]
    torch.testing.assert_close(weights[3, 3] / weights[12, 12], torch.tensor(weight))


def test_the_loss_is_zero_for_the_truth_alone():
    batch = collate([_sample(2, "clip", 0)])
    weights = VideoLossWeights(steps=1.0)
    pixels, one = pixel_weights(batch.controls, weights), torch.ones(1)
    assert picture_loss(batch.target, batch.target, pixels, weights, one)["total"] == 0
    terms = picture_loss(batch.controls.composite(), batch.target, pixels, weights, one)
    assert set(terms) == {"squares", "gradients", "steps", "total"}
    assert terms["total"] > 0


def test_figures_tell_regions_apart():
    batch = collate([_sample(1, "frames", 0)])
    told = figures(batch.controls.composite(), batch.target, batch.controls)
    assert told["psnr_mouth"] < told["psnr_face"] < told["psnr_full"]
    perfect = figures(batch.target, batch.target, batch.controls)
    assert perfect["ssim_mouth"] == pytest.approx(1, abs=1e-5)
    torch.testing.assert_close(ssim_map(batch.target, batch.target), torch.ones(1, 1, 1, 16, 16))


def test_what_a_stage_before_made_lies_between_truth_and_composite():
    batch = collate([_sample(2, "clip", 0)])
    small = degraded(batch, 2, torch.Generator().manual_seed(0))
    assert small.shape == (1, 2, 3, 8, 8)
    truth = torch.nn.functional.avg_pool2d(batch.target[0], 2)
    assert (small[0] - truth).abs().mean() < 0.15


def test_an_upscaler_learns_from_what_the_stage_before_makes():
    batch = collate([_sample(2, "clip", 0), _sample(2, "clip", 1)])
    untrained = VideoNetwork(CONFIG).eval()
    draws = [StageBefore(2, untrained)(batch, torch.Generator().manual_seed(seed)) for seed in range(6)]
    composite = shrink_controls(batch.controls, 2).composite()
    made = [torch.allclose(shown[i], composite[i], atol=1e-5) for shown in draws for i in range(2)]
    assert {*made} == {True, False}
    rough = StageBefore(2)(batch, torch.Generator().manual_seed(0))
    assert torch.equal(rough, degraded(batch, 2, torch.Generator().manual_seed(0)))


def test_small_controls_keep_their_edges():
    controls = shrink_controls(collate([_sample(1, "frames", 0)]).controls, 2)
    assert controls.size == (8, 8)
    assert set(controls.parts.unique().tolist()) <= {0.0, 1.0}


def _trainer(corpus: Path, stage: str = "image", **changes) -> VideoTrainer:
    training = replace(TRAINING, **changes)
    torch.manual_seed(0)
    kind = "frames" if training.frames == 1 else "clip"
    return VideoTrainer(VideoNetwork(CONFIG), training, _stream(corpus, kind, training.frames), stage=stage)


def test_training_beats_the_composite(corpus: Path):
    trainer = _trainer(corpus, steps=60, learning_rate=3e-3, ema_decay=0.9)
    validation = Validation(_stream(corpus), examples=4, batch=4, sampler_steps=2)
    before, _ = validation(trainer.ema, torch.device("cpu"))
    assert before["ours_psnr_mouth"] == pytest.approx(before["raw_psnr_mouth"], abs=1e-3)
    for _ in range(60):
        trainer.train_step()
    after, picture = validation(trainer.ema, torch.device("cpu"))
    assert after["ours_psnr_mouth"] > after["raw_psnr_mouth"] + 1
    assert picture.shape == (3, 4 * 16, 5 * 16)


@pytest.mark.parametrize(("stage", "frames"), [("image", 1), ("clip", 3)])
def test_a_resumed_training_is_the_same(corpus: Path, tmp_path: Path, stage: str, frames: int):
    through = _trainer(corpus, stage, frames=frames)
    for _ in range(4):
        through.train_step()
    first = _trainer(corpus, stage, frames=frames)
    for _ in range(2):
        first.train_step()
    first.save(tmp_path / "state.pt")
    second = _trainer(corpus, stage, frames=frames)
    second.load(tmp_path / "state.pt")
    for _ in range(2):
        second.train_step()
    for network in ("network", "ema"):
        states = [getattr(trainer, network).state_dict() for trainer in (through, second)]
        assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@pytest.mark.parametrize(("stage", "frames"), [("image", 1), ("clip", 3), ("joint", 3)])
def test_a_stage_trains_its_own_layers(corpus: Path, stage: str, frames: int):
    trainer = _trainer(corpus, stage, frames=frames)
    with torch.no_grad():
        # What begins as zero lets no gradient through.
        for parameter in trainer.network.parameters():
            parameter += 0.01
    before = {name: value.clone() for name, value in trainer.network.named_parameters()}
    for _ in range(2):
        trainer.train_step()
    moved = {group_of(n) for n, value in trainer.network.named_parameters() if not torch.equal(value, before[n])}
    assert moved == set(trained_groups(CONFIG, stage))


def test_an_unknown_stage_is_refused(corpus: Path):
    with pytest.raises(ValueError, match=r"stage must be one of image, clip, upscale, joint\. Got 'both'"):
        _trainer(corpus, "both")


def _run(corpus: Path, out: Path, config: Path, *more: str) -> None:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    command.run(parser.parse_args(["--data", str(corpus), "--out", str(out), "--config", str(config), *more]))


def _config(path: Path, **training) -> Path:
    given = {"steps": 2, "batch": 4, "log_every": 1, "save_every": 2, "validation_examples": 2, "validation_steps": 2}
    path.write_text(json.dumps({"training": {**given, **training}, "network": NETWORK}))
    return path


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_command_trains_both_stages_and_goes_on(corpus: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    config, clips = _config(tmp_path / "image.json"), _config(tmp_path / "clip.json", frames=3)
    _run(corpus, tmp_path / "a", config, "--stage", "image")
    _run(corpus, tmp_path / "a", config, "--stage", "image", "--steps", "3", "--resume")
    lines = [json.loads(line) for line in (tmp_path / "a" / "log.jsonl").read_text().splitlines()]
    assert lines[0]["step"] == 0
    assert lines[-1]["step"] == 3
    assert {"raw_psnr_full", "ours_psnr_mouth", "ours_ssim_face"} <= set(lines[-1])
    assert len(list((tmp_path / "a" / "pictures").glob("*.png"))) == 3
    start = tmp_path / "a" / "video.safetensors"
    _run(corpus, tmp_path / "b", clips, "--stage", "clip", "--init", str(start))
    assert load_video_model(tmp_path / "b" / "video.safetensors").config == CONFIG


def test_a_checkpoint_is_tuned_as_it_is(corpus: Path, tmp_path: Path):
    first = tmp_path / "first.safetensors"
    save_video_model(first, VideoNetwork(CONFIG))
    config = tmp_path / "tune.json"
    training = {"steps": 1, "batch": 2, "log_every": 1, "validation_examples": 2, "validation_steps": 1}
    config.write_text(json.dumps({"training": training}))
    _run(corpus, tmp_path / "tuned", config, "--stage", "image", "--init", str(first))
    assert load_video_model(tmp_path / "tuned" / "video.safetensors").config == CONFIG
    config.write_text(json.dumps({"training": training, "network": {"layers": 2}}))
    with pytest.raises(InputError, match=r"asks for another network than --init has \(layers\)"):
        _run(corpus, tmp_path / "other", config, "--stage", "image", "--init", str(first))


def test_a_state_goes_on_in_its_own_stage_only(corpus: Path, tmp_path: Path):
    _trainer(corpus).save(tmp_path / "state.pt")
    with pytest.raises(InputError, match=r"is of --stage image"):
        _trainer(corpus, "clip", frames=3).load(tmp_path / "state.pt")


def test_less_than_all_controls_can_be_learned_from(corpus: Path):
    for controls in REDUCTIONS:
        trainer = _trainer(corpus, controls=controls)
        validation = Validation(_stream(corpus), examples=2, batch=2, sampler_steps=1, controls=controls)
        assert math.isfinite(trainer.train_step()["total"])
        told, _ = validation(trainer.ema, torch.device("cpu"))
        assert "ours_psnr_mouth" in told
    with pytest.raises(ValueError, match="controls must be one of keypoints, dense, head"):
        _trainer(corpus, controls="feet")


def test_an_interrupted_log_goes_on_without_what_is_done_again(tmp_path: Path):
    path = tmp_path / "log.jsonl"
    path.write_text('{"step": 1}\n{"step": 2}\n{"step": 3}\n')
    TrainingLog(path=path).forget_after(2)
    assert path.read_text() == '{"step": 1}\n{"step": 2}\n'


def test_what_cannot_be_trained_is_said(corpus: Path, tmp_path: Path):
    config, base = _config(tmp_path / "image.json"), tmp_path / "base.safetensors"
    save_video_model(base, VideoNetwork(CONFIG))
    for arguments, message in (
        (("--stage", "image", "--resume"), "There is no .*state.pt to resume from"),
        (("--stage", "upscale"), "--stage upscale does not suit a network of upscale 1"),
        (("--stage", "joint"), "--stage joint needs several frames"),
        (("--stage", "image", "--before", str(base)), "and to a base none"),
        (("--stage", "image", "--device", "abacus"), "--device abacus cannot be used"),
        (("--stage", "image", "--init", str(tmp_path / "no.safetensors")), "no.safetensors"),
    ):
        with pytest.raises(InputError, match=message):
            _run(corpus, tmp_path / "out", config, *arguments)
    clips = _config(tmp_path / "clip.json", frames=3)
    with pytest.raises(InputError, match="--stage clip needs --init"):
        _run(corpus, tmp_path / "out", clips, "--stage", "clip")


@pytest.mark.parametrize("content", ["[]", '{"network": {"wings": 2}}', '{"training": {"loss": {"nose": 1}}}', "{"])
def test_bad_configurations_are_named(tmp_path: Path, content: str):
    path = tmp_path / "bad.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"bad\.json is not a training configuration"):
        command.read_config(path)


def test_the_shipped_configurations_suit_their_stages():
    folder = Path(__file__).parents[2] / "configs"
    for path in sorted(folder.glob("video_*.json")):
        training, settings = command.read_config(path)
        config = VideoConfig(**settings)
        several = "clip" if path.stem.endswith("clip") else "joint"
        stage = several if training.frames > 1 else "upscale" if config.upscale > 1 else "image"
        command.check_stage(stage, config, training)


def test_the_shipped_models_are_those_of_the_configurations():
    folder = Path(__file__).parents[2] / "configs"
    for name, config in (("video_128", EMBEDDED_BASE), ("video_256", EMBEDDED_256), ("video_512", EMBEDDED_512)):
        assert VideoConfig(**command.read_config(folder / f"{name}.json")[1]) == config
