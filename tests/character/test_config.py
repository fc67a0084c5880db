import pytest

from vlogger_core.character.config import CharacterConfig


def test_a_seed_is_a_character():
    assert CharacterConfig.from_seed(5) == CharacterConfig.from_seed(5)
    characters = [CharacterConfig.from_seed(seed) for seed in range(12)]
    for field in ("skin", "hair", "clothes", "iris", "wall"):
        assert len({getattr(character, field) for character in characters}) > 1, field


def test_colours_are_light():
    for seed in range(20):
        config = CharacterConfig.from_seed(seed)
        for colour in (config.skin, config.hair, config.iris, config.clothes, config.wall):
            assert all(0 < channel < 1 for channel in colour)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seed_out_of_range(seed: int):
    with pytest.raises(ValueError, match=rf"seed must lie between 0 and 2\*\*32 - 1. Got {seed}"):
        CharacterConfig.from_seed(seed)
