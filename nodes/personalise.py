"""A video model learns one person from a clip; what it learned is a small file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import comfy.model_management
from comfy_api.latest import io

from . import managed, runtime, sockets, video_widgets, widgets
from .tracker import _Frames

if TYPE_CHECKING:
    from ..vlogger_core.video.person_file import Person

_NAME = re.compile(r"[^\\/:*?\"<>|.\x00-\x1f]{1,100}")
_ENDING = ".safetensors"
_MODEL = "For VLOGGER Temporal ControlNet Sampler, Upscaler, Long Video and Inpaint Editor."


class VloggerPersonalise(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="VloggerPersonalise",
            display_name="VLOGGER Personalise",
            category="VLOGGER/edit",
            description=(
                "Lets the video model learn one person from one clip: teeth, lids, wrinkles, and how this face moves. "
                "The result goes on as a video model and is kept as a file in models/vlogger/person."
            ),
            search_aliases=["fine-tune", "train lora", "dreambooth", "learn person", "identity", "avatar training"],
            inputs=[
                io.MultiType.Input(
                    "clip",
                    [io.Image, io.Video],
                    tooltip="One person in one shot, some seconds of talk: a video, or its frames. The last fifth is "
                    "not learned but says when to stop.",
                ),
                video_widgets.video_model(),
                io.String.Input("name", default="person", tooltip="Of the file; a number is added."),
                io.Float.Input(
                    "minutes",
                    default=10.0,
                    min=0.1,
                    max=1440.0,
                    step=0.5,
                    tooltip="Of learning, all stages together; following the person comes before. It ends earlier "
                    "where nothing better is found any more.",
                ),
                widgets.clip_fps(),
                widgets.landmarks(),
                widgets.person("face_index", where="the first frames show"),
                sockets.BodyModel.Input(
                    "body_model", optional=True, tooltip="From VLOGGER Body Model; Anny if not given."
                ),
                io.Int.Input(
                    "rank",
                    default=8,
                    min=0,
                    max=128,
                    optional=True,
                    advanced=True,
                    tooltip="Of the changes to each layer (LoRA): more can hold more, and learns by heart sooner. 0 "
                    "changes all weights as a whole: a large file.",
                ),
                io.Int.Input(
                    "steps",
                    default=0,
                    min=0,
                    max=1_000_000,
                    optional=True,
                    advanced=True,
                    tooltip="Of each stage, instead of minutes; 0 is by the clock.",
                ),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=2**31 - 1,
                    optional=True,
                    advanced=True,
                    tooltip="Another seed learns from the frames in another order.",
                ),
            ],
            outputs=[
                sockets.VideoModel.Output("video_model", tooltip=f"The model with the person. {_MODEL}"),
                io.String.Output("person", tooltip="The file's name, for VLOGGER Load Person."),
            ],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(cls, name: str) -> bool | str:
        if _NAME.fullmatch(name):
            return True
        return f'"{name}" cannot be the name of a file: give a plain name, without folders and ending.'

    @classmethod
    def execute(
        cls,
        clip,
        video_model,
        name: str,
        minutes: float,
        fps: float,
        landmarks: str,
        face_index: int,
        body_model=None,
        rank: int = 8,
        steps: int = 0,
        seed: int = 0,
    ) -> io.NodeOutput:
        from ..vlogger_core.body.load import load_body
        from ..vlogger_core.clock import as_fps
        from ..vlogger_core.train.personalise import format_figures, personalise
        from ..vlogger_core.train.personalise_trainer import PersonTraining
        from ..vlogger_core.video.person_file import save_person

        with runtime.work(grad=True) as progress:
            images, rate = (clip, fps) if not hasattr(clip, "get_components") else _components(clip)
            # Makes room, and takes from the networks what ComfyUI notes on those that are loaded.
            comfy.model_management.unload_all_models()
            person = personalise(
                video_model.networks,
                _Frames(images),
                as_fps(rate),
                body=body_model or load_body(progress=progress),
                training=PersonTraining(minutes=minutes, steps=steps or None, rank=rank or None, seed=seed),
                landmarks=landmarks,
                face_index=face_index,
                device=runtime.device(),
                watch=progress.show,
                stage=lambda sentence: progress,
            )
            path = _new_file(name)
            save_person(path, person)
            progress.note(f"{path.name}\n{format_figures(person)}")
            return io.NodeOutput(_with_person(video_model, person, 1.0, path.name), path.name)


class VloggerLoadPerson(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="VloggerLoadPerson",
            display_name="VLOGGER Load Person",
            category="VLOGGER/edit",
            description="Gives the video model a person that VLOGGER Personalise learned, at any strength.",
            search_aliases=["load lora", "person file", "identity", "fine-tuned", "apply person"],
            inputs=[
                video_widgets.video_model(),
                io.Combo.Input(
                    "person",
                    options=runtime.PEOPLE.choices(),
                    default=runtime.NO_FILE,
                    tooltip="A file in models/vlogger/person. It fits the video model that it was made for only.",
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=0.0,
                    max=2.0,
                    step=0.05,
                    tooltip="0 is the video model as it is, exactly; 1 what was learned; more exaggerates.",
                ),
            ],
            outputs=[sockets.VideoModel.Output("video_model", tooltip=f"The model with the person. {_MODEL}")],
        )

    @classmethod
    def validate_inputs(cls, person: str) -> bool | str:
        return runtime.PEOPLE.problem(person) or True

    @classmethod
    def fingerprint_inputs(cls, person: str, strength: float) -> tuple[float, float]:
        return runtime.PEOPLE.changed_s(person), strength

    @classmethod
    def execute(cls, video_model, person: str, strength: float) -> io.NodeOutput:
        from ..vlogger_core.video.person_file import load_person

        with runtime.work():
            path = runtime.PEOPLE.path(person)
            if path is None:
                return io.NodeOutput(video_model)
            if strength and any(patcher.loaded_size() for patcher in video_model.patchers):
                comfy.model_management.unload_all_models()
            return io.NodeOutput(_with_person(video_model, load_person(path), strength, person))


def _with_person(video_model: managed.VideoModel, person: Person, strength: float, name: str) -> managed.VideoModel:
    """The networks that a person changes are managed anew; the others stay in the hands they are in."""
    from ..vlogger_core.video.person_file import personalised

    networks = personalised(video_model.networks, person, strength, name=name)
    given = zip(networks.networks, video_model.networks.networks, video_model.patchers, strict=True)
    patchers = tuple(patcher if new is old else managed.managed(new) for new, old, patcher in given)
    return managed.VideoModel(networks=networks, patchers=patchers)


def _components(video) -> tuple:
    """Frames and frame rate of a VIDEO."""
    found = video.get_components()
    return found.images, found.frame_rate


def _new_file(name: str) -> Path:
    """The first number that is free."""
    folder = Path(runtime.PEOPLE.folder)
    folder.mkdir(parents=True, exist_ok=True)
    number = 1
    while (path := folder / f"{name}_{number:05}{_ENDING}").exists():
        number += 1
    return path
