"""`image`: each kind of file gives the upright picture, and what is no portrait is refused with advice."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from vlogger_core.errors import InputError
from vlogger_core.image import MAX_SIDE, check_portrait, exif_fov_deg, load_image


def _gradient(height: int = 40, width: int = 60) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack((x / width, y / height, np.full_like(x, 0.25, dtype=float)), -1)


def _save(tmp_path, picture: Image.Image, name: str = "a.png", **options):
    path = tmp_path / name
    picture.save(path, **options)
    return path


@pytest.fixture
def rgb() -> Image.Image:
    return Image.fromarray((_gradient() * 255).round().astype(np.uint8))


def test_rgb_is_read_exactly(tmp_path, rgb):
    image = load_image(_save(tmp_path, rgb))
    assert image.shape == (3, 40, 60)
    assert image.dtype == torch.float32
    np.testing.assert_array_equal((image.permute(1, 2, 0).numpy() * 255).round(), np.asarray(rgb))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_gives_the_upright_picture(tmp_path, rgb, orientation):
    inverse = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]
    stored = rgb if inverse is None else rgb.transpose(Image.Transpose(inverse))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = load_image(_save(tmp_path, stored, exif=exif))
    torch.testing.assert_close(image, load_image(_save(tmp_path, rgb, "b.png")))


def test_sixteen_bit_grey_keeps_its_scale(tmp_path):
    values = np.linspace(0, 65535, 60 * 40).reshape(40, 60).astype(np.uint16)
    image = load_image(_save(tmp_path, Image.fromarray(values)))
    assert image.shape == (3, 40, 60)
    torch.testing.assert_close(image[0], torch.from_numpy(values / 65535).float())


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "LA", "YCbCr"])
def test_other_modes_become_rgb(tmp_path, rgb, mode):
    name = "a.tif" if mode in ("CMYK", "YCbCr") else "a.png"
    image = load_image(_save(tmp_path, rgb.convert(mode), name))
    assert image.shape == (3, 40, 60)
    assert 0 <= image.min() < image.max() <= 1


def test_transparency_lies_over_grey_and_is_told(tmp_path, rgb, caplog):
    rgb.putalpha(Image.fromarray(np.repeat(np.array([[0] * 30 + [255] * 30], np.uint8), 40, 0)))
    image = load_image(_save(tmp_path, rgb))
    torch.testing.assert_close(image[:, :, :30], torch.full((3, 40, 30), 0.5))
    assert image[0, 0, 59] > 0.9
    assert "neutral grey" in caplog.text


def test_transparent_palette(tmp_path, rgb):
    palette = rgb.convert("P")
    image = load_image(_save(tmp_path, palette, transparency=palette.getpixel((0, 0))))
    torch.testing.assert_close(image[:, 0, 0], torch.full((3,), 0.5))


def test_missing_and_damaged_files_and_text_are_named(tmp_path, rgb):
    with pytest.raises(InputError, match="There is no image at"):
        load_image(tmp_path / "none.png")
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(InputError, match="is not an image"):
        load_image(tmp_path / "text.png")
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(buffer, "PNG")
    (tmp_path / "cut.png").write_bytes(buffer.getvalue()[:3000])
    with pytest.raises(InputError, match="cannot be read"):
        load_image(tmp_path / "cut.png")


def test_too_large_is_refused_before_it_is_decoded(tmp_path):
    path = _save(tmp_path, Image.new("1", (MAX_SIDE + 1, 8)))
    with pytest.raises(InputError, match="too large: 8193 x 8 px"):
        load_image(path)


def test_portrait_limits():
    check_portrait(torch.rand(3, 64, 100))
    check_portrait(torch.rand(1, 1, 1).expand(3, 4000, 4000))
    with pytest.raises(InputError, match="too small: 200 x 63 px"):
        check_portrait(torch.rand(3, 63, 200))
    with pytest.raises(InputError, match="too narrow"):
        check_portrait(torch.rand(3, 80, 400))
    with pytest.raises(InputError, match="too large"):
        check_portrait(torch.zeros(1, 1, 1).expand(3, 70, MAX_SIDE + 1))
    with pytest.raises(InputError, match="NaN"):
        check_portrait(torch.full((3, 64, 64), torch.nan))
    for picture in (torch.full((3, 64, 64), 200.0), 2 * torch.rand(3, 64, 64) - 1):
        with pytest.raises(InputError, match=r"must lie in 0 to 1\. Got .*Divide values of 0 to 255 by 255"):
            check_portrait(picture)


def test_overshoot_of_resizing_is_clamped_and_told(caplog):
    checks = (torch.arange(32)[:, None] // 4 + torch.arange(32) // 4) % 2
    large = torch.nn.functional.interpolate(checks.float().expand(1, 3, 32, 32), size=(128, 128), mode="bicubic")[0]
    assert large.min() < -0.05
    assert large.max() > 1.05
    torch.testing.assert_close(check_portrait(large), large.clamp(0, 1))
    assert "are clamped to 0 to 1" in caplog.text
    caplog.clear()
    exact = large.clamp(0, 1)
    assert check_portrait(exact) is exact
    assert check_portrait(exact + 0.001).max() == 1
    assert not caplog.text


def test_field_of_view_from_exif(tmp_path, rgb):
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA405] = 50
    path = _save(tmp_path, rgb, "a.jpg", exif=exif)
    fov = exif_fov_deg(path)
    assert fov is not None
    assert fov == pytest.approx(46.8, abs=0.05)
    assert exif_fov_deg(_save(tmp_path, rgb, "b.jpg")) is None
