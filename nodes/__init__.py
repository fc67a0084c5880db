"""The ComfyUI nodes: thin, one file a stage. The work is done in `vlogger_core`, imported when a node runs."""

from comfy_api.latest import ComfyExtension, io

from . import runtime
from .body import VloggerBodyFitter
from .body_model import VloggerBodyModel
from .edit import VloggerMotionEditor
from .edit_mask import VloggerEditMask
from .example import VloggerExampleClip, VloggerExampleInput
from .inpaint import VloggerEditVideo, VloggerInpaintEditor
from .long_video import VloggerLongVideo
from .motion import VloggerMotionModel, VloggerMotionSampler
from .motion_export import VloggerExportMotion, VloggerMotionToMhrPose
from .motion_file import VloggerLoadMotion, VloggerSaveMotion
from .motion_resample import VloggerResampleMotion
from .motion_viewer import VloggerMotionViewer
from .personalise import VloggerLoadPerson, VloggerPersonalise
from .pose_render import VloggerFaceVideo, VloggerPoseRenderer
from .pose_sequence import VloggerLoadPoseSequence
from .render import VloggerControlRenderer, VloggerWarpPreview
from .shots import VloggerSplitShots
from .speech import VloggerAudioEncoder, VloggerTextToSpeech
from .tracker import VloggerBodyTracker, VloggerKeypointsToMotion
from .tts_neural import VloggerNeuralSpeech
from .video import VloggerTemporalSampler, VloggerUpscaler
from .video_model import VloggerVideoModel


class VloggerExtension(ComfyExtension):
    """All nodes of the pack."""

    async def on_load(self) -> None:
        for models in (runtime.MOTIONS, runtime.BODIES, runtime.VOICES, runtime.VIDEOS, runtime.PEOPLE):
            models.register()

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [
            VloggerExampleInput,
            VloggerExampleClip,
            VloggerTextToSpeech,
            VloggerNeuralSpeech,
            VloggerAudioEncoder,
            VloggerMotionModel,
            VloggerMotionSampler,
            VloggerLoadMotion,
            VloggerSaveMotion,
            VloggerResampleMotion,
            VloggerExportMotion,
            VloggerMotionToMhrPose,
            VloggerLoadPoseSequence,
            VloggerMotionViewer,
            VloggerBodyModel,
            VloggerBodyFitter,
            VloggerBodyTracker,
            VloggerKeypointsToMotion,
            VloggerSplitShots,
            VloggerControlRenderer,
            VloggerPoseRenderer,
            VloggerFaceVideo,
            VloggerWarpPreview,
            VloggerVideoModel,
            VloggerTemporalSampler,
            VloggerUpscaler,
            VloggerLongVideo,
            VloggerMotionEditor,
            VloggerEditMask,
            VloggerInpaintEditor,
            VloggerEditVideo,
            VloggerPersonalise,
            VloggerLoadPerson,
        ]
