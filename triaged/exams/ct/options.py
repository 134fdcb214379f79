"""What a site may choose of how a CT is read and drawn; light, since every process reads the settings.

Must not know how anything is computed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Palette(StrEnum):
    """The colours of the bar, from nothing to all affected; `VIRIDIS` can be read without telling red from green."""

    GREEN_RED = "green-red"
    VIRIDIS = "viridis"


@dataclass(frozen=True, slots=True)
class CtOptions:
    """`grade_cut_offs`: the severities, rising in (0, 1], from which a study is computed CT-1, CT-2, CT-3 and CT-4."""

    grade_cut_offs: tuple[float, float, float, float] = (0.01, 0.25, 0.50, 0.75)

    def __post_init__(self) -> None:
        cut_offs = list(self.grade_cut_offs)
        if len(cut_offs) != 4 or cut_offs != sorted(set(cut_offs)) or not 0 < cut_offs[0] <= cut_offs[-1] <= 1:
            raise ValueError(f"grade_cut_offs: expected four rising shares in (0, 1], found {self.grade_cut_offs}")
