"""What the numbers of a finding mean: one table of concepts, which every output reads. Knows no values.

A new number is a row here and the line that measures it. The store then keeps it, the reports (SR and text) and the
notifications (HL7, webhook) carry it, and the API, the page and evaluations show it. A concept that is left out of an
output says so in its row. A private code never changes its meaning: a new meaning is a new code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

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

    `never` is a value that no number of this unit is shown as: no probability is certain.
    """

    code: Code
    scale: float
    digits: int
    never: float | None = None

    def text(self, value: float) -> str:
        """Return a stored value as people read it, with the sign of the unit where it has one.

        A zero stands only where nothing is: what is there and rounds to it is less than the smallest that is shown.
        """
        number = self._number(value)
        return number if self.code.value == "1" else f"{number} {self.code.value}"

    def _number(self, value: float) -> str:
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
class Disease:
    """What a probability is the probability of; `name` is the store's, and never changes."""

    name: str
    code: Code


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

RIGHT_LUNG: Final = Site("right", Code("3341006", "SCT", "Right lung"), "right lung", "the right lung")
LEFT_LUNG: Final = Site("left", Code("44029006", "SCT", "Left lung"), "left lung", "the left lung")
LUNGS: Final = Site("total", Code("39607008", "SCT", "Lung"), "lungs", "both lungs")
SITES: Final[Mapping[str, Site]] = {each.name: each for each in (RIGHT_LUNG, LEFT_LUNG, LUNGS)}

SERVICE: Final = private("CT-TRIAGE", "Chest CT triage")
"""What this program does for a study, as other systems list it."""
SERVICE_SECTION: Final = "CT"
"""The department that it is done in (HL7 table 0074)."""

COVID_19: Final = Disease("covid-19", Code("840539006", "SCT", "COVID-19"))
DISEASES: Final[Mapping[str, Disease]] = {COVID_19.name: COVID_19}

IDENTIFICATION: Final = Concept(
    "identification",
    private("IDENTIFICATION", "Probability of COVID-19 pattern"),
    PROBABILITY,
    "probability of COVID-19 (experimental)",
)
"""The probability of a `Suspicion`."""
IDENTIFICATION_THRESHOLD: Final = Concept(
    "identification_threshold",
    private("IDENT_THRESHOLD", "Decision threshold of the probability"),
    PROBABILITY,
    "probability from which it is flagged",
    hl7="THRESHOLD",
    outputs=EVERYWHERE - {Output.LIST},  # the list shows the site's threshold
)
"""The threshold of a `Suspicion`."""

