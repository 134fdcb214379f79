"""Says in words what the pictures show, in a fixed order; plain ASCII, and never a patient attribute."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.dataset import Dataset

from triaged.results.identity import local_time, sent_text
from triaged.results.provenance import Provenance
from triaged.results.zones import zone_shares
from triaged.study.assessment import OUT_OF_SCOPE_CODES, Reason
from triaged.study.finding import Finding, Reading
from triaged.study.placement import Placement

INTENDED_USE = "AI triage - not for diagnosis, first reading only"
AFFECTED_ZONE = 0.3  # from this share on a third of a lung counts as affected
_SIMPLE = {"\u2265": ">=", "\u2264": "<=", "\u2248": "~", "\u2014": "-", "\u2013": "-", "\u2212": "-"}


@dataclass(frozen=True, slots=True)
class Lines:
    """The text of a result: a headline to read in a glance, then what was found, what follows, and how it was made."""

    headline: str
    findings: tuple[str, ...]
    verdict: tuple[str, ...]
    origin: tuple[str, ...]

    @property
    def body(self) -> tuple[str, ...]:
        """The lines of a page below its headline, in their order."""
        return INTENDED_USE, *self.findings, *self.verdict, *self.origin


def reading_lines(header: Dataset, reading: Reading, placement: Placement, provenance: Provenance) -> Lines:
    """Return the words of a scored study."""
    finding = reading.finding
    return Lines(
        headline=_headline(finding),
        findings=(
            _identification(finding),
            _shares(finding),
            f"Computed CT-{finding.grade} (0 to 4), from the worse lung",
            _volumes(finding),
            f"Dense, above -300 HU: {_percent(finding.dense_share)} of affected",
            *_zones(reading),
            *(f"Check: {flag.value}" for flag in finding.quality),
        ),
        verdict=(f"Class {placement.triage_class.value}: {_ascii(placement.reason)}",),
        origin=_origin(header, provenance),
    )


def reason_lines(header: Dataset, reason: Reason, placement: Placement, provenance: Provenance) -> Lines:
    """Return the words of a study that has no score."""
    outcome = "Not in scope of the AI" if reason.code in OUT_OF_SCOPE_CODES else "The AI could not read this study"
    return Lines(
        headline=f"No score: {reason.code.value}",
        findings=(
            f"{outcome}. This says nothing about the patient: read as without AI.",
            _ascii(reason.detail[:1].upper() + reason.detail[1:]),
        ),
        verdict=(f"Class {placement.triage_class.value}: {_ascii(placement.reason)}",),
        origin=_origin(header, provenance),
    )


def _headline(finding: Finding) -> str:
    """Return which lung and how much, the grade and the probability: what is to be read in three seconds."""
    if finding.severity_right is None or finding.severity_left is None:
        shares = f"Lungs {_percent(finding.severity_total)} affected"
    else:
        shares = f"Right {_percent(finding.severity_right)}   Left {_percent(finding.severity_left)} affected"
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
    total = f"total {_percent(finding.severity_total)}"
    if finding.severity_right is None or finding.severity_left is None:
        return f"Lungs not told apart, {total}"
    return f"Right {_percent(finding.severity_right)}, left {_percent(finding.severity_left)}, {total}"


def _volumes(finding: Finding) -> str:
    affected = f"affected {finding.lesion_ml:.0f} mL"
    if finding.right_lung_ml is None or finding.left_lung_ml is None:
        return f"Lungs {finding.lungs_ml:.0f} mL, {affected}"
    return f"Right {finding.right_lung_ml:.0f} mL, left {finding.left_lung_ml:.0f} mL, {affected}"


def _zones(reading: Reading) -> tuple[str, ...]:
    lesion = reading.lesion.voxels
    single = not reading.left_lung.voxels.any()
    lungs = (("Lungs", reading.right_lung),) if single else (("R", reading.right_lung), ("L", reading.left_lung))
    zones = [(name, zone_shares(lesion, mask.voxels)) for name, mask in lungs]
    lines = [
        f"{name} thirds: upper {_percent(upper)}, middle {_percent(middle)}, lower {_percent(lower)}"
        for name, (lower, middle, upper) in zones
    ]
    shares = [share for _, thirds in zones for share in thirds]
    affected = sum(share >= AFFECTED_ZONE for share in shares)
    return (*lines, f"Thirds with {_percent(AFFECTED_ZONE)} or more: {affected} of {len(shares)}")


def _origin(header: Dataset, provenance: Provenance) -> tuple[str, ...]:
    series, thickness, kernel = (
        _ascii(sent_text(header, keyword)) or "not stated"
        for keyword in ("SeriesNumber", "SliceThickness", "ConvolutionKernel")
    )
    moment = local_time(header, provenance.assessed_at)
    return (
        f"Series {series}, slice {thickness} mm, kernel {kernel}",
        f"{provenance.algorithm}, model {provenance.model_sha256[:12]}",
        f"triaged {provenance.software_version}, {provenance.scheme} {provenance.scheme_version[:12]},"
        f" {moment:%Y-%m-%d %H:%M %Z}",
    )


def _percent(share: float) -> str:
    if 0.0 < share < 0.01:
        return "<1 %"
    return f"{share * 100.0:.0f} %"


def _ascii(text: str) -> str:
    """Return text that the bundled font can draw."""
    for fancy, simple in _SIMPLE.items():
        text = text.replace(fancy, simple)
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text)
