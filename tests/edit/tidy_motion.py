"""A motion that an edit may be told by: everything moves, and each eye looks one way at a time."""

from dataclasses import replace

from tests.motion.lively_motion import lively
from vlogger_core.body.expression import GAZE
from vlogger_core.datatypes import Motion
from vlogger_core.names import EXPRESSION_INDEX


def tidy(seconds: float = 4.0, seed: int = 0) -> Motion:
    """24 frames a second, with a blink after 1.5 seconds where it lasts so long."""
    motion = lively(seconds, blinks_s=(1.5,) if seconds > 2 else (), seed=seed)
    expression = motion.expression.clone()
    for one, other in GAZE:
        look = expression[:, EXPRESSION_INDEX[one]] - expression[:, EXPRESSION_INDEX[other]]
        expression[:, EXPRESSION_INDEX[one]] = look.clamp(min=0)
        expression[:, EXPRESSION_INDEX[other]] = (-look).clamp(min=0)
    return replace(motion, expression=expression)
