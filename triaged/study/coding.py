"""What a coded number is made of: its concept, its unit, its part of the body, and where it goes; knows no one number.

The numbers themselves are the table of `triaged.study.concepts`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Literal

from triaged.study.purpose import Purpose
from triaged.study.rounding import documented, shown

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

    Documents for programs have `exact` digits. `whole` is all that there can be, and `never` what no number of this
    unit is shown as: no probability is certain. `form` "significant" counts digits from the first that is not 0, for
    numbers of any size; "signed" is a difference, with its sign.
    """

    code: Code
    scale: float
    digits: int
    exact: int
    whole: float | None = None
    never: float | None = None
    form: Literal["decimals", "significant", "signed"] = "decimals"

    def text(self, value: float, beside: Sequence[float] = ()) -> str:
        """Return a stored value as people read it, with the sign of the unit where it has one.

        By the one rule of `study.rounding`; `beside` are stored values on whose own side it has to be shown.
        """
        number = self._number(value, [each * self.scale for each in beside])
        return number if self.code.value == "1" else f"{number} {self.code.value}"

    def document(self, value: float) -> str:
        """Return a stored value as documents for programs have it."""
        scaled = value * self.scale
        if self.form == "significant":
            return repr(float(f"{scaled:.{self.digits}g}"))
        return documented(scaled, self.exact, never=self.never)

    def reported(self, value: float) -> float:
        """Return the number that documents for programs have."""
        return float(self.document(value))

    def _number(self, value: float, beside: Sequence[float]) -> str:
        match self.form:
            case "significant":
                return f"{value * self.scale:.{self.digits}g}"
            case "signed":
                sign = "-" if value < 0 else "+"
                return f"{sign}{shown(abs(value) * self.scale, self.digits)}"
            case "decimals":
                return shown(value * self.scale, self.digits, whole=self.whole, never=self.never, beside=beside)


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
    """What is done for a study: its code, the department that does it (HL7 table 0074), the modality's code, and what
    it is for.
    """

    code: Code
    section: str
    modality: str
    purpose: Purpose


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


SHARE: Final = Unit(Code("%", "UCUM", "percent"), 100.0, 0, 1, whole=100.0)
FEATURE_SHARE: Final = replace(SHARE, exact=4)
"""A share that an engine reads as a feature: documents have it as it was read."""
PROBABILITY: Final = Unit(Code("1", "UCUM", "no units"), 1.0, 2, 3, never=1.0)
MILLILITRE: Final = Unit(Code("mL", "UCUM", "mL"), 1.0, 0, 0)
MILLIMETRE: Final = Unit(Code("mm", "UCUM", "mm"), 1.0, 1, 4)
COUNT: Final = Unit(Code("1", "UCUM", "no units"), 1.0, 0, 0)
RATIO: Final = Unit(Code("1", "UCUM", "no units"), 1.0, 6, 6, form="significant")
HOUNSFIELD: Final = Unit(Code("[hnsf'U]", "UCUM", "Hounsfield unit"), 1.0, 6, 6, form="significant")
HOUNSFIELD_SQUARED: Final = Unit(Code("[hnsf'U]2", "UCUM", "square Hounsfield unit"), 1.0, 6, 6, form="significant")
HOUNSFIELD_VOLUME: Final = Unit(
    Code("[hnsf'U]2.mm3", "UCUM", "square Hounsfield unit mm3"), 1.0, 6, 6, form="significant"
)
CHANGE_OF_PROBABILITY: Final = Unit(Code("1", "UCUM", "no units"), 1.0, 2, 4, form="signed")


def percent(share: float, beside: Sequence[float] = ()) -> str:
    """Return a share in percent, as people read it everywhere."""
    return SHARE.text(share, beside)


def percent_range(low: float, high: float) -> str:
    """Return between which shares something may lie, such as "72 to 80 %"."""
    ends = percent(max(low, 0.0)), percent(min(high, 1.0))
    return f"up to {ends[1]}" if low <= 0 else f"{ends[0].removesuffix(' %')} to {ends[1]}"
