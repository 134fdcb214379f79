"""What the numbers of a finding mean: one table of concepts, which every output reads. Knows no values.

A new number is a row here and the line that measures it. The store then keeps it, the reports (SR and text) and the
notifications (HL7, webhook) carry it, and the API, the page and evaluations show it. A concept that is left out of an
output says so in its row. A private code never changes its meaning: a new meaning is a new code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from triaged.study.coding import (
    COUNT,
    EVERYWHERE,
    MILLILITRE,
    PROBABILITY,
    SHARE,
    Code,
    Concept,
    Disease,
    Output,
    Service,
    Site,
    private,
)
from triaged.study.purpose import CT_PURPOSE, XRAY_PURPOSE
from triaged.study.radiomics import RADIOMIC_CONCEPTS

RIGHT_LUNG: Final = Site("right", Code("3341006", "SCT", "Right lung"), "right lung", "the right lung")
LEFT_LUNG: Final = Site("left", Code("44029006", "SCT", "Left lung"), "left lung", "the left lung")
LUNGS: Final = Site("total", Code("39607008", "SCT", "Lung"), "lungs", "both lungs")


def _zone(side: str, height: str) -> Site:
    noun = f"{height} zone of the {side} lung"
    code = private(f"{side[0].upper()}_{height.upper()}_ZONE", noun.capitalize())
    return Site(f"{side}_{height}", code, noun, f"the {noun}")


ZONES: Final = tuple(_zone(side, height) for side in ("right", "left") for height in ("upper", "middle", "lower"))
"""Thirds of equal area of each lung on a frontal X-ray, as its score counts them (Danilov et al.)."""
SITES: Final[Mapping[str, Site]] = {each.name: each for each in (RIGHT_LUNG, LEFT_LUNG, LUNGS, *ZONES)}

SERVICE: Final = Service(private("CT-TRIAGE", "Chest CT triage"), "CT", "CT", CT_PURPOSE)
"""What this program does for a study, as other systems list it; also where nothing was found yet."""
XRAY_SERVICE: Final = Service(private("CXR-TRIAGE", "Chest X-ray triage"), "RX", "CR", XRAY_PURPOSE)
"""The same for X-rays, CR and DX alike."""

IDENTIFICATION: Final = Concept(
    "identification",
    private("IDENTIFICATION", "Probability of COVID-19 pattern"),
    PROBABILITY,
    "probability of COVID-19 (experimental)",
)
"""The probability of a `Suspicion` of COVID-19."""
IDENTIFICATION_THRESHOLD: Final = Concept(
    "identification_threshold",
    private("IDENT_THRESHOLD", "Decision threshold of the probability"),
    PROBABILITY,
    "probability from which it is flagged",
    hl7="THRESHOLD",
    outputs=EVERYWHERE - {Output.LIST},  # the list shows the site's threshold
)
"""The threshold of a `Suspicion` of COVID-19."""
OPACITY_PROBABILITY: Final = Concept(
    "opacity_probability",
    private("OPACITY_PROB", "Probability of any lung opacity on a chest X-ray"),
    PROBABILITY,
    "probability of any opacity (experimental)",
)
OPACITY_THRESHOLD: Final = Concept(
    "opacity_threshold",
    private("OPACITY_THRESH", "Decision threshold of the probability of opacity"),
    PROBABILITY,
    "probability from which the affected area counts",
    outputs=EVERYWHERE - {Output.LIST},
)
COVID_19: Final = Disease("covid-19", Code("840539006", "SCT", "COVID-19"), IDENTIFICATION, IDENTIFICATION_THRESHOLD)
OPACITY: Final = Disease(
    "opacity",
    private("LUNG_OPACITY", "Lung opacity of whatever cause"),
    OPACITY_PROBABILITY,
    OPACITY_THRESHOLD,
)
"""What an X-ray tells: that there is something, not what."""
DISEASES: Final[Mapping[str, Disease]] = {each.name: each for each in (COVID_19, OPACITY)}

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


def _opinion(name: str, of: str) -> Concept:
    code = private(f"{name.upper()}_PROB", f"Probability of {of}, by a network")
    outputs = EVERYWHERE - {Output.LIST, Output.NOTIFICATION}  # told to who reads the study; nothing is ordered by it
    return Concept(f"{name}_probability", code, PROBABILITY, f"probability of {of} (experimental)", outputs=outputs)


MILD_PROBABILITY: Final = _opinion("mild", "mild or regular disease")
SEVERE_PROBABILITY: Final = _opinion("severe", "severe or critical disease")
NAT_PROBABILITY: Final = _opinion("nat", "a positive nucleic acid test")

ESTIMATED_SEVERITY: Final = Concept(
    "estimated_severity",
    private("SEVERITY_EST", "Affected share of the worse lung, estimated from an X-ray"),
    SHARE,
    "estimated affected share of the worse lung",
)
"""A share of a picture is none of a volume: what CT would show, by a map fitted on pictures made from CT."""
ESTIMATED_LOW: Final = Concept(
    "estimated_low",
    private("SEVERITY_EST_LOW", "Lower end of the 80 % interval of the estimate"),
    SHARE,
    "low end of the estimate (80 % interval)",
    outputs=EVERYWHERE - {Output.WORDS},  # said beside the estimate
)
ESTIMATED_HIGH: Final = Concept(
    "estimated_high",
    private("SEVERITY_EST_HI", "Upper end of the 80 % interval of the estimate"),
    SHARE,
    "high end of the estimate (80 % interval)",
    outputs=EVERYWHERE - {Output.WORDS},
)
ZONE_SCORE: Final = Concept(
    "zone_score",
    private("ZONE_SCORE", "Affected zones of six on a chest X-ray"),
    COUNT,
    "affected zones of six",
)
ZONE_SHARE: Final = Concept(
    "zone_share",
    private("ZONE_SHARE", "Affected share of a lung zone on a chest X-ray"),
    SHARE,
    "affected share of the area",
    field="zone",
)
EXTENT: Final = Concept(
    "extent",
    private("EXTENT", "Affected share of the area of a lung on a chest X-ray"),
    SHARE,
    "affected share of the area",
)
UNGATED_EXTENT: Final = Concept(
    "ungated_extent",
    private("UNGATED_EXTENT", "Affected share of the area before the gate"),
    SHARE,
    "affected share of the area before the gate",
    outputs=_FOR_COMPARISON,
)
CONSOLIDATED_EXTENT: Final = Concept(
    "consolidated_extent",
    private("EXTENT_SOLID", "Consolidated share of the area of a lung on a chest X-ray"),
    SHARE,
    "consolidated share of the area",
    outputs=_TISSUE,
)
REPEAT_SD: Final = Concept(
    "repeat_sd",
    private("REPEAT_SD", "Standard deviation of repeated pictures of one chest"),
    SHARE,
    "standard deviation of repeated pictures",
    outputs=frozenset({Output.EVALUATION}),
)
"""By how much this engine's number scatters for one and the same chest; the list does not believe smaller changes."""
PART_SHARES: Final = (AFFECTED_SHARE, EXTENT)
"""What is compared between parts of the body and between studies: of CT shares of volume, of X-rays of the area."""

