"""The windows around the network are tested with functions in its place, the loader with tiny networks of its format.

For the latter the packages must be installed: `pip install onnxruntime onnx`.
"""

import itertools
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from vlogger_core.errors import InputError, ToolError
from vlogger_core.motion.checkpoint import load_motion_model
from vlogger_core.motion.lam_face import WINDOW, LamFace, load_lam
from vlogger_core.motion.sampler import sample_motion
from vlogger_core.names import EXPRESSION_INDEX
from vlogger_core.speech.mel import mel_features

JAW, BROW = EXPRESSION_INDEX["jawOpen"], EXPRESSION_INDEX["browInnerUp"]


def loud_frames(heard: np.ndarray) -> np.ndarray:
    """Every channel is the mean absolute value of its frame."""
    edges = np.arange(-(-len(heard) * 30 // 16000) + 1) * 16000 // 30
    means = [np.abs(heard[first:last]).mean() for first, last in itertools.pairwise(edges)]
    return np.repeat(np.array(means)[:, None], 52, axis=1)


def swelling(seconds: float) -> torch.Tensor:
    times_s = torch.arange(round(seconds * 16000)) / 16000
    return 0.5 + 0.3 * torch.sin(2 * torch.pi * 0.8 * times_s)


@pytest.mark.parametrize("window", [WINDOW, 16000])
@pytest.mark.parametrize("seconds", [0.5, 2.0, 7.3])
def test_windows_join_without_seams(window: int, seconds: float) -> None:
    speech = swelling(seconds)
    num_frames = -(-len(speech) * 30 // 16000)
    shapes = LamFace(infer=loud_frames, window=window).expression(speech, Fraction(30), num_frames)
    wanted = 0.5 + 0.3 * torch.sin(2 * torch.pi * 0.8 * (torch.arange(num_frames) + 0.5) / 30)
    assert shapes.shape == (num_frames, 52)
    torch.testing.assert_close(shapes[2:-3, JAW], wanted[2:-3], atol=6e-3, rtol=0)


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(60)])
def test_the_clock_of_the_video_does_not_drift(fps: Fraction) -> None:
    speech = swelling(90)
    num_frames = int(90 * fps)
    shapes = LamFace(infer=loud_frames).expression(speech, fps, num_frames)
    wanted = 0.5 + 0.3 * torch.sin(2 * torch.pi * 0.8 * (torch.arange(num_frames) + 0.5) / float(fps))
    torch.testing.assert_close(shapes[4:-8, JAW], wanted[4:-8], atol=1e-2, rtol=0)


def test_sides_are_equal_and_the_mouth_rests_in_silence() -> None:
    def constant(heard: np.ndarray) -> np.ndarray:
        shapes = np.full((64, 52), 0.5)
        shapes[:, EXPRESSION_INDEX["mouthSmileLeft"]] = 0.9
        return shapes

    speech = torch.full((4 * 16000,), 0.1)
    speech[16000 : 3 * 16000] = 0
    shapes = LamFace(infer=constant).expression(speech, Fraction(30), 120)
    smile = shapes[:, EXPRESSION_INDEX["mouthSmileLeft"]]
    assert torch.equal(smile, shapes[:, EXPRESSION_INDEX["mouthSmileRight"]])
    assert smile[10].item() == pytest.approx(0.7)
    torch.testing.assert_close(shapes[36:84, JAW], torch.full((48,), 0.05))
    torch.testing.assert_close(shapes[95:, JAW], torch.full((25,), 0.5))
    torch.testing.assert_close(shapes[:, BROW], torch.full((120,), 0.5))
    assert shapes[:, JAW].diff().abs().max() < 0.2


def test_progress_may_cancel() -> None:
    def cancel(done: int, total: int) -> None:
        if done > total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        LamFace(infer=loud_frames).expression(swelling(20), Fraction(24), 480, cancel)


@pytest.mark.parametrize("infer", [lambda heard: np.zeros((7, 52)), lambda heard: np.full((64, 52), np.nan)])
def test_a_network_that_returns_something_else(infer: Callable) -> None:
    with pytest.raises(ToolError, match=r"must return 64 frames of 52 finite coefficients for 34133 samples. Got \("):
        LamFace(infer=infer).expression(swelling(3), Fraction(24), 72)


def test_there_must_be_sound() -> None:
    with pytest.raises(ValueError, match=r"samples and frames\. Got 0 and 3"):
        LamFace(infer=loud_frames).expression(torch.zeros(0), Fraction(24), 3)


def write_network(path: Path, *, samples: int | str, names: tuple[str, ...], channels: int = 52) -> None:
    """A network that repeats the mean of squares of each 1/30 s in all channels.

    `names` are those of waveform, speaker if there are three, and output.
    """
    onnx = pytest.importorskip("onnx", exc_type=ImportError)
    from onnx import TensorProto, numpy_helper
    from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info

    heard, *speaker, shapes = names
    nodes = [
        make_node("Mul", [heard, heard], ["power"]),
        make_node("Unsqueeze", ["power", "one"], ["as_image"]),
        make_node("AveragePool", ["as_image"], ["frames"], kernel_shape=[534], strides=[533]),
        make_node("Transpose", ["frames"], ["column"], perm=[0, 2, 1]),
        make_node("Expand", ["column", "width"], [shapes] if not speaker else ["wide"]),
    ]
    inputs = [make_tensor_value_info(heard, TensorProto.FLOAT, [1, samples])]
    constants = [
        numpy_helper.from_array(np.array([1]), "one"),
        numpy_helper.from_array(np.array([1, 1, channels]), "width"),
    ]
    if speaker:
        inputs.append(make_tensor_value_info(speaker[0], TensorProto.INT64, [1, 12]))
        constants.append(numpy_helper.from_array(np.arange(12)[:, None], "numbers"))
        nodes += [
            make_node("MatMul", [speaker[0], "numbers"], ["number"]),
            make_node("Cast", ["number"], ["as_float"], to=TensorProto.FLOAT),
            make_node("Add", ["wide", "as_float"], [shapes]),
        ]
    outputs = [make_tensor_value_info(shapes, TensorProto.FLOAT, [1, None, channels])]
    graph = make_graph(nodes, "tiny", inputs, outputs, constants)
    onnx.save(make_model(graph, opset_imports=[make_opsetid("", 18)], ir_version=8), path)


@pytest.mark.parametrize("samples", ["n", 16000])
@pytest.mark.parametrize("names", [("audio_waveform", "blendshapes"), ("input_audio_array", "id_idx", "pred_exp")])
def test_networks_with_the_published_names(tmp_path: Path, samples: int | str, names: tuple[str, ...]) -> None:
    pytest.importorskip("onnxruntime", exc_type=ImportError)
    write_network(tmp_path / "lam.onnx", samples=samples, names=names)
    face = load_lam(tmp_path / "lam.onnx")
    assert face.window == (samples if isinstance(samples, int) else WINDOW)
    shapes = face.expression(torch.full((3 * 16000,), 0.6), Fraction(24), 72)
    torch.testing.assert_close(shapes[2:-2], torch.full((68, 52), 0.36), atol=1e-3, rtol=0)


def test_the_motion_model_wears_it(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", exc_type=ImportError)
    write_network(tmp_path / "lam.onnx", samples="n", names=("audio_waveform", "blendshapes"))
    model = load_motion_model(tmp_path / "lam.onnx")
    features = mel_features(torch.full((16000,), 0.6), model.config.fps)
    motion = sample_motion(model, features, seed=0, steps=2)
    assert motion.expression[5:-5, JAW].mean().item() == pytest.approx(0.36, abs=1e-3)


def test_other_networks_are_refused_by_name(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", exc_type=ImportError)
    path = tmp_path / "other.onnx"
    write_network(path, samples="n", names=("pixels", "classes"))
    with pytest.raises(
        InputError, match=r"other.onnx is no LAM-Audio2Expression: it maps pixels to classes, not audio"
    ):
        load_lam(path)
    write_network(path, samples="n", names=("audio_waveform", "blendshapes"), channels=7)
    with pytest.raises(InputError, match=r"does not run as LAM-Audio2Expression does .*Got \(64, 7\)"):
        load_lam(path)
    path.write_bytes(b"no network")
    with pytest.raises(InputError, match=r"other.onnx cannot be opened .* put its weights, other.onnx.data, beside it"):
        load_lam(path)


@pytest.mark.parametrize("shape", [[], None], ids=["scalar", "unshaped"])
def test_waveforms_of_no_known_length(tmp_path: Path, shape: list | None) -> None:
    """One that is no waveform is refused; one whose length is not written down is run at the usual one."""
    pytest.importorskip("onnxruntime", exc_type=ImportError)
    onnx = pytest.importorskip("onnx", exc_type=ImportError)
    path = tmp_path / "lam.onnx"
    write_network(path, samples="n", names=("audio_waveform", "blendshapes"))
    model = onnx.load(path)
    heard, shapes = model.graph.input[0], model.graph.output[0]
    heard.type.tensor_type.ClearField("shape")
    if shape is None:
        onnx.save(model, path)
        assert load_lam(path).window == WINDOW
        return
    heard.CopyFrom(onnx.helper.make_tensor_value_info(heard.name, onnx.TensorProto.FLOAT, shape))
    shapes.type.tensor_type.ClearField("shape")
    del model.graph.node[:]
    model.graph.node.append(onnx.helper.make_node("Identity", [heard.name], [shapes.name]))
    onnx.save(model, path)
    with pytest.raises(InputError, match=r"lam.onnx does not run as LAM-Audio2Expression does"):
        load_lam(path)


def test_missing_files_and_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="There is no file"):
        load_motion_model(tmp_path / "lam.onnx")
    (tmp_path / "lam.onnx").touch()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"lam.onnx needs the package onnxruntime: install it with `pip install onnx"):
        load_lam(tmp_path / "lam.onnx")
