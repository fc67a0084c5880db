import importlib.util
from types import ModuleType

import pytest

from vlogger_core.render.encode import ENCODINGS
from vlogger_core.render.raster import BACKENDS

from ..render.bodies import ball_fit, head_motion


def test_the_node_offers_every_encoding_with_its_meaning(pack: ModuleType) -> None:
    offered = pack.render._MAPS
    assert offered == {name: encoding.meaning for name, encoding in ENCODINGS.items()}
    assert list(offered)[:3] == ["dense", "parts", "warp"]


def test_the_nodes_offer_every_rasteriser_and_say_what_is_missing(pack: ModuleType) -> None:
    assert pack.render.widgets._RASTERISERS == BACKENDS
    still = head_motion([[0.0, 0.0, 0.0]])
    for name in BACKENDS:
        if name != "torch" and importlib.util.find_spec(name) is None:
            with pytest.raises(ValueError, match=f"The {name} rasteriser needs the package {name}"):
                pack.render.VloggerWarpPreview.execute(ball_fit(), still, 0, name)


def test_every_node_that_renders_has_the_choice_of_rasteriser(pack: ModuleType) -> None:
    nodes = (
        pack.render.VloggerControlRenderer,
        pack.render.VloggerWarpPreview,
        pack.pose_render.VloggerPoseRenderer,
        pack.pose_render.VloggerFaceVideo,
    )
    for node in nodes:
        (widget,) = (widget for widget in node.define_schema().inputs if widget.id == "rasteriser")
        assert widget.options == list(BACKENDS)
        assert widget.default == "torch"
