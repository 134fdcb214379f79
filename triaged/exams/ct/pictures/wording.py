"""Says in words what the pictures show, in a fixed order; plain ASCII, and never a patient attribute."""

from __future__ import annotations

from pydicom.dataset import Dataset

from triaged.exams.ct.pictures.keyslices import KeySlice
from triaged.exams.ct.pictures.zones import AFFECTED_ZONE, lung_thirds
from triaged.imaging.geometry import Geometry
from triaged.results.provenance import Provenance
from triaged.results.wording import Lines, origin_lines, percent, to_ascii, written_date
from triaged.study.finding import Finding, Reading
from triaged.study.placement import Placement
from triaged.study.records import Prior


def reading_lines(
    header: Dataset, reading: Reading, placement: Placement, provenance: Provenance, prior: Prior | None = None
) -> Lines:
    """Return the words of a scored study, with the change since an earlier one where there is one."""
    finding = reading.finding
    return Lines(
        headline=_headline(finding),
        findings=(
            _identification(finding),
            _shares(finding),
            f"Computed CT-{finding.grade} (0 to 4), from the worse lung",
            _volumes(finding),
            _density(finding),
            *_zones(reading),
            *(_change(finding, prior, provenance) if prior else ()),
            *([f"Check: {', '.join(flag.value for flag in finding.quality)}"] if finding.quality else []),
        ),
        verdict=(f"Class {placement.triage_class.value}: {to_ascii(placement.reason)}",),
        origin=origin_lines(header, provenance),
    )


def points(now: float, then: float) -> str:
    """Return the change of a share in percentage points, with its sign."""
    change = round(100.0 * (now - then))
    return f"{change:+d}" if change else "0"


def other_engine(prior: Prior, provenance: Provenance) -> str:
    """Say that another engine, or another version, read the earlier study; empty where it was the same."""
    if prior.algorithm == provenance.algorithm:
        return ""
    then, now = to_ascii(prior.algorithm), to_ascii(provenance.algorithm)
    return f"Earlier by {then}, now by {now}: compare with care"


def slice_line(chosen: KeySlice, geometry: Geometry, name: str) -> tuple[str, ...]:
    """Return where a key slice lies in the series, and how much of the lung is affected on it."""
    z_mm = float(geometry.position_mm((float(chosen.index), 0.0, 0.0))[2])
    count = geometry.shape[0]
    place = [f"Slice {count - chosen.index} of {count} from the head", *([name] if name else []), f"z {z_mm:.1f} mm"]
    if not chosen.affected:
        return ", ".join(place), "No lesion in this third; its middle is shown"
    area_cm2 = chosen.affected * geometry.spacing_mm[1] * geometry.spacing_mm[2] / 100.0
    share = percent(chosen.affected / chosen.lung)
    return ", ".join(place), f"Most lesion of this third: {area_cm2:.1f} cm2, {share} of the lung on this slice"


def _headline(finding: Finding) -> str:
    """Return which lung and how much, the grade and the probability: what is to be read in three seconds."""
    if finding.severity_right is None or finding.severity_left is None:
        shares = f"Lungs {percent(finding.severity_total)} affected"
    else:
        shares = f"Right {percent(finding.severity_right)}   Left {percent(finding.severity_left)} affected"
    return "   ".join([shares, f"CT-{finding.grade}", *_probability(finding)])


def _probability(finding: Finding) -> tuple[str, ...]:
    if finding.identification is None:
        return ()
    return (f"P {finding.identification:.2f}{_verdict(finding)}",)


def _verdict(finding: Finding) -> str:
    if finding.identification is None or finding.identification_threshold is None:
        return ""
    return " flagged" if finding.identification >= finding.identification_threshold else " not flagged"


def _identification(finding: Finding) -> str:
    if finding.identification is None:
        return "P(COVID-19 pattern): none, this engine gives no probability"
    threshold = finding.identification_threshold
    if threshold is None:
        return f"P(COVID-19 pattern) {finding.identification:.2f}"
    sign = ">=" if finding.identification >= threshold else "<"
    return f"P(COVID-19 pattern) {finding.identification:.2f} {sign} {threshold:.2f}:{_verdict(finding)}"


def _shares(finding: Finding) -> str:
    total = f"total {percent(finding.severity_total)}"
    if finding.severity_right is None or finding.severity_left is None:
        return f"Lungs not told apart, {total}"
    return f"Right {percent(finding.severity_right)}, left {percent(finding.severity_left)}, {total}"


def _volumes(finding: Finding) -> str:
    affected = f"affected {finding.lesion_ml:.0f} mL"
    if finding.right_lung_ml is None or finding.left_lung_ml is None:
        return f"Lungs {finding.lungs_ml:.0f} mL, {affected}"
    return f"Right {finding.right_lung_ml:.0f} mL, left {finding.left_lung_ml:.0f} mL, {affected}"


def _density(finding: Finding) -> str:
    dense = round(100.0 * finding.dense_share)
    return f"Dense (above -300 HU) {dense} %, less dense {100 - dense} %"


def _change(finding: Finding, prior: Prior, provenance: Provenance) -> tuple[str, ...]:
    parts = [f"total {points(finding.severity_total, prior.severity_total)} points"]
    right, left = (finding.severity_right, prior.severity_right), (finding.severity_left, prior.severity_left)
    for name, (now, then) in (("left", left), ("right", right)):
        if now is not None and then is not None:
            parts.insert(0, f"{name} {points(now, then)}")
    volume = f"affected {finding.lesion_ml - prior.lesion_ml:+.0f} mL"
    other = other_engine(prior, provenance)
    since = f"Change since {written_date(prior.study_date)}: {', '.join(parts)}, {volume}"
    return (since, other) if other else (since,)


def _zones(reading: Reading) -> tuple[str, ...]:
    zones = [(thirds.name, thirds.counts.shares) for thirds in lung_thirds(reading)]
    lines = [
        f"{name} thirds: upper {percent(upper)}, middle {percent(middle)}, lower {percent(lower)}"
        for name, (lower, middle, upper) in zones
    ]
    shares = [share for _, thirds in zones for share in thirds]
    affected = sum(share >= AFFECTED_ZONE for share in shares)
    return (*lines, f"Thirds with {percent(AFFECTED_ZONE)} or more: {affected} of {len(shares)}")