CONCEPTS: dict[str, Concept] = {
    each.name: each
    for each in (
        *(SEVERITY, AFFECTED_SHARE, TOTAL_SHARE, LUNG_VOLUME, LUNGS_VOLUME, AFFECTED_VOLUME, DENSE_SHARE),
        *(CONSOLIDATION_VOLUME, GROUND_GLASS_VOLUME, CONSOLIDATION_SHARE, GROUND_GLASS_SHARE, WELL_AERATED_SHARE),
        *(SOLID_VOLUME, SOLID_SHARE, SLICES_SHARE, ENSEMBLE_SPREAD),
        *(MILD_PROBABILITY, SEVERE_PROBABILITY, NAT_PROBABILITY),
        *(ESTIMATED_SEVERITY, ESTIMATED_LOW, ESTIMATED_HIGH, ZONE_SCORE, ZONE_SHARE),
        *(EXTENT, UNGATED_EXTENT, CONSOLIDATED_EXTENT, REPEAT_SD),
    )
}
"""Every number that a finding can hold beside its suspicion, by the name that the store keeps it under.

Radiomic features and their influence have a table of their own, `triaged.study.radiomics`.
"""


def concept_named(name: str) -> Concept:
    """Return the concept that the store keeps under `name`; one that this version does not know keeps its name."""
    known = CONCEPTS.get(name) or RADIOMIC_CONCEPTS.get(name)
    return known or Concept(name, private(name.upper()[:16], name[:64]), PROBABILITY, name.replace("_", " "))


def site_named(name: str) -> Site | None:
    """Return the site of a stored number; None where it is of no part."""
    if not name:
        return None
    noun = name.replace("-", " ")
    return SITES.get(name) or Site(name, private(name.upper()[:16], name[:64]), noun, f"the {noun}")
