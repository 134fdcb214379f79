"""Says in words what was found on a chest X-ray, in a fixed order; plain ASCII, and never a patient attribute."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from pydicom.dataset import Dataset

from triaged.exams.xray.decoding.radiograph import Radiograph
from triaged.exams.xray.views import Position, View
from triaged.results.provenance import Provenance
from triaged.results.wording import Lines, origin_lines, purpose_lines, reason_lines, to_ascii, verdict_lines
from triaged.study.assessment import Reason
from triaged.study.coding import Concept, Output, Site, percent, percent_range
from triaged.study.concepts import (
    CONSOLIDATED_EXTENT,
    ESTIMATED_HIGH,
    ESTIMATED_LOW,
    ESTIMATED_SEVERITY,
    EXTENT,
    LEFT_LUNG,
    RIGHT_LUNG,
    UNGATED_EXTENT,
    XRAY_SERVICE,
    ZONE_SCORE,
    ZONE_SHARE,
    ZONES,
)
from triaged.study.finding import Finding, QualityFlag
from triaged.study.ranking import Ranking

_OWN_LINES: Final = (
    *(ZONE_SCORE, ZONE_SHARE, EXTENT, UNGATED_EXTENT, CONSOLIDATED_EXTENT),
    *(ESTIMATED_SEVERITY, ESTIMATED_LOW, ESTIMATED_HIGH),
)
"""What the lines below say in sentences of their own."""
LIMITS: Final = {
    QualityFlag.PAEDIATRIC: "a child, and the engine knows grown-ups",
    QualityFlag.AP_VIEW: "AP view",
    QualityFlag.SUPINE: "supine",
    QualityFlag.VIEW_NOT_SAID: "view not stated",
    QualityFlag.MIRRORED: "mirrored, or the organs are: check the sides",
    QualityFlag.TURNED: "stored turned, read upright",
    QualityFlag.LOSSY: "compressed with loss",
    QualityFlag.RAW: "not processed for presentation",
    QualityFlag.LOOKUP_SET_ASIDE: "lookup table damaged, not applied",
    QualityFlag.LOW_CONTRAST: "low contrast",
    QualityFlag.FIELD_CUT: "small field, lungs may be cut off",
    QualityFlag.LUNGS_CUT_OFF: "lungs cut off",
    QualityFlag.LUNG_IN_PARTS: "a lung outlined in several parts: check the outlines",
    QualityFlag.LUNGS_UNEVEN: "one lung much wider: turned, smaller, or outlined wrongly",
    QualityFlag.OVER_PENETRATED: "black within the lungs: exposed too much, or outlined beyond the body",
    QualityFlag.UNDER_PENETRATED: "white behind the heart: exposed too little",
    QualityFlag.GATE_REMOVED: "more than 10 % of a lung set aside by the gate (dotted)",
}
"""What limits trust, in the words of a reader of X-rays; of any other the flag itself."""
_VIEWS: Final = {View.PA: "PA view", View.AP: "AP view", View.UNKNOWN: "view not stated"}


def score_of(finding: Finding) -> int:
    """Return how many of the six zones are affected."""
    return round(finding.value(ZONE_SCORE) or 0.0)


def zone_shares(finding: Finding) -> tuple[float, ...]:
    """Return the affected share of each zone, in the order of `ZONES`."""
    shares = finding.by_site(ZONE_SHARE)
    return tuple(shares.get(zone, 0.0) for zone in ZONES)


def affected_zones(finding: Finding) -> frozenset[Site]:
    """Return the zones that the score counts: those affected most."""
    shares = zip(zone_shares(finding), ZONES, strict=True)
    return frozenset(zone for _, zone in sorted(shares, key=lambda each: -each[0])[: score_of(finding)])


def estimate_words(finding: Finding) -> str:
    """Return what a CT would show, with its interval; empty where there is no estimate."""
    share, low, high = (finding.value(each) for each in (ESTIMATED_SEVERITY, ESTIMATED_LOW, ESTIMATED_HIGH))
    if share is None:
        return ""
    if low is None or high is None:
        return percent(share)
    return f"{percent(share)} ({percent_range(low, high)})"


def limits(finding: Finding) -> tuple[str, ...]:
    """Return what limits trust in the numbers, as words."""
    return tuple(LIMITS.get(flag, flag.words) for flag in finding.quality)


def acquired_words(radiograph: Radiograph) -> str:
    """Return how the image was made."""
    position = "" if radiograph.position is Position.UNKNOWN else f", {radiograph.position.value}"
    spacing = "" if radiograph.spacing_mm is None else f", pixel {radiograph.spacing_mm[0]:.3g} mm"
    return f"{_VIEWS[radiograph.view]}{position}{spacing}"


def analysis_lines(radiograph: Radiograph, finding: Finding, ranking: Ranking, provenance: Provenance) -> Lines:
    """Return the words of a scored X-ray: those of `found_lines`, and why it is where it is."""
    return replace(found_lines(radiograph, finding, provenance), verdict=verdict_lines(ranking))


def found_lines(radiograph: Radiograph, finding: Finding, provenance: Provenance) -> Lines:
    """Return what was found on an X-ray in words."""
    flags = limits(finding)
    return Lines(
        headline=_headline(finding),
        purpose=purpose_lines(XRAY_SERVICE, provenance),
        findings=(
            *_probability(finding),
            f"Affected share of the area: {_by_lung(finding, EXTENT)}",
            *_consolidated(finding),
            *_zones(finding),
            *_estimate(finding),
            *_others(finding),
            f"What limits trust: {'; '.join(flags)}" if flags else "Nothing in header or pixels limits trust",
        ),
        origin=origin_lines(radiograph.header, provenance, acquired_words(radiograph)),
    )


def xray_reason_lines(header: Dataset, reason: Reason, ranking: Ranking, provenance: Provenance) -> Lines:
    """Return the words of an X-ray that has no score."""
    return reason_lines(header, reason, ranking, provenance, XRAY_SERVICE, "radiograph")


def _headline(finding: Finding) -> str:
    estimate = estimate_words(finding)
    estimated = f", ~{estimate} of the worse lung estimated" if estimate and finding.urgency > 0 else ""
    return f"X-ray: {score_of(finding)} of {len(ZONES)} zones affected{estimated}"


def _probability(finding: Finding) -> Iterable[str]:
    suspicion = finding.suspicion
    if suspicion is None:
        return
    bound = suspicion.threshold
    below = bound is not None and suspicion.probability < bound
    side = "" if bound is None else f", {'below' if below else 'at least'} {bound:.4g}: {'no ' * below}area counts"
    shown = suspicion.text if bound is None else suspicion.text_beside(bound)
    yield f"P of any opacity {shown} (experimental){side}"


def _by_lung(finding: Finding, concept: Concept) -> str:
    shares = finding.by_site(concept)
    return ", ".join(f"{site.noun} {percent(shares[site])}" for site in (RIGHT_LUNG, LEFT_LUNG) if site in shares)


def _consolidated(finding: Finding) -> Iterable[str]:
    if finding.by_site(CONSOLIDATED_EXTENT):
        yield f"Of that consolidated: {_by_lung(finding, CONSOLIDATED_EXTENT)}"


def _zones(finding: Finding) -> Iterable[str]:
    shares = [percent(share) for share in zone_shares(finding)]
    yield f"Zones from upper to lower: right {', '.join(shares[:3])}; left {', '.join(shares[3:])}"
    before = finding.by_site(UNGATED_EXTENT)
    if QualityFlag.GATE_REMOVED in finding.quality and before:
        yield f"Before the gate: {_by_lung(finding, UNGATED_EXTENT)}"


def _estimate(finding: Finding) -> Iterable[str]:
    if estimate := estimate_words(finding):
        yield f"Estimated from X-ray: {estimate} of the worse lung's volume, 80 % interval; a CT would measure it"


def _others(finding: Finding) -> Iterable[str]:
    measured = (each for each in finding.measurements if each.concept not in _OWN_LINES)
    for each in measured:
        if Output.WORDS in each.concept.outputs:
            yield f"{each.words[:1].upper()}{each.words[1:]} {to_ascii(each.text)}"
