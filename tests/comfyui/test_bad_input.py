"""What cannot work says so in the dialog, in words that tell what to do."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile

from tests.comfyui.client import ComfyServer

pytestmark = pytest.mark.comfyui


def speak(**inputs: object) -> dict:
    values = {
        "text": "Hello.",
        "voice": "en-us",
        "timbre": "voice's own",
        "rate_wpm": 160,
        "pitch": 50,
        "pitch_range": 50,
        "volume": 100,
    }
    return {"class_type": "VloggerTextToSpeech", "inputs": {**values, **inputs}}


def show(source: str) -> dict:
    return {"class_type": "PreviewAny", "inputs": {"source": [source, 0]}}


def fit(image: list) -> dict:
    return {
        "body_model": {"class_type": "VloggerBodyModel", "inputs": {"body": "Anny (embedded)"}},
        "fit": {
            "class_type": "VloggerBodyFitter",
            "inputs": {
                "image": image,
                "body_model": ["body_model", 0],
                "landmarks": "auto",
                "face_index": 0,
                "fov_deg": 0.0,
            },
        },
        "out": show("fit"),
    }


def error_of(server: ComfyServer, prompt: dict) -> str:
    run = server.run(prompt)
    assert run.ended == "execution_error"
    return run.error


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"text": "   "}, "text"),
        ({"text": "Привет, как дела?"}, "en-us"),
        ({"voice": "klingonese"}, 'There is no voice "klingonese"'),
        ({"voice": "de+f3", "timbre": "m1 · man"}, "variant"),
    ],
)
def test_text_to_speech(comfyui: ComfyServer, inputs: dict, said: str) -> None:
    assert said in error_of(comfyui, {"speak": speak(**inputs), "out": show("speak")})


def test_silence_is_noted_on_the_node(comfyui: ComfyServer, tmp_path: Path) -> None:
    path = tmp_path / "silence.wav"
    wavfile.write(path, 16000, np.zeros(16000, np.int16))
    prompt = {
        "audio": {"class_type": "LoadAudio", "inputs": {"audio": comfyui.upload(path)}},
        "encode": {"class_type": "VloggerAudioEncoder", "inputs": {"audio": ["audio", 0], "fps": 24.0}},
        "out": show("encode"),
    }
    assert comfyui.run(prompt).ended == "execution_success"
    assert "The audio is silent" in comfyui.log.read_text()


def test_a_frame_rate_that_the_motion_model_does_not_know(comfyui: ComfyServer) -> None:
    prompt = {
        "speak": speak(),
        "encode": {"class_type": "VloggerAudioEncoder", "inputs": {"audio": ["speak", 0], "fps": 30.0}},
        "model": {"class_type": "VloggerMotionModel", "inputs": {"weights": "embedded"}},
        "sample": {
            "class_type": "VloggerMotionSampler",
            "inputs": {"speech": ["encode", 0], "motion_model": ["model", 0], "seed": 0, "steps": 10, "guidance": 1.1},
        },
        "out": show("sample"),
    }
    assert "set the audio encoder to 24 fps" in error_of(comfyui, prompt)


def test_a_photo_without_a_face(comfyui: ComfyServer, tmp_path: Path) -> None:
    path = tmp_path / "wall.png"
    Image.new("RGB", (256, 256), (120, 130, 140)).save(path)
    prompt = {"photo": {"class_type": "LoadImage", "inputs": {"image": comfyui.upload(path)}}, **fit(["photo", 0])}
    assert "No face was found" in error_of(comfyui, prompt)


def test_a_batch_of_photos(comfyui: ComfyServer) -> None:
    batch = {"class_type": "EmptyImage", "inputs": {"width": 256, "height": 256, "batch_size": 3, "color": 0}}
    assert "Got a batch of 3" in error_of(comfyui, {"photos": batch, **fit(["photos", 0])})


def test_weights_that_are_not_there_are_refused_before_anything_runs(comfyui: ComfyServer) -> None:
    prompt = {
        "model": {"class_type": "VloggerMotionModel", "inputs": {"weights": "mine.safetensors"}},
        "out": show("model"),
    }
    answer = comfyui.submit(prompt)
    assert answer.status_code == 400
    (error,) = answer.json()["node_errors"]["model"]["errors"]
    assert 'no motion weights named "mine.safetensors"' in error["details"]
    assert str(Path("models") / "vlogger" / "motion") in error["details"]
