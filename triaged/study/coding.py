"""What a coded number is made of: its concept, its unit, its part of the body, and where it goes; knows no one number.

The numbers themselves are the table of `triaged.study.concepts`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Literal

PRIVATE_SCHEME: Final = "99TRIAGED"


@dataclass(frozen=True, slots=True)
class Code:
    """A coded concept (PS3.3 8.8)."""

    value: str
    scheme: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Unit:
    """In what people and reports read a number: stored value times `scale`, with so many `digits`; UCUM code.

    `never` is a value that no number of this unit is shown as: no probability is certain. `form` "significant" counts
    digits from the first that is not 0, for numbers of any size; "signed" is a difference, with its sign.
    """

    code: Code
    scale: float
    digits: int
    never: float | None = None
    form: Literal["decimals", "significant", "signed"] = "decimals"

    def text(self, value: float) -> str:
        """Return a stored value as people read it, with the sign of the unit where it has one.

        A zero stands only where nothing is: what is there and rounds to it is less than the smallest that is shown.
        """
        number = self._number(value)
        return number if self.code.value == "1" else f"{number} {self.code.value}"

    def reported(self, value: float) -> float:
        """Return a stored value as documents for programs have it."""
        scaled = value * self.scale
        return float(f"{scaled:.{self.digits}g}") if self.form == "significant" else round(scaled, 4)

    def _number(self, value: float) -> str:
        match self.form:
            case "significant":
                return f"{value * self.scale:.{self.digits}g}"
            case "signed":
                return f"{value * self.scale:+.{self.digits}f}"
            case "decimals":
                return self._decimals(value)

    def _decimals(self, value: float) -> str:
        number = f"{value * self.scale:.{self.digits}f}"
        step = 10.0**-self.digits
        if value > 0 and float(number) == 0:
            return f"<{step:.{self.digits}f}"
        if self.never is not None and float(number) >= self.never * self.scale:
            return f">{self.never * self.scale - step:.{self.digits}f}"
        return number


class Output(StrEnum):
    """Where the numbers of a finding go."""

    LIST = "list"  # JSON of the worklist
    NOTIFICATION = "notification"  # HL7 and webhook
    REPORT = "report"  # SR
    WORDS = "words"  # text report and summary page
    PAGE = "page"  # study page
    EVALUATION = "evaluation"


EVERYWHERE: Final = frozenset(Output)


@dataclass(frozen=True, slots=True)
class Site:
    """A part of the body that a number is of. `name` ends the number's name; `words` fit after "of"."""

    name: str
    code: Code
    noun: str
    words: str


@dataclass(frozen=True, slots=True)
class Concept:
    """What a number means.

    `name` is the store's, and never changes. `field` is its name in JSON, followed by that of the site where it is of
    one; `hl7` the same in HL7. `words` is what readers call it.
    """

    name: str
    code: Code
    unit: Unit
    words: str
    field: str = ""
    hl7: str = ""
    outputs: frozenset[Output] = EVERYWHERE

    def field_at(self, site: Site | None) -> str:
        """Return the number's name in JSON."""
        return "_".join(filter(None, (self.field or self.name, site.name if site else "")))

    def hl7_at(self, site: Site | None) -> str:
        """Return the number's identifier in HL7, without its text."""
        own = self.hl7 or (self.field or self.name).upper().replace("_", "-")
        return "-".join(filter(None, (own, site.name.upper() if site else "")))

    def words_at(self, site: Site | None) -> str:
        """Return what readers call the number."""
        return f"{self.words} of {site.words}" if site else self.words


@dataclass(frozen=True, slots=True)
class Service:
    """What is done for a study: its code, the department that does it (HL7 table 0074), and the modality's code."""

    code: Code
    section: str
    modality: str


@dataclass(frozen=True, slots=True)
class Disease:
    """What a probability is the probability of; `name` is the store's, and never changes.

    `probability` and `threshold` are the concepts of a `Suspicion` of it.
    """

    name: str
    code: Code
    probability: Concept
    threshold: Concept


def private(value: str, meaning: str) -> Code:
    """Return a code of the project's own scheme; `ValueError` above 16 characters of `value`, or 64 of `meaning`."""
    if len(value) > 16 or len(meaning) > 64:
        raise ValueError(f"private code: expected at most 16 and 64 characters, found {value!r}, {meaning!r}")
    return Code(value, PRIVATE_SCHEME, meaning)


SHARE: Final = Unit(Code("%", "UCUM", "percent"), 100.0, 1)
PROBABILITY: Final = Unit(Code("1", "UCUM", "no units"), 1.0, 3, never=1.0)
IN_SHORT: Final = replace(PROBABILITY, digits=2)
"""A probability beside other words."""
MILLILITRE: Final = Unit(Code("mL", "UCUM", "mL"), 1.0, 0)
MILLIMETRE: Final = Unit(Code("mm", "UCUM", "mm"), 1.0, 1)
COUNT: Final = Unit(Code("1", "UCUM", "no units"), 1.0, 0)
RATIO: Final = Unit(Code("1", "UCUM", "no units"), 1.0, 6, form="significant")
HOUNSFIELD: Final = Unit(Code("[hnsf'U]", "UCUM", "Hounsfield unit"), 1.0, 6, form="significant")
HOUNSFIELD_SQUARED: Final = Unit(Code("[hnsf'U]2", "UCUM", "square Hounsfield unit"), 1.0, 6, form="significant")
HOUNSFIELD_VOLUME: Final = Unit(Code("[hnsf'U]2.mm3", "UCUM", "square Hounsfield unit mm3"), 1.0, 6, form="significant")
CHANGE_OF_PROBABILITY: Final = Unit(Code("1", "UCUM", "no units"), 1.0, 2, form="signed")
