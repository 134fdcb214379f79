"""Says in words what the pictures show, in a fixed order; plain ASCII, and never a patient attribute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from pydicom.dataset import Dataset

from triaged.exams.ct.finding import CtNumbers, LungAnalysis
from triaged.exams.ct.pictures.keyslices import KeySlice, SliceName, lesion_mm2, slices_affected
from triaged.exams.ct.pictures.zones import AFFECTED_ZONE, LungThirds, lung_thirds, whole
from triaged.exams.ct.slices import slice_areas
from triaged.imaging.geometry import Geometry
from triaged.results.provenance import Provenance
from triaged.results.wording import (
    INTENDED_USE,
    Lines,
    origin_lines,
    purpose_lines,
    to_ascii,
    verdict_lines,
    written_date,
)
from triaged.study.checks import to_check
from triaged.study.coding import MILLILITRE, Output, percent
from triaged.study.concepts import (
    AFFECTED_SHARE,
    AFFECTED_VOLUME,
    CONSOLIDATION_VOLUME,
    GROUND_GLASS_VOLUME,
    LUNG_VOLUME,
    LUNGS_VOLUME,
    SERVICE,
    SEVERITY,
    TOTAL_SHARE,
    WELL_AERATED_SHARE,
)
from triaged.study.finding import Finding, QualityFlag, Suspicion
from triaged.study.ranking import Ranking
from triaged.study.records import Prior
from triaged.study.rounding import points

_OWN_LINES: Final = (
    *(SEVERITY, AFFECTED_SHARE, TOTAL_SHARE),
    *(LUNG_VOLUME, LUNGS_VOLUME, AFFECTED_VOLUME),
    *(CONSOLIDATION_VOLUME, GROUND_GLASS_VOLUME, WELL_AERATED_SHARE),
)
"""What the lines below say in sentences of their own."""


def analysis_lines(
    header: Dataset,
    reading: LungAnalysis,
    ranking: Ranking,
    provenance: Provenance,
    prior: Prior | None = None,
    slice_names: Sequence[SliceName] = (),
) -> Lines:
    """Return the words of a scored study: those of `found_lines`, and why it is where it is."""
    return replace(found_lines(header, reading, provenance, prior, slice_names), verdict=verdict_lines(ranking))


def found_lines(
    header: Dataset,
    reading: LungAnalysis,
    provenance: Provenance,
    prior: Prior | None = None,
    slice_names: Sequence[SliceName] = (),
) -> Lines:
    """Return what was found in words, with the change since an earlier study where there is one.

    `slice_names` are what a viewer calls each slice of the volume.
    """
    finding, numbers, thirds = reading.finding, CtNumbers.of(reading.finding), lung_thirds(reading)
    return Lines(
        headline=_headline(finding, numbers),
        purpose=purpose_lines(SERVICE, provenance),
        findings=(
            _identification(finding),
            *_moved(finding),
            f"{_shares(numbers)}{_seen(finding)}",
            f"Computed {finding.grade} (0 to 4), from the worse lung",
            _volumes(numbers),
            *_tissue(numbers),
            *_zones(thirds),
            _slices(thirds, reading, slice_names),
            *_others(finding),
            *_by_slice(reading),
            *(_change(numbers, prior, provenance) if prior else ()),
            *_checks(finding),
        ),
        origin=origin_lines(header, provenance),
    )


def changed(now: float, then: float) -> str:
    """Return the change of a share in percentage points."""
    return to_ascii(points(round(100 * (now - then), 6)))


def changed_ml(now: float, then: float) -> str:
    """Return the change of a volume, with its sign."""
    change = now - then
    return f"{'+' if change > 0 else '-' if change else ''}{MILLILITRE.text(abs(change))}"


def other_engine(prior: Prior, provenance: Provenance) -> str:
    """Say that another engine, or another version, read the earlier study; empty where it was the same."""
    if prior.algorithm == provenance.algorithm:
        return ""
    then, now = to_ascii(prior.algorithm), to_ascii(provenance.algorithm)
    return f"Earlier by {then}, now by {now}: compare with care"


def slice_line(chosen: KeySlice, geometry: Geometry, name: SliceName) -> tuple[str, ...]:
    """Return where a key slice lies in the series, and how much of the lung is affected on it."""
    place = slice_place(chosen.index, geometry, name)
    if not chosen.affected:
        return place, "No lesion in this third; its middle is shown"
    return place, f"Most lesion of this third: {_lesion(chosen, geometry)} of the lung on this slice"


def slice_place(index: int, geometry: Geometry, name: SliceName) -> str:
    """Return where a slice of the canonical volume lies in the series."""
    z_mm = float(geometry.position_mm((index, 0, 0))[2])
    viewers = [name.name] if name.name else []
    return ", ".join([f"Slice {name.number} of {name.count} from the head", *viewers, f"z {z_mm:.1f} mm"])


def selection_words(chosen: Sequence[KeySlice], geometry: Geometry, names: Sequence[SliceName]) -> str:
    """Return why these slices are named, and where each lies in the series."""
    said = [
        f"{one.third} third: slice {names[one.index].number} of {names[one.index].count} from the head"
        f"{', ' * bool(names[one.index].name)}{names[one.index].name}, {_lesion(one, geometry)} of the lung on it"
        for one in chosen
    ]
    return f"{INTENDED_USE}. The slice with most lesion in each third of the lungs: {'; '.join(said)}."


def _lesion(chosen: KeySlice, geometry: Geometry) -> str:
    return f"{lesion_mm2(chosen, geometry) / 100.0:.1f} cm2, {percent(chosen.affected / chosen.lung)}"


def _headline(finding: Finding, numbers: CtNumbers) -> str:
    """Return which lung and how much, the grade and the probability: what is to be read in three seconds."""
    if numbers.severity_right is None or numbers.severity_left is None:
        shares = f"Lungs {percent(numbers.severity_total)} affected"
    else:
        shares = f"Right {percent(numbers.severity_right)}   Left {percent(numbers.severity_left)} affected"
    return "   ".join([f"{shares}{_seen(finding)}", str(finding.grade), *_probability(finding)])


def _seen(finding: Finding) -> str:
    """Say that a share is not of the whole lungs, where a part of them lies beyond the scan."""
    return " of what was seen" if QualityFlag.LUNGS_CUT_OFF in finding.quality else ""


def _probability(finding: Finding) -> tuple[str, ...]:
    if finding.suspicion is None:
        return ()
    return (f"P {finding.suspicion.text} (experimental){_verdict(finding, finding.suspicion)}",)


def _verdict(finding: Finding, suspicion: Suspicion) -> str:
    if suspicion.threshold is None:
        return ""
    if suspicion.probability >= suspicion.threshold:
        return " flagged"
    return _seen(finding) or " not flagged"


def _identification(finding: Finding) -> str:
    suspicion = finding.suspicion
    if suspicion is None:
        return "P(COVID-19 pattern): none, this engine gives no probability"
    probability = "P(COVID-19 pattern), experimental:"
    if suspicion.threshold is None:
        return f"{probability} {suspicion.text}"
    shown = suspicion.text_beside(suspicion.threshold)
    sign = ">=" if suspicion.probability >= suspicion.threshold else "<"
    return f"{probability} {shown} {sign} {suspicion.threshold:.4g}:{_verdict(finding, suspicion)}"


def _moved(finding: Finding) -> tuple[str, ...]:
    return (to_ascii(f"P most moved by: {finding.moved_by}"),) if finding.moved_by else ()


def _shares(numbers: CtNumbers) -> str:
    total = f"total {percent(numbers.severity_total)}"
    if numbers.severity_right is None or numbers.severity_left is None:
        return f"Lungs not told apart, {total}"
    return f"Right {percent(numbers.severity_right)}, left {percent(numbers.severity_left)}, {total}"


def _volumes(numbers: CtNumbers) -> str:
    affected = f"affected {MILLILITRE.text(numbers.lesion_ml)}"
    if numbers.right_lung_ml is None or numbers.left_lung_ml is None:
        return f"Lungs {MILLILITRE.text(numbers.lungs_ml)}, {affected}"
    return f"Right {MILLILITRE.text(numbers.right_lung_ml)}, left {MILLILITRE.text(numbers.left_lung_ml)}, {affected}"


def _tissue(numbers: CtNumbers) -> tuple[str, ...]:
    """Return what the lungs are made of, each of them where they were told apart."""
    named = (("right ", numbers.tissue_right), ("left ", numbers.tissue_left))
    if numbers.tissue_right is None or numbers.tissue_left is None:
        named = (("", numbers.tissue_total), ("", None))
    known = [(name, tissue) for name, tissue in named if tissue is not None]
    if not known:
        return ()
    solid = ", ".join(f"{name}{MILLILITRE.text(tissue.consolidation_ml)}" for name, tissue in known)
    glass = ", ".join(f"{name}{MILLILITRE.text(tissue.ground_glass_ml)}" for name, tissue in known)
    aerated = ", ".join(f"{name}{percent(tissue.well_aerated_share)}" for name, tissue in known)
    return f"Consolidation {solid}; ground glass {glass}", f"Well aerated (-950 to -700 HU) {aerated}"


def _by_slice(reading: LungAnalysis) -> tuple[str, ...]:
    """Return how an engine that reads slice by slice sees the study: by the area of its manifest, and by one pixel."""
    if not reading.slice_mm2:
        return ()
    areas = slice_areas(reading.lesion, reading.right_lung, reading.left_lung)
    positive, by_pixel = (int(areas.positive(least).sum()) for least in (reading.slice_mm2, 0.0))
    of = f"of {np.count_nonzero(areas.lung_mm2)} with lung"
    counted = f"{positive} {of} positive from {reading.slice_mm2:.0f} mm2 of lesion on, {by_pixel} from one pixel on"
    return (f"Slices ({areas.involvement.value} by their mean share): {counted}",)


def _others(finding: Finding) -> tuple[str, ...]:
    """Return a line for each number that has none of its own."""
    others = finding.listed(Output.WORDS, _OWN_LINES)
    return tuple(to_ascii(f"{each.words[:1].upper()}{each.words[1:]}: {each.text}") for each in others)


def _checks(finding: Finding) -> tuple[str, ...]:
    """Return what limits trust and asks something of a reader."""
    words = "; ".join(to_check(finding.quality))
    return (to_ascii(f"What limits trust: {words}"),) if words else ()


def _change(now: CtNumbers, prior: Prior, provenance: Provenance) -> tuple[str, ...]:
    then = CtNumbers.of(prior.finding)
    parts = [f"total {changed(now.severity_total, then.severity_total)}"]
    right, left = (now.severity_right, then.severity_right), (now.severity_left, then.severity_left)
    for name, (share, before) in (("left", left), ("right", right)):
        if share is not None and before is not None:
            parts.insert(0, f"{name} {changed(share, before)}")
    volume = f"affected {changed_ml(now.lesion_ml, then.lesion_ml)}"
    other = other_engine(prior, provenance)
    since = f"Change since {written_date(prior.study_date)}: {', '.join(parts)}, {volume}"
    return (since, other) if other else (since,)


def _slices(thirds: tuple[LungThirds, ...], reading: LungAnalysis, names: Sequence[SliceName]) -> str:
    found = slices_affected(whole(thirds), reading.lesion.geometry, names)
    return to_ascii(f"Affected, from the head: {found.words}" if found else "Affected slices: none")


def _zones(thirds: tuple[LungThirds, ...]) -> tuple[str, ...]:
    zones = [(one.name, one.counts.shares) for one in thirds]
    lines = [
        f"{name} thirds: upper {percent(upper)}, middle {percent(middle)}, lower {percent(lower)}"
        for name, (lower, middle, upper) in zones
    ]
    shares = [share for _, each in zones for share in each]
    affected = sum(share >= AFFECTED_ZONE for share in shares)
    return (*lines, f"Thirds with {percent(AFFECTED_ZONE)} or more: {affected} of {len(shares)}")
