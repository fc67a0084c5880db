"""VLOGGER for ComfyUI: a portrait photo and speech become a talking video, steered by an explicit 3D body."""

WEB_DIRECTORY = "./web"
"""The help pages of the nodes."""


async def comfy_entrypoint():
    """What ComfyUI calls once to get the nodes; nothing is imported before."""
    from .nodes import VloggerExtension

    return VloggerExtension()
