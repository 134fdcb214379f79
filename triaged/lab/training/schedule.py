"""Says how long and how fast to learn, as plain values.

Must not know networks or torch.
"""

import math
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

OptimiserName: TypeAlias = Literal["adam", "sgd"]


@dataclass(frozen=True, slots=True)
class Cosine:
    """A short rise over `rise` steps, then half a cosine down to zero."""

    rise: int = 100

    def factor(self, step: int, steps: int) -> float:
        """Return by what the learning rate is multiplied at `step` of `steps`."""
        return min(1.0, (step + 1) / self.rise) * 0.5 * (1 + math.cos(math.pi * step / steps))


@dataclass(frozen=True, slots=True)
class Drop:
    """The full rate, then from the share `at` of all steps on that rate times `to`."""

    at: float
    to: float

    def factor(self, step: int, steps: int) -> float:
        """Return by what the learning rate is multiplied at `step` of `steps`."""
        return self.to if step >= self.at * steps else 1.0


COSINE: Final = Cosine()
LEVEL: Final = Drop(at=1.0, to=1.0)
"""The full rate to the end."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to learn.

    Attributes:
        steps: optimiser steps in all; a resumed run continues towards them.
        batch: what a step takes at once: slices, series or cubes, as the task says.
        measure_every: steps between measurements and checkpoints.
        seed: with the number of a step, decides everything that the step draws.
        course: how the learning rate changes.
    """

    steps: int
    batch: int
    learning_rate: float
    measure_every: int
    seed: int
    optimiser: OptimiserName = "adam"
    course: Cosine | Drop = COSINE

    def rate(self, step: int) -> float:
        """Return the learning rate at `step`."""
        return self.learning_rate * self.course.factor(step, self.steps)
