import torch

from tests.video.tiny_video import tiny_sd15
from vlogger_core.video.space import LatentSpace, PixelSpace


def test_pixels_come_back():
    frames = torch.rand(2, 3, 3, 8, 12)
    space = PixelSpace(4)
    signal = space.encode(frames)
    assert signal.shape == (2, 3, 48, 2, 3)
    assert signal.min() >= -1
    assert signal.max() <= 1
    torch.testing.assert_close(space.decode(signal), frames)


def test_latents_of_each_frame_are_its_own():
    space = LatentSpace(tiny_sd15().autoencoder)
    frames = torch.rand(1, 3, 3, 8, 12)
    signal = space.encode(frames)
    assert signal.shape == (1, 3, 4, 4, 6)
    torch.testing.assert_close(space.encode(frames[:, 1:2]), signal[:, 1:2])
    assert space.decode(signal).shape == frames.shape
