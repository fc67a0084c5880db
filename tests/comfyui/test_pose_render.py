"""The pose drawings and the face video in a real ComfyUI, and its own nodes behind ours."""

import numpy as np
import pytest
from PIL import Image

from tests.comfyui.client import ComfyServer
from tests.comfyui.prompts import changed, load_workflow, node_of, to_prompt

pytestmark = pytest.mark.comfyui


def save(source: list, name: str) -> dict:
    return {"class_type": "SaveImage", "inputs": {"images": source, "filename_prefix": name}}


def test_poses_keypoints_and_faces(comfyui: ComfyServer) -> None:
    prompt = changed(to_prompt(load_workflow("text_to_avatar")), "VloggerTextToSpeech", text="Hi.")
    for node in ("SaveVideo", "CreateVideo"):
        del prompt[node_of(prompt, node)]
    prompt = changed(prompt, "VloggerWarpPreview", short_side=128)
    body, motion = [node_of(prompt, "VloggerBodyFitter"), 0], [node_of(prompt, "VloggerMotionSampler"), 0]
    sources = {"body": body, "motion": motion}
    drawing = {**sources, "show": "full", "short_side": 256, "multiple_of": 8}
    core = {"draw_body": True, "draw_hands": True, "draw_face": True, "draw_feet": False, "draw_head": True}
    core |= {"stick_width": 4, "face_point_size": 3, "score_threshold": 0.3}
    prompt |= {
        "pose": {"class_type": "VloggerPoseRenderer", "inputs": {**drawing, "style": "DWPose"}},
        "contours": {"class_type": "VloggerPoseRenderer", "inputs": {**drawing, "style": "MediaPipe face"}},
        "core": {"class_type": "SDPoseDrawKeypoints", "inputs": {"keypoints": ["pose", 1], **core}},
        "face": {
            "class_type": "VloggerFaceVideo",
            "inputs": {**sources, "frames": [node_of(prompt, "VloggerWarpPreview"), 0], "short_side": 128},
        },
        **{f"{name}_out": save([name, 0], f"kd_{name}_") for name in ("pose", "contours", "core", "face")},
    }
    files = comfyui.saved(comfyui.run(prompt))
    pictures = {
        name: [np.asarray(Image.open(path)).astype(int) for path in files if path.name.startswith(f"kd_{name}_")]
        for name in ("pose", "contours", "core", "face")
    }
    assert len({len(batch) for batch in pictures.values()}) == 1
    assert len(pictures["pose"]) >= 8
    pose, core_pose, contours, face = (pictures[name][0] for name in ("pose", "core", "contours", "face"))
    assert pose.shape == contours.shape == (312, 256, 3)
    assert face.shape == (512, 512, 3)
    assert face.mean() > 20
    assert contours.any()
    # The same but for the limbs, which ComfyUI's own node does not dim.
    assert ((pose > 0) == (core_pose > 0)).all()
    assert ((pose == core_pose) | (pose == core_pose * 6 // 10)).all()
    assert any((frame != pose).any() for frame in pictures["pose"])
