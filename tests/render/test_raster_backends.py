"""Every rasteriser gives the same picture."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

import vlogger_core
from vlogger_core.body.anny_model import AnnyBody, load_anny
from vlogger_core.datatypes import Camera
from vlogger_core.errors import InputError
from vlogger_core.names import JOINT_INDEX
from vlogger_core.render.raster import BACKENDS, Raster, rasterise

from .meshes import CAMERA, plane_mesh, random_mesh

Draw = Callable[[torch.Tensor, torch.Tensor, Camera], Raster]

RASTERISERS = ("torch in two passes", *BACKENDS[1:])
SAME_DEPTH = 1e-6
"""Relative: depths nearer than this are a tie in float32."""


def draw_with(name: str, vertices: torch.Tensor, faces: torch.Tensor, camera: Camera) -> Raster:
    if name in BACKENDS:
        return rasterise(vertices, faces, camera, backend=name)
    return rasterise(vertices, faces, camera, two_pass=True)


@pytest.fixture(params=RASTERISERS)
def name(request: pytest.FixtureRequest) -> str:
    """A rasteriser other than the default, where it is installed."""
    if request.param in BACKENDS:
        pytest.importorskip(request.param)
    return request.param


@pytest.fixture
def draw(name: str) -> Draw:
    return partial(draw_with, name)


@pytest.fixture(scope="module")
def body() -> AnnyBody:
    return load_anny()


def assert_same(got: Raster, wanted: Raster, name: str) -> None:
    """Equal face ids but where two surfaces have the same depth."""
    agree = got.face_id == wanted.face_id
    tied = (got.depth - wanted.depth).abs() <= SAME_DEPTH * wanted.depth
    if name == "pytorch3d":  # float32, and centres on an edge belong to no face
        assert (~agree & ~tied).float().mean() < 2e-3
    else:
        assert (agree | tied).all()
    both = agree & wanted.covered
    torch.testing.assert_close(got.depth[both], wanted.depth[both], rtol=1e-5, atol=0)
    torch.testing.assert_close(got.bary[both], wanted.bary[both], rtol=0, atol=1e-3)
    assert (got.face_id[~got.covered] == -1).all()
    assert torch.isinf(got.depth[~got.covered]).all()
    assert (got.bary[~got.covered] == 0).all()
    assert got.bary.dtype == got.depth.dtype == torch.float32


@pytest.mark.parametrize("seed", range(4))
def test_random_triangles(draw: Draw, name: str, seed: int) -> None:
    vertices, faces = random_mesh(seed, 100)
    assert_same(draw(vertices, faces, CAMERA), rasterise(vertices, faces, CAMERA), name)


@pytest.mark.parametrize("seed", range(3))
def test_triangles_across_the_camera_plane(draw: Draw, name: str, seed: int) -> None:
    vertices = torch.randn(90, 3, generator=torch.Generator().manual_seed(seed))
    faces = torch.arange(90).reshape(-1, 3)
    assert_same(draw(vertices, faces, CAMERA), rasterise(vertices, faces, CAMERA), name)


@pytest.mark.parametrize("step", [2.5, 3.7, 11.3])
def test_each_pixel_belongs_to_exactly_one_face_of_a_plane(draw: Draw, name: str, step: float) -> None:
    if name == "pytorch3d":
        pytest.skip("leaves out pixel centres that lie on an edge")
    vertices, faces = plane_mesh(step, CAMERA)
    count = sum(draw(vertices, face[None], CAMERA).covered.long() for face in faces)
    assert (count == 1).all()


def test_frames_of_any_number_and_an_empty_mesh(draw: Draw) -> None:
    vertices, faces = random_mesh(1)
    moved = torch.stack((vertices, vertices + 0.1))
    raster = draw(moved, faces, CAMERA)
    for t in range(2):
        single = draw(moved[t], faces, CAMERA)
        assert torch.equal(single.face_id, raster.face_id[t])
        assert torch.equal(single.bary, raster.bary[t])
        assert torch.equal(single.depth, raster.depth[t])
    assert draw(moved[:0], faces, CAMERA).bary.shape == (0, CAMERA.height, CAMERA.width, 3)
    assert not draw(vertices, faces[:0], CAMERA).covered.any()


def test_faces_that_are_not_finite_or_have_no_area_are_not_drawn(draw: Draw, name: str) -> None:
    if name == "pytorch3d":
        pytest.skip("makes no promise about NaN")
    vertices, faces = random_mesh(3, 30)
    wanted = draw(vertices, faces, CAMERA)
    wrong = torch.tensor([[torch.nan, 0.0, -1.0], [torch.nan] * 3, [torch.inf, 0.0, -1.0], [0.0, 0.0, -1.0]])
    more = torch.tensor([[90, 0, 1], [91, 0, 1], [92, 92, 0], [93, 93, 0], [93, 93, 93]])
    got = draw(torch.cat((vertices, wrong)), torch.cat((faces, more)), CAMERA)
    assert torch.equal(got.face_id, wanted.face_id)
    assert torch.equal(got.bary, wanted.bary)


def test_the_same_input_gives_the_same_bytes(draw: Draw) -> None:
    vertices, faces = random_mesh(2, 200)
    first, second = draw(vertices, faces, CAMERA), draw(vertices, faces, CAMERA)
    for field in ("face_id", "bary", "depth"):
        assert getattr(first, field).numpy().tobytes() == getattr(second, field).numpy().tobytes()


def test_the_lower_face_wins_a_tie(draw: Draw, name: str) -> None:
    if name == "pytorch3d":
        pytest.skip("breaks ties in an order of its own")
    vertices, faces = random_mesh(0, 1)
    twice = draw(vertices, torch.cat((faces, faces)), CAMERA)
    assert set(twice.face_id.unique().tolist()) == {-1, 0}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fov_deg", "at", "size"),
    [(30.0, (0.0, -0.55, -1.3), (96, 80)), (50.0, (0.1, 0.0, -2.6), (120, 90)), (90.0, (0.0, -0.3, -0.15), (48, 64))],
    ids=["portrait", "whole body", "within arm's reach"],
)
def test_two_hundred_random_poses(
    body: AnnyBody, fov_deg: float, at: tuple[float, float, float], size: tuple[int, int]
) -> None:
    camera = Camera(fov_deg=fov_deg, width=size[1], height=size[0])
    generator = torch.Generator().manual_seed(0)
    rest = body.rest(body.mean_shape())
    names = [name for name in RASTERISERS if name not in BACKENDS or find_spec(name)]
    for done in range(0, 200, 20):
        joint_rotvec = 0.3 * torch.randn(20, 55, 3, generator=generator)
        joint_rotvec[:, JOINT_INDEX["pelvis"]] *= 3
        expression = torch.rand(20, 52, generator=generator)
        translation = torch.tensor(at) + 0.05 * torch.randn(20, 3, generator=generator)
        vertices = body.pose(rest, joint_rotvec, translation, expression).vertices
        wanted = rasterise(vertices, body.faces, camera)
        assert wanted.covered.float().mean() > 0.05
        for name in names:
            if name != "pytorch3d":
                assert_same(draw_with(name, vertices, body.faces, camera), wanted, name)
            elif done == 0:  # seconds a frame
                one = rasterise(vertices[0], body.faces, camera)
                assert_same(draw_with(name, vertices[0], body.faces, camera), one, name)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    vertices, faces = random_mesh(0)
    for backend, remedy in (("numba", "pip install numba"), ("warp", "pip install warp-lang"), ("pytorch3d", "github")):
        monkeypatch.delitem(sys.modules, f"vlogger_core.render.raster_{backend}", raising=False)
        monkeypatch.setitem(sys.modules, backend, None)
        with pytest.raises(InputError, match=f"needs the package {backend}.*{remedy}.*or choose the torch"):
            rasterise(vertices, faces, CAMERA, backend=backend)


def test_wrong_choices_are_refused() -> None:
    vertices, faces = random_mesh(0)
    with pytest.raises(ValueError, match=r"backend must be one of torch, numba, warp, pytorch3d\. Got 'opengl'"):
        rasterise(vertices, faces, CAMERA, backend="opengl")
    with pytest.raises(ValueError, match="two_pass must be False"):
        rasterise(vertices, faces, CAMERA, backend="numba", two_pass=True)


def test_optional_packages_are_imported_only_when_chosen() -> None:
    code = (
        "import sys, torch; from vlogger_core.datatypes import Camera;"
        "from vlogger_core.render.raster import rasterise;"
        "rasterise(torch.zeros(3, 3), torch.tensor([[0, 1, 2]]), Camera(fov_deg=50.0, width=8, height=8));"
        "sys.exit(len({'numba', 'warp', 'pytorch3d'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(vlogger_core.__file__).parents[1])


@pytest.mark.slow
def test_numba_works_where_it_may_not_write(tmp_path: Path) -> None:
    """A plain file stands wherever numba would make a folder for its compiled code."""
    pytest.importorskip("numba")
    package = tmp_path / "vlogger_core"
    shutil.copytree(Path(vlogger_core.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    blocked = package / "render" / "__pycache__"
    blocked.touch()
    code = (
        "import logging, torch; logging.basicConfig(); from vlogger_core.datatypes import Camera;"
        "from vlogger_core.render.raster import rasterise;"
        "v = torch.tensor([[-1.0, -1.0, -2.0], [1.0, -1.0, -2.0], [0.0, 1.0, -2.0]]);"
        "c = Camera(fov_deg=50.0, width=8, height=8); f = torch.tensor([[0, 1, 2]]);"
        "assert torch.equal(rasterise(v, f, c, backend='numba').face_id, rasterise(v, f, c).face_id)"
    )
    places = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA", "USERPROFILE", "NUMBA_CACHE_DIR"), str(blocked))
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=os.environ | places, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr.count("compiled anew in every session") == 1


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["numba", "warp"])
def test_kept_machine_code_serves_under_comfyuis_name_of_the_package(backend: str, tmp_path: Path) -> None:
    """ComfyUI imports a pack under its path, and what another process kept names the package `vlogger_core`."""
    pytest.importorskip(backend)
    vertices, faces = random_mesh(0)
    rasterise(vertices, faces, CAMERA, backend=backend)
    code = (
        "import importlib, sys, types, torch; name = '/some where/custom_nodes/vlogger'; pack = types.ModuleType(name);"
        f"pack.__path__ = [{str(Path(vlogger_core.__file__).parents[1])!r}]; sys.modules[name] = pack;"
        "raster = importlib.import_module(name + '.vlogger_core.render.raster');"
        "camera = importlib.import_module(name + '.vlogger_core.datatypes').Camera(fov_deg=50.0, width=8, height=8);"
        "v = torch.tensor([[-1.0, -1.0, -2.0], [1.0, -1.0, -2.0], [0.0, 1.0, -2.0]]); f = torch.tensor([[0, 1, 2]]);"
        f"ids = raster.rasterise(v, f, camera, backend={backend!r}).face_id;"
        "assert torch.equal(ids, raster.rasterise(v, f, camera).face_id);"
        "assert 'vlogger_core' not in sys.modules"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
