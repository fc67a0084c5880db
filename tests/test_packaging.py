"""What ComfyUI's manager installs is what pip installs."""

from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_requirements_equal_the_project_dependencies():
    section = (ROOT / "pyproject.toml").read_text().split("\ndependencies = [", 1)[1].split("]", 1)[0]
    dependencies = [line.strip(' ",') for line in section.splitlines() if line.strip()]
    assert (ROOT / "requirements.txt").read_text().split() == dependencies


def test_core_leaves_comfyuis_pins_alone():
    for line in (ROOT / "requirements.txt").read_text().split():
        assert not any(sign in line for sign in "=<>~"), f"{line} pins a version"
