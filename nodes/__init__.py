"""The ComfyUI nodes: thin, one file a stage. The work is done in `vlogger_core`, imported when a node runs."""

from comfy_api.latest import ComfyExtension, io

from . import runtime
from .body import VloggerBodyFitter, VloggerBodyModel
from .example import VloggerExampleInput
from .motion import VloggerMotionModel, VloggerMotionSampler
from .render import VloggerControlRenderer, VloggerWarpPreview
from .speech import VloggerAudioEncoder, VloggerTextToSpeech


class VloggerExtension(ComfyExtension):
    """All nodes of the pack."""

    async def on_load(self) -> None:
        runtime.register_model_folders()

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [
            VloggerExampleInput,
            VloggerTextToSpeech,
            VloggerAudioEncoder,
            VloggerMotionModel,
            VloggerMotionSampler,
            VloggerBodyModel,
            VloggerBodyFitter,
            VloggerControlRenderer,
            VloggerWarpPreview,
        ]
