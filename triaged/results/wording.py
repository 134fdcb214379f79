"""The words that every result has, whatever was examined; plain ASCII, and never a patient attribute."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pydicom.dataset import Dataset

from triaged.results.identity import local_time, sent_text
from triaged.results.provenance import Provenance
from triaged.study.assessment import OUT_OF_SCOPE_CODES, Reason
from triaged.study.coding import Service
from triaged.study.ranking import Ranking

INTENDED_USE = "AI triage - not for diagnosis, first reading only"
_SIMPLE = {"\u2265": ">=", "\u2264": "<=", "\u2248": "~", "\u2014": "-", "\u2013": "-", "\u2212": "-", "\u00b2": "2"}


@dataclass(frozen=True, slots=True)
class Lines:
    """The text of a result: a headline to read in a glance, then what was looked for and what was not, what was found,
    what follows, and how it was made.
    """

    headline: str
    purpose: tuple[str, str]
    findings: tuple[str, ...] = ()
    verdict: tuple[str, ...] = ()
    origin: tuple[str, ...] = ()

    @property
    def aim(self) -> str:
        """What was looked for and what was not, in one line."""
        return " ".join(self.purpose)

    @property
    def body(self) -> tuple[str, ...]:
        """The lines of a page below its heading, which says what was looked for, in their order."""
        return INTENDED_USE, *self.findings, *self.verdict, *self.origin


def reason_lines(
    header: Dataset,
    reason: Reason,
    ranking: Ranking,
    provenance: Provenance,
    service: Service,
    acquired: str | None = None,
) -> Lines:
    """Return the words of a study that has no score, for which `service` was to be done; `acquired` is as for
    `origin_lines`.
    """
    outcome = "Not in scope of the AI" if reason.code in OUT_OF_SCOPE_CODES else "The AI could not read this study"
    return Lines(
        headline=f"No score: {reason.code.value}",
        purpose=purpose_lines(service, provenance),
        findings=(
            f"{outcome}. This says nothing about the patient: read as without AI.",
            to_ascii(reason.detail[:1].upper() + reason.detail[1:]),
        ),
        verdict=verdict_lines(ranking),
        origin=origin_lines(header, provenance, acquired),
    )


def verdict_lines(ranking: Ranking) -> tuple[str, ...]:
    """Return the class of a study, and why."""
    return (f"Class {ranking.triage_class.value}: {to_ascii(ranking.reason)}",)


def purpose_lines(service: Service, provenance: Provenance) -> tuple[str, str]:
    """Return what was looked for, by which engine, and what was not."""
    return service.purpose.looks_for(provenance.algorithm), service.purpose.passes_over


def revision_note(provenance: Provenance) -> str:
    """Return which revision of a study's results this is; empty for the first."""
    number = provenance.revision
    return f"Revision {number}, supersedes {number - 1}" if number > 1 else ""


def written_date(sent: str) -> str:
    """Return a DICOM date as people write it where it is one."""
    try:
        return date.fromisoformat(sent.strip()).isoformat() if len(sent.strip()) == 8 else "date not stated"
    except ValueError:
        return "date not stated"


def origin_lines(header: Dataset, provenance: Provenance, acquired: str | None = None) -> tuple[str, ...]:
    """Return from which series, by what, and when the result was made.

    `acquired` says how the images were made; without it, that is said as of slices.
    """
    series, thickness, kernel = (
        to_ascii(sent_text(header, keyword)) or "not stated"
        for keyword in ("SeriesNumber", "SliceThickness", "ConvolutionKernel")
    )
    moment = local_time(header, provenance.assessed_at)
    made = f"slice {thickness} mm, kernel {kernel}" if acquired is None else to_ascii(acquired)
    return (
        f"Series {series}, {made}",
        f"{provenance.algorithm}, model {provenance.model_sha256[:12]}",
        f"triaged {provenance.software_version}, {provenance.scheme} {provenance.scheme_version[:12]},"
        f" {moment:%Y-%m-%d %H:%M %Z}",
    )


def to_ascii(text: str) -> str:
    """Return text that the bundled font can draw."""
    for fancy, simple in _SIMPLE.items():
        text = text.replace(fancy, simple)
    return "".join(letter if " " <= letter <= "~" else "?" for letter in text)
