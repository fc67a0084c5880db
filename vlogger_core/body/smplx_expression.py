"""ARKit's expressions on SMPL-X: which expression coefficients and which turn of the jaw move its face alike.

The pattern is Anny's face, whose 52 facial actions are sculpted: each action's displacement of the face landmarks,
brought onto the SMPL-X face by the similarity between the two, is met by regularised least squares.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from ..names import ARKIT_EXPRESSIONS, EXPRESSION_INDEX
from ..progress import Progress, silent
from .face_outlines import EYELIDS, LIPS
from .protocol import BodyModel
from .smplx_landmarks import NUM_LANDMARKS

NOISE_M = 0.001
"""How far a landmark may miss its pattern for the cost of one."""
COEFFICIENT_SIGMA = 2.0
"""Spread of expression coefficients, in the file's standard deviations: a full action is beyond what is common."""
JAW_SIGMA_RAD = 0.5
MAX_COEFFICIENT = 6.0
"""Beyond this many standard deviations skin between the landmarks goes anywhere: rather miss the pattern."""
JAW_AXES = {
    "jawOpen": (1.0, 0.0, 0.0), "mouthClose": (1.0, 0.0, 0.0),
    "jawLeft": (0.0, 1.0, 0.0), "jawRight": (0.0, 1.0, 0.0),
}  # fmt: skip
"""The channels that turn the jaw, and about which of its axes. Others move it by coefficients alone."""
BUILDS_ON = {"mouthClose": "jawOpen"}
"""mouthClose is solved on top of an open jaw, since it only ever shuts the lips that jawOpen parts."""
NEAR_WEIGHT = 0.3
"""What landmarks count that are only roughly placed."""
ROUNDS = 6
_STEP_RAD = 0.01

_LEFT_OUT = {*EYELIDS, *LIPS}
"""Where a roughly placed landmark could be on the wrong side of a gap."""

Pose = Callable[[Float[Tensor, "n e"], Float[Tensor, "n 3"]], Float[Tensor, "n 478 3"]]
"""Expression coefficients and the jaw's rotation vector to face landmarks, the body at rest otherwise."""


@dataclass(frozen=True, kw_only=True)
class ArkitMap:
    """What one unit of each ARKit channel adds."""

    coefficients: Float[Tensor, "52 e"]
    jaw_rotvec: Float[Tensor, "52 3"]
    """Radians."""

    @staticmethod
    def none(num_coefficients: int) -> ArkitMap:
        """Expressions without effect."""
        count = len(ARKIT_EXPRESSIONS)
        return ArkitMap(coefficients=torch.zeros(count, num_coefficients), jaw_rotvec=torch.zeros(count, 3))

    def __call__(self, expression: Float[Tensor, "t 52"]) -> tuple[Float[Tensor, "t e"], Float[Tensor, "t 3"]]:
        return expression @ self.coefficients, expression @ self.jaw_rotvec

    def to(self, device: Any) -> ArkitMap:
        return ArkitMap(coefficients=self.coefficients.to(device), jaw_rotvec=self.jaw_rotvec.to(device))


@dataclass(frozen=True, kw_only=True)
class FaceActions:
    """How the landmarks of a face move in each ARKit expression. Metres, Y up, facing +Z."""

    points: Float[Tensor, "478 3"]
    weight: Float[Tensor, "478"]
    moves: Float[Tensor, "52 478 3"]


def face_actions(model: BodyModel) -> FaceActions:
    """Of a body whose expressions are right; gaze turns its irises, which are to be left out."""
    count = len(ARKIT_EXPRESSIONS)
    expression = torch.cat((torch.zeros(1, count), torch.eye(count)))
    rest = model.rest(model.mean_shape())
    posed = model.pose(rest, torch.zeros(count + 1, 55, 3), torch.zeros(count + 1, 3), expression)
    points = model.face_landmarks(posed.vertices)
    return FaceActions(points=points[0], weight=model.face_landmark_weight, moves=points[1:] - points[0])


def landmark_weight(actions: FaceActions, known: Float[Tensor, "478"]) -> Float[Tensor, "478"]:
    """How much each landmark counts, given what the SMPL-X file says of it (`known`, 0 where it is a guess)."""
    near = torch.full((NUM_LANDMARKS,), NEAR_WEIGHT)
    near[list(_LEFT_OUT)] = 0
    weight = torch.where(known > 0, known, near) * actions.weight
    weight[468:] = 0
    return weight


def solve_arkit(
    pose: Pose,
    moves: Float[Tensor, "52 478 3"],
    weight: Float[Tensor, "478"],
    num_coefficients: int,
    progress: Progress = silent,
) -> ArkitMap:
    """Coefficients and jaw of each action, by Gauss-Newton; without the jaw the problem is linear and done in one step.

    Where coefficients exceed `MAX_COEFFICIENT`, their spread is halved until they do not. Minimises
    `sum_i w_i |x_i - x*_i|^2 / NOISE_M^2 + |coefficients|^2 / COEFFICIENT_SIGMA^2 + |jaw|^2 / JAW_SIGMA_RAD^2`.
    """
    used = weight > 0
    root = weight[used].sqrt()[:, None] / NOISE_M

    def points(coefficients: Float[Tensor, "n e"], jaw: Float[Tensor, "n 3"]) -> Float[Tensor, "n m"]:
        return (root * pose(coefficients, jaw)[:, used]).flatten(1).double()

    still = points(torch.zeros(1, num_coefficients), torch.zeros(1, 3))[0]
    unit, nearby = torch.eye(num_coefficients), torch.tensor([[0.0], [1.0], [-1.0]])

    def solve(
        target: Float[Tensor, " m"], below: tuple[Tensor, Tensor], axis: Float[Tensor, "3"], sigma: float
    ) -> Float[Tensor, " p"]:
        spread = torch.tensor([sigma] * num_coefficients + [JAW_SIGMA_RAD])
        state = torch.zeros(num_coefficients + 1)
        for _ in range(ROUNDS if axis.any() else 1):
            coefficients, jaw = below[0] + state[:-1], below[1] + state[-1] * axis
            here, more, less = points(coefficients.expand(3, -1), jaw + _STEP_RAD * axis * nearby)
            bent = points(coefficients + unit, jaw.expand(num_coefficients, 3)) - here
            turned = (more - less) / (2 * _STEP_RAD)
            jacobian = torch.cat((bent, turned[None])) * spread[:, None]
            normal = jacobian @ jacobian.mT + torch.eye(len(jacobian))
            step = torch.linalg.solve(normal, jacobian @ (target - here) - state / spread)
            state = state + (step * spread).float()
        return state

    found = ArkitMap.none(num_coefficients)
    for name, action in EXPRESSION_INDEX.items():
        progress(action, len(ARKIT_EXPRESSIONS))
        axis = torch.tensor(JAW_AXES.get(name, (0.0, 0.0, 0.0)))
        expression, move = torch.zeros(1, len(ARKIT_EXPRESSIONS)), moves[action]
        if name in BUILDS_ON:
            first = EXPRESSION_INDEX[BUILDS_ON[name]]
            expression[0, first], move = 1.0, move + moves[first]
        below = found(expression)
        target = still + (root * move[used]).flatten().double()
        sigma = COEFFICIENT_SIGMA
        while (state := solve(target, below, axis, sigma))[:-1].abs().max() > MAX_COEFFICIENT:
            sigma /= 2
        found.coefficients[action] = state[:-1]
        found.jaw_rotvec[action] = state[-1] * axis
    return found
