"""Stable Diffusion 1.5 as files: names and shapes of the original layout, and folders of tiny models.

The names follow the published `v1-5-pruned-emaonly.safetensors`.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from tests.video.tiny_video import TINY_AUTOENCODER, TINY_UNET
from vlogger_core.video.sd15 import StableDiffusion

Shapes = dict[str, tuple[int, ...]]


def write_folder(path: Path, base: StableDiffusion, *, prediction: str = "epsilon") -> Path:
    """A diffusers folder."""
    for name, config, model in (("unet", TINY_UNET, base.unet), ("vae", TINY_AUTOENCODER, base.autoencoder)):
        (path / name).mkdir(parents=True)
        (path / name / "config.json").write_text(json.dumps(config))
        save_file(model.state_dict(), path / name / "diffusion_pytorch_model.safetensors")
    (path / "scheduler").mkdir()
    (path / "scheduler" / "scheduler_config.json").write_text(json.dumps({"prediction_type": prediction}))
    return path


def on_meta(shapes: Shapes) -> dict[str, torch.Tensor]:
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}


def original_unet_shapes() -> Shapes:
    """All tensors of the U-Net."""
    out: Shapes = {}
    _layer(out, "time_embed.0", 1280, 320)
    _layer(out, "time_embed.2", 1280, 1280)
    _layer(out, "input_blocks.0.0", 320, 4, 3, 3)
    widths = (320, 640, 1280, 1280)
    skips, width, index = [320], 320, 1
    for level, wide in enumerate(widths):
        for _ in range(2):
            _residual(out, f"input_blocks.{index}.0", width, wide)
            if level < 3:
                _attention(out, f"input_blocks.{index}.1", wide)
            width = wide
            skips.append(width)
            index += 1
        if level < 3:
            _layer(out, f"input_blocks.{index}.0.op", width, width, 3, 3)
            skips.append(width)
            index += 1
    _residual(out, "middle_block.0", width, width)
    _attention(out, "middle_block.1", width)
    _residual(out, "middle_block.2", width, width)
    index = 0
    for level, wide in reversed(list(enumerate(widths))):
        for block in range(3):
            _residual(out, f"output_blocks.{index}.0", width + skips.pop(), wide)
            width, last = wide, 1
            if level < 3:
                _attention(out, f"output_blocks.{index}.1", width)
                last = 2
            if level > 0 and block == 2:
                _layer(out, f"output_blocks.{index}.{last}.conv", width, width, 3, 3)
            index += 1
    _layer(out, "out.0", 320)
    _layer(out, "out.2", 4, 320, 3, 3)
    return {f"model.diffusion_model.{name}": shape for name, shape in out.items()}


def original_autoencoder_shapes() -> Shapes:
    """All tensors of the autoencoder."""
    out: Shapes = {}
    widths = (128, 256, 512, 512)
    _layer(out, "encoder.conv_in", 128, 3, 3, 3)
    width = 128
    for level, wide in enumerate(widths):
        for block in range(2):
            _plain_residual(out, f"encoder.down.{level}.block.{block}", width, wide)
            width = wide
        if level < 3:
            _layer(out, f"encoder.down.{level}.downsample.conv", width, width, 3, 3)
    _layer(out, "decoder.conv_in", 512, 4, 3, 3)
    for part in ("encoder", "decoder"):
        _plain_residual(out, f"{part}.mid.block_1", 512, 512)
        _layer(out, f"{part}.mid.attn_1.norm", 512)
        for name in ("q", "k", "v", "proj_out"):
            _layer(out, f"{part}.mid.attn_1.{name}", 512, 512, 1, 1)
        _plain_residual(out, f"{part}.mid.block_2", 512, 512)
    for level, wide in reversed(list(enumerate(widths))):
        for block in range(3):
            _plain_residual(out, f"decoder.up.{level}.block.{block}", width, wide)
            width = wide
        if level > 0:
            _layer(out, f"decoder.up.{level}.upsample.conv", width, width, 3, 3)
    _layer(out, "encoder.norm_out", 512)
    _layer(out, "encoder.conv_out", 8, 512, 3, 3)
    _layer(out, "decoder.norm_out", 128)
    _layer(out, "decoder.conv_out", 3, 128, 3, 3)
    _layer(out, "quant_conv", 8, 8, 1, 1)
    _layer(out, "post_quant_conv", 4, 4, 1, 1)
    return {f"first_stage_model.{name}": shape for name, shape in out.items()}


def _layer(out: Shapes, name: str, *shape: int, bias: bool = True) -> None:
    out[f"{name}.weight"] = shape
    if bias:
        out[f"{name}.bias"] = shape[:1]


def _residual(out: Shapes, name: str, width: int, wide: int) -> None:
    _layer(out, f"{name}.in_layers.0", width)
    _layer(out, f"{name}.in_layers.2", wide, width, 3, 3)
    _layer(out, f"{name}.emb_layers.1", wide, 1280)
    _layer(out, f"{name}.out_layers.0", wide)
    _layer(out, f"{name}.out_layers.3", wide, wide, 3, 3)
    if width != wide:
        _layer(out, f"{name}.skip_connection", wide, width, 1, 1)


def _attention(out: Shapes, name: str, width: int) -> None:
    _layer(out, f"{name}.norm", width)
    _layer(out, f"{name}.proj_in", width, width, 1, 1)
    block = f"{name}.transformer_blocks.0"
    for attention, context in (("attn1", width), ("attn2", 768)):
        _layer(out, f"{block}.{attention}.to_q", width, width, bias=False)
        _layer(out, f"{block}.{attention}.to_k", width, context, bias=False)
        _layer(out, f"{block}.{attention}.to_v", width, context, bias=False)
        _layer(out, f"{block}.{attention}.to_out.0", width, width)
    _layer(out, f"{block}.ff.net.0.proj", 8 * width, width)
    _layer(out, f"{block}.ff.net.2", width, 4 * width)
    for norm in ("norm1", "norm2", "norm3"):
        _layer(out, f"{block}.{norm}", width)
    _layer(out, f"{name}.proj_out", width, width, 1, 1)


def _plain_residual(out: Shapes, name: str, width: int, wide: int) -> None:
    _layer(out, f"{name}.norm1", width)
    _layer(out, f"{name}.conv1", wide, width, 3, 3)
    _layer(out, f"{name}.norm2", wide)
    _layer(out, f"{name}.conv2", wide, wide, 3, 3)
    if width != wide:
        _layer(out, f"{name}.nin_shortcut", wide, width, 1, 1)
