"""L-BFGS for energies that are nearly round already: full steps from the first on, and no searching along a line."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

HISTORY = 20
DECREASE = 1e-4
"""Share of the decrease that the slope promises which a step must bring (Armijo)."""
_SHORTER, _SHORTEST = 0.3, 1e-5


def descend(
    cost: Callable[[Float[Tensor, "*n"]], Float[Tensor, ""]],
    start: Float[Tensor, "*n"],
    *,
    evaluations: int,
    tolerance: float,
    tick: Callable[[], None],
) -> Float[Tensor, "*n"]:
    """A point of lower cost (Nocedal and Wright, Numerical Optimization, algorithms 7.4 and 3.1).

    Args:
        tolerance: ends the descent when three steps together lower the cost by less.
        tick: called before each evaluation of `cost`.
    """

    def look(point: Tensor) -> tuple[float, Tensor]:
        tick()
        point = point.detach().requires_grad_()
        value = cost(point)
        (slope,) = torch.autograd.grad(value, point)
        return value.item(), slope

    point = start.detach()
    value, slope = look(point)
    pairs: deque[tuple[Tensor, Tensor, float]] = deque(maxlen=HISTORY)
    last: deque[float] = deque([value], maxlen=4)
    used = 1
    while used < evaluations:
        direction = -_inverse_hessian(pairs, slope)
        promised = (direction * slope).sum().item()
        if promised >= 0:
            pairs.clear()
            direction = -slope
            promised = (direction * slope).sum().item()
        length = 1.0
        while True:
            ahead = point + length * direction
            new_value, new_slope = look(ahead)
            used += 1
            if new_value <= value + DECREASE * length * promised:
                break
            length *= _SHORTER
            if length < _SHORTEST or used >= evaluations:
                return point
        step, change = ahead - point, new_slope - slope
        curvature = (step * change).sum().item()
        if curvature > 1e-8 * change.square().sum().item():
            pairs.append((step, change, 1 / curvature))
        point, value, slope = ahead, new_value, new_slope
        last.append(value)
        if len(last) == last.maxlen and last[0] - value < tolerance:
            break
    return point


def _inverse_hessian(pairs: deque[tuple[Tensor, Tensor, float]], slope: Tensor) -> Tensor:
    """The two-loop recursion."""
    direction, shares = slope.clone(), []
    for step, change, inverse in reversed(pairs):
        shares.append(inverse * (step * direction).sum())
        direction -= shares[-1] * change
    if pairs:
        step, change, _ = pairs[-1]
        direction *= (step * change).sum() / change.square().sum()
    for (step, change, inverse), share in zip(pairs, reversed(shares)):
        direction += (share - inverse * (change * direction).sum()) * step
    return direction
