"""Networks under ComfyUI's model management: its devices, its number formats, its offloading."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import comfy.model_management
import comfy.model_patcher
import torch

if TYPE_CHECKING:
    from ..vlogger_core.video.models import VideoModels
    from ..vlogger_core.video.network import VideoNetwork

_FORMATS = [torch.float16, torch.bfloat16, torch.float32]
_AUTOENCODER_FORMATS = [torch.bfloat16, torch.float32]
"""Half precision overflows in some autoencoders."""


class WholeModel(comfy.model_patcher.ModelPatcher):
    """A model of torch's own layers, which cannot fetch their weights one by one: on the device as a whole, or not.

    ComfyUI moves other models out of its way, and this one out of theirs.
    """

    def load(self, *args: Any, **kwargs: Any) -> Any:
        return super().load(*args, **{**kwargs, "full_load": True})

    def partially_unload(self, *args: Any, **kwargs: Any) -> int:
        """Frees nothing, so that ComfyUI takes the whole model off."""
        return 0


@dataclass(frozen=True, kw_only=True)
class VideoModel:
    """What `VLOGGER_VIDEO_MODEL` carries: the stages of a cascade, each managed."""

    networks: VideoModels
    patchers: tuple[WholeModel, ...]
    """Of `networks.networks`, in their order."""

    def to_device(
        self, size: tuple[int, int], clip_frames: int | None, note: Callable[[str], None], *, above: int = 0
    ) -> VideoModels:
        """The networks; those that a video of `size` (h, w) needs are where ComfyUI computes, and others gave way.

        Args:
            clip_frames: None is what each was trained with.
            note: told if memory may not suffice.
            above: the shorter side of the frames that are at hand; 0 where there are none.
        """
        from ..vlogger_core.video.cascade_plan import plan_cascade
        from ..vlogger_core.video.memory import sampling_bytes

        needed = self.networks.up_to(min(size)).networks
        plan = plan_cascade([network.config for network in needed], size)
        pairs = zip(self.patchers, needed, plan.stages, strict=False)
        used = [(patcher, network, stage) for patcher, network, stage in pairs if network.config.size > above]
        takes = max(
            (sampling_bytes(n.config, stage, clip_frames=clip_frames, dtype=n.dtype) for _, n, stage in used), default=0
        )
        comfy.model_management.load_models_gpu([patcher for patcher, _, _ in used], memory_required=takes)
        device = comfy.model_management.get_torch_device()
        free = comfy.model_management.get_free_memory(device)
        if takes > free:
            note(f"This takes about {takes / 2**30:.1f} GiB of memory, and {device} has {free / 2**30:.1f} GiB free.")
        return self.networks


def video_model(networks: VideoModels) -> VideoModel:
    """Hand the stages of a cascade to ComfyUI."""
    return VideoModel(networks=networks, patchers=tuple(managed(network) for network in networks.networks))


def managed(network: VideoNetwork) -> WholeModel:
    """Hand a network to ComfyUI, in the number format in which ComfyUI computes on its device."""
    device = comfy.model_management.get_torch_device()
    num_weights = sum(weight.numel() for weight in network.parameters())
    kept = comfy.model_management.unet_dtype(device=device, model_params=num_weights, supported_dtypes=_FORMATS)
    # Weights that ComfyUI would keep in one format and compute with in another: torch's own layers have one for both.
    network.to(comfy.model_management.unet_manual_cast(kept, device, _FORMATS) or kept)
    if network.autoencoder is not None:
        network.autoencoder.to(comfy.model_management.vae_dtype(device, _AUTOENCODER_FORMATS))
    return WholeModel(network, load_device=device, offload_device=comfy.model_management.unet_offload_device())