SEVERITY: Final = Concept(
    "severity", private("SEVERITY", "Affected share of the worse lung"), SHARE, "affected share of the worse lung"
)
_SHARE_CODE: Final = private("SHARE", "Affected share of lung volume")
AFFECTED_SHARE: Final = Concept("affected_share", _SHARE_CODE, SHARE, "affected share", field="severity")
TOTAL_SHARE: Final = Concept(
    "total_share",
    _SHARE_CODE,
    SHARE,
    "affected share",
    field="severity",
    outputs=EVERYWHERE - {Output.LIST, Output.PAGE},  # the worse lung decides the order
)
_IN_REPORTS: Final = frozenset({Output.REPORT, Output.WORDS})
"""Volumes and density explain the shares to who reads the report; nobody else acts on them."""
LUNG_VOLUME: Final = Concept(
    "lung_volume", Code("118565006", "SCT", "Volume"), MILLILITRE, "volume", outputs=_IN_REPORTS
)
LUNGS_VOLUME: Final = Concept(
    "lungs_volume",
    private("LUNGS_VOLUME", "Volume of both lungs"),
    MILLILITRE,
    "volume of both lungs",
    outputs=_IN_REPORTS,
)
AFFECTED_VOLUME: Final = Concept(
    "affected_volume",
    private("AFFECTED_VOLUME", "Affected volume inside the lungs"),
    MILLILITRE,
    "affected volume",
    outputs=_IN_REPORTS,
)
_FOR_COMPARISON: Final = frozenset({Output.REPORT, Output.EVALUATION})
"""Numbers that follow from others in the words, or that readers of words no longer need."""
DENSE_SHARE: Final = Concept(
    "dense_share",
    private("DENSE_SHARE", "Share of affected volume above -300 HU"),
    SHARE,
    "dense share of the affected volume",
    outputs=_FOR_COMPARISON,  # vessels included; results of older versions have it too
)
_TISSUE: Final = _IN_REPORTS | {Output.EVALUATION}
CONSOLIDATION_VOLUME: Final = Concept(
    "consolidation_volume",
    private("CONSOLIDATION_ML", "Volume of consolidation, vessels left out"),
    MILLILITRE,
    "consolidation",
    outputs=_TISSUE,
)
GROUND_GLASS_VOLUME: Final = Concept(
    "ground_glass_volume",
    private("GROUND_GLASS_ML", "Affected volume that is no consolidation"),
    MILLILITRE,
    "ground glass",
    outputs=_TISSUE,
)
CONSOLIDATION_SHARE: Final = Concept(
    "consolidation_share",
    private("CONSOLIDATION", "Share of consolidation in lung volume"),
    SHARE,
    "share of consolidation",
    outputs=_FOR_COMPARISON,
)
GROUND_GLASS_SHARE: Final = Concept(
    "ground_glass_share",
    private("GROUND_GLASS", "Share of ground glass in lung volume"),
    SHARE,
    "share of ground glass",
    outputs=_FOR_COMPARISON,
)
WELL_AERATED_SHARE: Final = Concept(
    "well_aerated_share",
    private("WELL_AERATED", "Share of lung volume from -950 to -700 HU"),
    SHARE,
    "well-aerated share",
    outputs=_TISSUE,
)
SOLID_VOLUME: Final = Concept(
    "solid_volume",
    private("SOLID_OR_FLUID", "Volume that is solid or fluid within the lungs"),
    MILLILITRE,
    "solid or fluid within the lungs",
)
"""What the networks do not look for; measured where there is any."""
SOLID_SHARE: Final = Concept(
    "solid_share",
    private("SOLID_SHARE", "Solid or fluid share of the lungs with it"),
    SHARE,
    "solid or fluid share of the lungs",
    outputs=_FOR_COMPARISON,
)
SLICES_SHARE: Final = Concept(
    "slices_share",
    private("SLICES_SHARE", "Mean affected share of the slices with lung"),
    SHARE,
    "mean affected share of the slices",
    outputs=_IN_REPORTS | {Output.EVALUATION},  # end slices weigh as much as large ones: nothing is ordered by it
)
ENSEMBLE_SPREAD: Final = Concept(
    "ensemble_spread",
    private("ENSEMBLE_SPREAD", "Share of lung on which the ensemble's members disagree"),
    SHARE,
    "share of lung on which the members of the ensemble disagree",
    outputs=EVERYWHERE - {Output.LIST},  # says how much to trust the shares; the list has no room for it
)

CONCEPTS: dict[str, Concept] = {
    each.name: each
    for each in (
        *(SEVERITY, AFFECTED_SHARE, TOTAL_SHARE, LUNG_VOLUME, LUNGS_VOLUME, AFFECTED_VOLUME, DENSE_SHARE),
        *(CONSOLIDATION_VOLUME, GROUND_GLASS_VOLUME, CONSOLIDATION_SHARE, GROUND_GLASS_SHARE, WELL_AERATED_SHARE),
        *(SOLID_VOLUME, SOLID_SHARE, SLICES_SHARE, ENSEMBLE_SPREAD),
    )
}
"""Every number that a finding can hold beside its suspicion, by the name that the store keeps it under."""


def concept_named(name: str) -> Concept:
    """Return the concept that the store keeps under `name`; one that this version does not know keeps its name."""
    known = CONCEPTS.get(name)
    return known or Concept(name, private(name.upper()[:16], name[:64]), PROBABILITY, name.replace("_", " "))


def site_named(name: str) -> Site | None:
    """Return the site of a stored number; None where it is of no part."""
    if not name:
        return None
    noun = name.replace("-", " ")
    return SITES.get(name) or Site(name, private(name.upper()[:16], name[:64]), noun, f"the {noun}")
