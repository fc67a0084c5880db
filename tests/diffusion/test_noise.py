import pytest
import torch

from vlogger_core.diffusion import NoiseStream, draw_noise, noise_response

RESPONSE = noise_response(torch.tensor([0.0, 3.6, 8.4]))


def test_every_channel_has_unit_variance():
    torch.testing.assert_close(RESPONSE.square().sum(0), torch.ones(3))
    noise = draw_noise(RESPONSE, 4, 8000, torch.Generator().manual_seed(0))
    torch.testing.assert_close(noise.std((0, 1)), torch.ones(3), atol=0.05, rtol=0)


def test_a_longer_memory_is_smoother_and_none_is_white():
    noise = draw_noise(RESPONSE, 1, 8000, torch.Generator().manual_seed(0))
    change = noise.diff(dim=1).std((0, 1))
    assert change[0] == pytest.approx(2**0.5, abs=0.05)
    assert change[0] > 3 * change[1] > 6 * change[2]


def test_a_stream_is_the_same_however_it_is_asked_for():
    def stream() -> NoiseStream:
        return NoiseStream(RESPONSE, [torch.Generator().manual_seed(seed) for seed in (1, 2)])

    whole, parts = stream().next(30), stream()
    pieces = torch.cat([parts.next(n) for n in (0, 7, 1, 22)], dim=1)
    torch.testing.assert_close(pieces, whole)
    alone = NoiseStream(RESPONSE, [torch.Generator().manual_seed(2)]).next(30)
    torch.testing.assert_close(alone[0], whole[1])


def test_a_stream_and_a_window_have_the_same_spectrum():
    drawn = draw_noise(RESPONSE, 1, 6000, torch.Generator().manual_seed(3))
    streamed = NoiseStream(RESPONSE, [torch.Generator().manual_seed(4)]).next(6000)
    for lag in (1, 5, 20):
        one, other = ((x[0, lag:] * x[0, :-lag]).mean(0) for x in (drawn, streamed))
        torch.testing.assert_close(one, other, atol=0.25, rtol=0)
