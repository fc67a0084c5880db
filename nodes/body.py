"""A photo becomes a body: which person stands where, in which pose, seen by which camera."""

from __future__ import annotations

from comfy_api.latest import io

from . import runtime, sockets, widgets


class VloggerBodyFitter(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="VloggerBodyFitter",
            display_name="VLOGGER Body Fitter (SMPL-X)",
            category="VLOGGER/body",
            description=(
                "Fits the body and the camera to one portrait photo: head and shoulders or more, any aspect ratio. The "
                "pose is kept in the joints of SMPL-X, whatever the body model. Look at the overlay: where the mesh "
                "leaves the person, the video will too."
            ),
            search_aliases=["fit body", "portrait", "pose estimation", "3d reconstruction", "smplify"],
            inputs=[
                io.Image.Input("image", tooltip="One photo of a person whose face is seen; 512 px or more is best."),
                sockets.BodyModel.Input("body_model", tooltip="From VLOGGER Body Model."),
                widgets.landmarks(),
                widgets.person("face_index", where="the photo shows"),
                widgets.fov_deg(),
                sockets.PoseKeypoint.Input(
                    "pose_keypoint",
                    optional=True,
                    tooltip="Keypoints from a DWPose, OpenPose or SDPose node; used instead of the detection here.",
                ),
                sockets.FaceLandmarks.Input(
                    "face_landmarks",
                    optional=True,
                    tooltip=(
                        "The face from ComfyUI's Detect Face Landmarks (MediaPipe); replaces the detection here. "
                        "Where it comes alone, the body is detected separately, or guessed with a warning."
                    ),
                ),
                sockets.DwPoses.Input(
                    "dwposes",
                    optional=True,
                    tooltip="Keypoints from kijai's SCAIL-Pose nodes; used as pose_keypoint is, and after it.",
                ),
                sockets.MhrPoseData.Input(
                    "mhr_pose_data",
                    optional=True,
                    tooltip=(
                        "The person in space from ComfyUI's Predict SAM3D Body, made from this photo: gives arms, "
                        "hands and trunk their depth. The face is found as without it."
                    ),
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="The person, of the photo's size, white where the person is; found here if not given.",
                ),
            ],
            outputs=[
                sockets.Body.Output("body", tooltip="The fitted body, its camera and the photo."),
                io.Image.Output(
                    "overlay", tooltip="The mesh and the landmarks over the photo, at most 1024 px on the longer side."
                ),
                sockets.PoseKeypoint.Output("pose_keypoint", tooltip="The landmarks that were used, in pixels."),
                io.Mask.Output("mask", tooltip="The person, with hair and clothes."),
            ],
        )

    @classmethod
    def execute(
        cls,
        image,
        body_model,
        landmarks,
        face_index,
        fov_deg,
        pose_keypoint=None,
        face_landmarks=None,
        dwposes=None,
        mhr_pose_data=None,
        mask=None,
    ) -> io.NodeOutput:
        from ..vlogger_core.body.fitter import fit_photo
        from ..vlogger_core.body.landmarks import gather_landmarks
        from ..vlogger_core.body.mhr import space_of_mhr
        from ..vlogger_core.body.overlay import draw_overlay
        from ..vlogger_core.body.pose_keypoint import to_pose_keypoint
        from ..vlogger_core.image import check_portrait

        with runtime.work(grad=True) as progress:
            photo = check_portrait(sockets.photo_from_comfy(image))
            matte = sockets.mask_from_comfy(mask, photo)
            wired = {"pose_keypoint": pose_keypoint, "face_landmarks": face_landmarks, "dwposes": dwposes}
            wired["mhr_pose_data"] = mhr_pose_data
            points = gather_landmarks(photo, source=landmarks, face_index=face_index, progress=progress, **wired)
            joints3d, known_fov = space_of_mhr(mhr_pose_data, points)
            camera = {"fov_deg": fov_deg or known_fov, "joints3d": joints3d}
            fit = fit_photo(photo, model=body_model, landmarks=points, mask=matte, progress=progress, **camera)
            overlay = sockets.image_to_comfy(draw_overlay(fit, points))
            return io.NodeOutput(fit, overlay, to_pose_keypoint(points), sockets.mask_to_comfy(fit.mask))
