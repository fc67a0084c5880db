"""Which body the motion moves."""

from __future__ import annotations

from comfy_api.latest import io

from . import runtime, sockets


class VloggerBodyModel(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="VloggerBodyModel",
            display_name="VLOGGER Body Model",
            category="VLOGGER/body",
            description=(
                "Loads the 3D body that is fitted to the photo. The embedded one is Anny, free for any use; its first "
                "use builds a cache, which takes a minute or two, once. Or SMPL-X, from a file of your own in "
                "models/vlogger/smplx."
            ),
            search_aliases=["load body", "anny", "smpl-x", "smplx", "mesh"],
            inputs=[
                io.Combo.Input(
                    "body",
                    options=runtime.BODIES.choices(),
                    default=runtime.BODIES.shipped,
                    tooltip=(
                        "Anny (embedded): the free parametric body that comes with VLOGGER, every age and build. Other "
                        "names are SMPL-X files in models/vlogger/smplx: get SMPLX_NEUTRAL.npz of SMPL-X v1.1 at "
                        "smpl-x.is.tue.mpg.de. Its licence allows non-commercial research, education and art only."
                    ),
                ),
                io.Int.Input(
                    "shape_components",
                    default=16,
                    min=1,
                    max=300,
                    optional=True,
                    advanced=True,
                    tooltip=(
                        "How many of SMPL-X's shape components (betas) describe the person. 16 is about what one "
                        "photo tells; the file has 300 (older ones 10). Anny has components of its own."
                    ),
                ),
            ],
            outputs=[sockets.BodyModel.Output("body_model")],
        )

    @classmethod
    def validate_inputs(cls, body: str) -> bool | str:
        return runtime.BODIES.problem(body) or True

    @classmethod
    def fingerprint_inputs(cls, body: str, shape_components: int = 16) -> tuple[float, int]:
        changed_s = runtime.BODIES.changed_s(body)
        return (changed_s, shape_components if changed_s else 0)

    @classmethod
    def execute(cls, body: str, shape_components: int = 16) -> io.NodeOutput:
        from ..vlogger_core.body.load import load_body

        with runtime.work() as progress:
            return io.NodeOutput(load_body(runtime.BODIES.path(body), num_betas=shape_components, progress=progress))
