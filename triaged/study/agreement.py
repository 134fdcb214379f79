"""How what a second engine found compares with what the first one found, as values; the rule is in `triage`.

The first engine orders, second ones advise: nothing here is an input of the order.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

ENGINES_DISAGREE: Final = "engines-disagree"
"""The flag of a study with which at least one second engine disagrees."""


class Disagreement(StrEnum):
    """In what two engines disagree; the value is kept in the store and never changes."""

    GRADE = "other-grade"
    SHARE = "other-share"
    OUTLINE = "other-outline"


@dataclass(frozen=True, slots=True)
class Agreement:
    """A second engine's result beside the first one's.

    `points` is the difference, second minus first, in percentage points of `part`, the part of the body in which it is
    largest. `overlap` is the Dice coefficient of what both outlined, None where neither outlined anything or the first
    outline cannot be read.
    """

    points: float
    part: str
    overlap: float | None
    disagreements: tuple[Disagreement, ...] = ()

    @property
    def disagrees(self) -> bool:
        """Tell whether a person should look at both."""
        return bool(self.disagreements)
