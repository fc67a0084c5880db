from types import ModuleType

import pytest
import torch

from vlogger_core.datatypes import Camera


def test_photo_round_trip(pack: ModuleType) -> None:
    image = torch.rand(1, 5, 7, 3)
    photo = pack.sockets.photo_from_comfy(image)
    assert photo.shape == (3, 5, 7)
    assert torch.equal(pack.sockets.image_to_comfy(photo), image)


def test_photo_is_a_copy_that_gradients_reach(pack: ModuleType) -> None:
    with torch.inference_mode():
        image = torch.rand(1, 5, 7, 3)
        with pack.runtime.work(grad=True):
            photo = pack.sockets.photo_from_comfy(image)
            factor = torch.ones((), requires_grad=True)
            (photo * factor).sum().backward()
            photo.zero_()
    assert torch.isclose(factor.grad, image.sum())
    assert image.any()


def test_transparency_is_laid_over_grey_and_grey_becomes_rgb(pack: ModuleType) -> None:
    clear = torch.zeros(1, 2, 2, 4)
    assert torch.equal(pack.sockets.photo_from_comfy(clear), torch.full((3, 2, 2), 0.5))
    grey = torch.rand(1, 2, 2, 1)
    assert torch.equal(pack.sockets.photo_from_comfy(grey), grey[0].movedim(-1, 0).expand(3, 2, 2))


@pytest.mark.parametrize(
    ("shape", "said"), [((2, 4, 4, 3), "Got a batch of 2"), ((0, 4, 4, 3), "batch of 0"), ((1, 4, 4, 2), "Got 2")]
)
def test_photo_must_be_one_picture(pack: ModuleType, shape: tuple, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        pack.sockets.photo_from_comfy(torch.zeros(shape))


def test_mask_must_fit_the_photo(pack: ModuleType) -> None:
    photo = torch.zeros(3, 4, 6)
    assert pack.sockets.mask_from_comfy(None, photo) is None
    assert pack.sockets.mask_from_comfy(torch.ones(1, 4, 6), photo).shape == (4, 6)
    assert pack.sockets.mask_from_comfy(torch.ones(4, 6), photo).shape == (4, 6)
    with pytest.raises(ValueError, match=r"6 x 4 px\. Got 1 of 64 x 64 px"):
        pack.sockets.mask_from_comfy(torch.ones(1, 64, 64), photo)


def test_audio_round_trip(pack: ModuleType) -> None:
    audio = {"waveform": torch.rand(1, 2, 100), "sample_rate": 44100}
    core = pack.sockets.audio_from_comfy(audio)
    assert core.waveform.shape == (2, 100)
    back = pack.sockets.audio_to_comfy(core)
    assert torch.equal(back["waveform"], audio["waveform"])
    assert back["sample_rate"] == 44100


@pytest.mark.parametrize(
    ("audio", "said"), [(None, "audio is missing"), ({"waveform": torch.zeros(2, 1, 9), "sample_rate": 8000}, "of 2")]
)
def test_audio_must_be_one_recording(pack: ModuleType, audio: dict | None, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        pack.sockets.audio_from_comfy(audio)


def test_frames_become_a_batch_and_are_shown(pack: ModuleType) -> None:
    frames = [torch.full((3, 2, 4), value) for value in (0.0, 0.5, 2.0)]
    shown: list[torch.Tensor] = []
    batch = pack.sockets.frames_to_comfy(iter(frames), 3, shown.append)
    assert batch.shape == (3, 2, 4, 3)
    assert batch[:, 0, 0, 0].tolist() == [0.0, 0.5, 1.0]
    assert len(shown) == 3
    with pytest.raises(ValueError, match="Got none"):
        pack.sockets.frames_to_comfy(iter(()), 3)


@pytest.mark.parametrize(
    ("short_side", "multiple_of", "size"),
    [(512, 2, (640, 512)), (0, 2, (1000, 800)), (0, 32, (992, 800)), (64, 2, (80, 64)), (4096, 32, (5120, 4096))],
)
def test_render_size_keeps_the_photos_shape(
    pack: ModuleType, short_side: int, multiple_of: int, size: tuple[int, int]
) -> None:
    camera = Camera(fov_deg=40.0, width=800, height=1000)
    assert pack.sockets.render_size(camera, short_side, multiple_of) == size


@pytest.mark.parametrize(
    ("short_side", "multiple_of", "said"),
    [
        (8, 8, r"short_side must be 64 px or more, or 0 for the photo's own size\. Got 8\."),
        (72, 32, r"800 x 1000 px too much, to 64 x 96: raise short_side or lower multiple_of"),
    ],
)
def test_render_size_refuses_in_the_words_of_the_widgets(
    pack: ModuleType, short_side: int, multiple_of: int, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        pack.sockets.render_size(Camera(fov_deg=40.0, width=800, height=1000), short_side, multiple_of)
