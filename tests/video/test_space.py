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


def test_masks_spread_over_what_their_pixels_become():
    mask = torch.zeros(1, 2, 1, 8, 12)
    mask[0, 1, 0, 3, 5] = 1
    frames = torch.rand(1, 2, 3, 8, 12)
    changed = frames + mask
    space = PixelSpace(4)
    assert torch.equal(space.spread(mask) > 0, space.encode(frames) != space.encode(changed))
    latent = LatentSpace(tiny_sd15().autoencoder).spread(mask)
    assert latent.shape == (1, 2, 4, 4, 6)
    assert latent.sum() == latent[0, 1, :, 1, 2].sum() == 4
