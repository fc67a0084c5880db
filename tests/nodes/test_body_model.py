import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def smplx_folder(pack: ModuleType, tmp_path: Path) -> Iterator[Path]:
    """A folder of the user's with SMPL-X files in it, known from extra_model_paths.yaml."""
    import folder_paths

    pack.runtime.BODIES.register()
    folders = folder_paths.folder_names_and_paths["vlogger_smplx"][0]
    folders.append(str(tmp_path))
    yield tmp_path
    folders.remove(str(tmp_path))


def test_smplx_files_are_found_by_name(pack: ModuleType, smplx_folder: Path) -> None:
    import folder_paths

    bodies = pack.runtime.BODIES
    bodies.register()
    folders, extensions = folder_paths.folder_names_and_paths["vlogger_smplx"]
    assert folders == [bodies.folder, str(smplx_folder)]
    assert Path(bodies.folder).parts[-2:] == ("vlogger", "smplx")
    assert extensions == {".npz"}
    (smplx_folder / "SMPLX_NEUTRAL.npz").touch()
    (smplx_folder / "SMPLX_NEUTRAL.arkit.safetensors").touch()
    assert bodies.choices() == ["Anny (embedded)", "SMPLX_NEUTRAL.npz"]
    assert bodies.path("Anny (embedded)") is None
    assert bodies.path("SMPLX_NEUTRAL.npz") == smplx_folder / "SMPLX_NEUTRAL.npz"


def test_missing_file_says_what_to_get_and_where_to_put_it(pack: ModuleType, smplx_folder: Path) -> None:
    node = pack.VloggerBodyModel
    assert node.validate_inputs("Anny (embedded)") is True
    (smplx_folder / "SMPLX_MALE.npz").touch()
    assert node.validate_inputs("SMPLX_MALE.npz") is True
    said = node.validate_inputs("SMPLX_NEUTRAL.npz")
    for part in (
        "SMPLX_NEUTRAL.npz of SMPL-X v1.1",
        "https://smpl-x.is.tue.mpg.de",
        "non-commercial research, education and art only",
        pack.runtime.BODIES.folder,
        "Anny (embedded)",
    ):
        assert part in said


def test_anny_never_stands_in_for_a_file_that_has_gone(pack: ModuleType, smplx_folder: Path) -> None:
    with pytest.raises(ValueError, match=r'There is no body named "SMPLX_NEUTRAL\.npz"'):
        pack.VloggerBodyModel.execute("SMPLX_NEUTRAL.npz")


def test_changed_file_is_loaded_again(pack: ModuleType, smplx_folder: Path) -> None:
    node = pack.VloggerBodyModel
    file = smplx_folder / "SMPLX_FEMALE.npz"
    file.touch()
    before = node.fingerprint_inputs(file.name)
    assert node.fingerprint_inputs(file.name) == before
    assert node.fingerprint_inputs(file.name, 32) != before
    os.utime(file, (1, 1))
    assert node.fingerprint_inputs(file.name) != before
    assert node.fingerprint_inputs("Anny (embedded)", 16) == node.fingerprint_inputs("Anny (embedded)", 32)


def test_file_that_is_not_smplx_ends_in_a_message(pack: ModuleType, smplx_folder: Path) -> None:
    (smplx_folder / "SMPLX_NEUTRAL.npz").write_bytes(b"<html>Please log in</html>")
    with pytest.raises(
        ValueError, match=r"SMPLX_NEUTRAL\.npz is damaged or not an \.npz file .*smpl-x\.is\.tue\.mpg\.de"
    ):
        pack.VloggerBodyModel.execute("SMPLX_NEUTRAL.npz")


def test_licence_is_named_where_the_file_is_chosen(pack: ModuleType) -> None:
    (choice, _) = pack.VloggerBodyModel.define_schema().inputs
    assert "non-commercial research, education and art only" in choice.tooltip
    page = (Path(__file__).parents[2] / "web/docs/VloggerBodyModel.md").read_text()
    assert "non-commercial scientific research, education and artistic projects only" in page


def test_smplx_is_loaded(pack: ModuleType, smplx_folder: Path) -> None:
    from synthetic_smplx import write_tiny

    write_tiny(smplx_folder / "SMPLX_NEUTRAL.npz")
    body = pack.VloggerBodyModel.execute("SMPLX_NEUTRAL.npz", 10).args[0]
    assert body.name == "smplx"
    assert len(body.shape_names) == 10
    assert (smplx_folder / "SMPLX_NEUTRAL.arkit.safetensors").is_file()
