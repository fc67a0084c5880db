"""With tiny networks of Supertonic's format, where the packages are installed: `pip install supertonic onnx`."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from vlogger_core.errors import InputError
from vlogger_core.speech.backends import VoiceError, speak
from vlogger_core.speech.supertonic_voice import Supertonic

RATE, CHANNELS = 16000, 128


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """50 ms of noise for each character."""
    pytest.importorskip("supertonic", exc_type=ImportError)
    onnx = pytest.importorskip("onnx", exc_type=ImportError)
    from onnx import TensorProto, numpy_helper
    from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info

    folder = tmp_path_factory.mktemp("voices")
    root = folder / "supertonic-3"
    (root / "onnx").mkdir(parents=True)
    (root / "voice_styles").mkdir()

    def save(name: str, nodes: list, inputs: dict[str, tuple[int, list]], output: list, **constants: object) -> None:
        values = [numpy_helper.from_array(np.array(value), key) for key, value in constants.items()]
        graph = make_graph(
            nodes,
            name,
            [make_tensor_value_info(key, kind, shape) for key, (kind, shape) in inputs.items()],
            [make_tensor_value_info("output", TensorProto.FLOAT, output)],
            values,
        )
        onnx.save(make_model(graph, opset_imports=[make_opsetid("", 13)], ir_version=8), root / "onnx" / f"{name}.onnx")

    text_ids = (TensorProto.INT64, [1, "t"])
    mask = (TensorProto.FLOAT, [1, 1, "t"])
    style = (TensorProto.FLOAT, [1, 1, 2])
    latent = (TensorProto.FLOAT, [1, CHANNELS, "l"])
    steps = (TensorProto.FLOAT, [1])
    save(
        "duration_predictor",
        [
            make_node("ReduceSum", ["text_mask", "axes"], ["characters"], keepdims=0),
            make_node("Mul", ["characters", "seconds"], ["output"]),
        ],
        {"text_ids": text_ids, "style_dp": style, "text_mask": mask},
        [1],
        axes=np.array([1, 2], np.int64),
        seconds=np.float32(0.05),
    )
    save(
        "text_encoder",
        [make_node("Identity", ["text_mask"], ["output"])],
        {"text_ids": text_ids, "style_ttl": style, "text_mask": mask},
        [1, 1, "t"],
    )
    save(
        "vector_estimator",
        [make_node("Identity", ["noisy_latent"], ["output"])],
        {
            "noisy_latent": latent,
            "text_emb": mask,
            "style_ttl": style,
            "text_mask": mask,
            "latent_mask": (TensorProto.FLOAT, [1, 1, "l"]),
            "current_step": steps,
            "total_step": steps,
        },
        [1, CHANNELS, "l"],
    )
    save(
        "vocoder",
        [
            make_node("Transpose", ["latent"], ["frames"], perm=[0, 2, 1]),
            make_node("Mul", ["frames", "volume"], ["quiet"]),
            make_node("Reshape", ["quiet", "shape"], ["output"]),
        ],
        {"latent": latent},
        [1, "n"],
        volume=np.float32(0.1),
        shape=np.array([1, -1], np.int64),
    )
    settings = {
        "ae": {"sample_rate": RATE, "base_chunk_size": CHANNELS // 2},
        "ttl": {"chunk_compress_factor": 2, "latent_dim": CHANNELS // 2},
    }
    (root / "onnx/tts.json").write_text(json.dumps(settings))
    (root / "onnx/unicode_indexer.json").write_text(json.dumps([code if code < 128 else -1 for code in range(256)]))
    vectors = {"dims": [1, 1, 2], "data": [[[0.0, 1.0]]]}
    (root / "voice_styles/F1.json").write_text(json.dumps({"style_ttl": vectors, "style_dp": vectors}))
    return folder


def test_speech_with_estimated_times(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        audio, timings = speak(Supertonic(), "Bring more paper. We will be back!", voice="en/F1", folder=folder)
    assert audio.sample_rate == RATE
    assert 1 < audio.duration_s < 5
    assert [word.text for word in timings.words] == ["Bring", "more", "paper", "We", "will", "be", "back"]
    assert "Supertonic does not tell when all of these words fall" in caplog.text


def test_the_seed_decides_the_samples_and_nothing_else(folder: Path) -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first, again, other = (
        speak(Supertonic(), "Hello.", voice="en/F1", folder=folder, seed=seed)[0].waveform for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize("speed", [0.7, 1.8])
def test_speed(folder: Path, speed: float) -> None:
    normal = speak(Supertonic(), "Bring more paper.", voice="en/F1", folder=folder)[0].duration_s
    changed = speak(Supertonic(), "Bring more paper.", voice="en/F1", folder=folder, speed=speed)[0].duration_s
    assert changed == pytest.approx(normal / speed, rel=0.05)


def test_a_sentence_that_it_cannot_read_names_itself(folder: Path) -> None:
    with pytest.raises(VoiceError, match=r'the sentence "你好": Found 2 unsupported character'):
        speak(Supertonic(), "你好", voice="en/F1", folder=folder)


def test_missing_files_are_listed(folder: Path) -> None:
    with pytest.raises(InputError, match=r"1 files .*Supertone/supertonic-3.*OpenRAIL-M.*voice_styles/M2\.json"):
        speak(Supertonic(), "Hello.", voice="en/M2", folder=folder)
