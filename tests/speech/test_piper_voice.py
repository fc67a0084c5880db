"""With a tiny network of Piper's format, where the packages are installed: `pip install piper-tts onnx`."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from vlogger_core.errors import InputError
from vlogger_core.speech.backends import VoiceError, speak
from vlogger_core.speech.piper_voice import Piper

RATE, HOP = 16000, 256


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two hops of a tone for each symbol at normal speed, as loud as the symbol's number, with some noise."""
    pytest.importorskip("piper", exc_type=ImportError)
    onnx = pytest.importorskip("onnx", exc_type=ImportError)
    from onnx import TensorProto, numpy_helper
    from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info

    def constant(name: str, value: object, dtype: type) -> object:
        return numpy_helper.from_array(np.array(value, dtype), name)

    nodes = [
        make_node("Cast", ["input"], ["ids"], to=TensorProto.FLOAT),
        make_node("Gather", ["scales", "one"], ["length_scale"]),
        make_node("Gather", ["scales", "zero"], ["noise_scale"]),
        make_node("Mul", ["length_scale", "two"], ["w"]),
        make_node("Mul", ["ids", "nothing"], ["zeros"]),
        make_node("Add", ["zeros", "w"], ["widths"]),
        make_node("Ceil", ["widths"], ["w_ceil"]),
        make_node("ReduceMax", ["w_ceil"], ["hops"], keepdims=1),
        make_node("Mul", ["hops", "hop"], ["samples"]),
        make_node("Cast", ["samples"], ["samples_int"], to=TensorProto.INT64),
        make_node("Reshape", ["samples_int", "flat"], ["samples_flat"]),
        make_node("Concat", ["column", "samples_flat"], ["shape"], axis=0),
        make_node("Reshape", ["ids", "as_column"], ["loudness"]),
        make_node("Expand", ["loudness", "shape"], ["loud"]),
        make_node("RandomNormalLike", ["loud"], ["noise"]),
        make_node("Mul", ["noise", "noise_scale"], ["scaled_noise"]),
        make_node("Add", ["loud", "scaled_noise"], ["noisy"]),
        make_node("Reshape", ["noisy", "audio_shape"], ["output"]),
    ]
    constants = [
        constant("one", 1, np.int64),
        constant("zero", 0, np.int64),
        constant("two", 2, np.float32),
        constant("nothing", 0, np.float32),
        constant("hop", HOP, np.float32),
        constant("flat", [1], np.int64),
        constant("column", [1], np.int64),
        constant("as_column", [-1, 1], np.int64),
        constant("audio_shape", [1, 1, 1, -1], np.int64),
    ]
    inputs = [
        make_tensor_value_info("input", TensorProto.INT64, [1, "phonemes"]),
        make_tensor_value_info("input_lengths", TensorProto.INT64, [1]),
        make_tensor_value_info("scales", TensorProto.FLOAT, [3]),
    ]
    outputs = [make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, 1, "samples"])]
    graph = make_graph(nodes, "tiny", inputs, outputs, constants)
    model = make_model(graph, opset_imports=[make_opsetid("", 13)], ir_version=8)
    path = tmp_path_factory.mktemp("voice") / "tiny.onnx"
    onnx.save(model, path)
    from piper.phoneme_ids import DEFAULT_PHONEME_ID_MAP

    config = {
        "audio": {"sample_rate": RATE},
        "espeak": {"voice": "en-us"},
        "phoneme_type": "espeak",
        "num_symbols": 256,
        "num_speakers": 1,
        "phoneme_id_map": DEFAULT_PHONEME_ID_MAP,
        "hop_length": HOP,
    }
    Path(f"{path}.json").write_text(json.dumps(config))
    return str(path)


def test_phones_and_words_are_timed(voice: str, tmp_path: Path) -> None:
    text = "Please bring more paper. We will be back by five!"
    audio, timings = speak(Piper(), text, voice=voice, folder=tmp_path)
    assert audio.sample_rate == RATE
    assert [word.text for word in timings.words] == text.replace(".", "").replace("!", "").split()
    phones = "".join(phone.text for phone in timings.phones)
    assert phones.startswith("plˈiːz")
    assert phones.endswith("fˈaɪv")
    for labels in (timings.phones, timings.words):
        assert all(label.start_s < label.end_s <= audio.duration_s for label in labels)
        assert all(first.end_s <= second.start_s + 1e-9 for first, second in itertools.pairwise(labels))
    # Each symbol and the blank behind it last two hops; a beginning and a blank come before the first.
    assert timings.phones[0].start_s == pytest.approx(4 * HOP / RATE)


def test_the_seed_decides_the_noise(voice: str, tmp_path: Path) -> None:
    first, again, other = (
        speak(Piper(), "Please bring more paper.", voice=voice, folder=tmp_path, seed=seed)[0].waveform
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_speed(voice: str, tmp_path: Path) -> None:
    normal = speak(Piper(), "Please bring more paper.", voice=voice, folder=tmp_path)[0].duration_s
    assert speak(Piper(), "Please bring more paper.", voice=voice, folder=tmp_path, speed=0.7)[0].duration_s > normal


def test_nothing_to_say(voice: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="finds nothing to say"):
        speak(Piper(), " \n. ", voice=voice, folder=tmp_path)


def test_a_broken_network(voice: str, tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"nothing")
    (tmp_path / "broken.onnx.json").write_text(Path(f"{voice}.json").read_text())
    with pytest.raises(VoiceError, match=r"Piper cannot open the voice .*broken\.onnx: "):
        speak(Piper(), "Hi.", voice=str(tmp_path / "broken.onnx"), folder=tmp_path)


def test_files_that_are_no_voice(tmp_path: Path) -> None:
    path = tmp_path / "mine.onnx"
    with pytest.raises(InputError, match=r"no file .*mine\.onnx: a Piper voice is an \.onnx file with its"):
        Piper().open(tmp_path, str(path), speed=1.0, seed=0)
    path.touch()
    with pytest.raises(InputError, match=r"no file .*mine\.onnx\.json"):
        Piper().open(tmp_path, str(path), speed=1.0, seed=0)
    for content, missing in [("{}", "audio, espeak"), ("nonsense", "JSON"), ("3", "JSON")]:
        Path(f"{path}.json").write_text(content)
        with pytest.raises(InputError, match=f"no description of a Piper voice .{missing}"):
            Piper().open(tmp_path, str(path), speed=1.0, seed=0)
