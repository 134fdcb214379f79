"""Puts a study into its triage class; pure policy.

Must not know clocks, storage, DICOM or how scores come about. The classes and their defaults are those of the ordering
specification, section 2.3.2; head starts are minutes.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from math import isfinite, nextafter
from typing import Final, assert_never

from triaged.study.assessment import Assessed, Assessment, Failed, OutOfScope, ReasonCode
from triaged.study.concepts import ZONE_SCORE
from triaged.study.finding import NO_ALL_CLEAR, Finding, QualityFlag
from triaged.study.ranking import Override, RequestPriority, TriageClass
from triaged.triage.estimate import bounds, decisive, demand_scores, is_estimated


class Scheme(StrEnum):
    """What the list is for: find possible infection, find who needs care first, or both (Goncharov et al., Fig. 5)."""

    IDENTIFICATION = "identification"
    SEVERITY = "severity"
    COMBINED = "combined"


class Discipline(StrEnum):
    """How classes and arrivals make one order; see `triaged.triage.disciplines`."""

    HEAD_START = "head_start"
    FIFO = "fifo"
    STRICT = "strict"
    STRICT_CAP = "strict_cap"
    ACCUMULATING = "accumulating"


class Waiting(StrEnum):
    """Why a study that has not been read yet has no score; the value is what the list says."""

    SLICES = "waiting for images"
    ANALYSIS = "waiting for analysis"
    RETRY = "analysis will be tried again"


Outcome = Assessment | Waiting
"""All that the order of a study can rest on."""

REPEAT_SD_PP: Final = 1.1
"""Measured for ct-open 2.0.0 and rounded up: 17 thicknesses and kernels of each of six chests (`docs/ordering.md`)."""

RELIED_ON_WITH_RESERVE = frozenset({QualityFlag.THICK_SLICES, QualityFlag.CONTRAST, QualityFlag.PAEDIATRIC})
"""Circumstances for which the probability has not been validated (ordering specification, section 2.3.4)."""


@dataclass(frozen=True, slots=True)
class HeadStarts:
    """Minutes by which a class is read as if it had arrived earlier.

    `high_order` comes on top for an order of HIGH urgency; the sum never exceeds `cap`. The head start of the
    emergency class is its own lane.

    Raises:
        ValueError: more disease would come later than less, or a study without a score later than one not flagged.
    """

    critical: int = 240
    severe: int = 180
    suspected_moderate: int = 120
    suspected_mild_identification: int = 120
    suspected_mild_combined: int = 90
    suspected_mild_severity: int = 30
    unscored: int = 45
    opacity_not_flagged: int = 60
    not_flagged: int = 0
    high_order: int = 120
    cap: int = 240

    def __post_init__(self) -> None:
        _demand_rising("cap", cap=self.cap, critical=self.critical)
        _demand_rising("high_order", high_order=self.high_order, zero=0)
        urgent = {"critical": self.critical, "severe": self.severe}
        for mild in ("suspected_mild_identification", "suspected_mild_combined", "suspected_mild_severity"):
            suspected = {"suspected_moderate": self.suspected_moderate, mild: getattr(self, mild)}
            _demand_rising(mild, **urgent, **suspected, not_flagged=self.not_flagged)
        opaque = {"suspected_moderate": self.suspected_moderate, "opacity_not_flagged": self.opacity_not_flagged}
        unscored = {"unscored": self.unscored, "not_flagged": self.not_flagged}
        _demand_rising("unscored", **urgent, **opaque, **unscored, zero=0)


@dataclass(frozen=True, slots=True)
class TriageOptions:
    """The site's policy.

    `tau` is the probability from which a CT is flagged, `tau_cxr` that of an X-ray; None takes that of the model
    package. `s1` to `s4` are shares of lung volume. `relied_on_with_reserve`: with one of these circumstances a
    probability may still flag a study, but its being low no longer counts as knowledge. `repeat_sd_pp` is how far, as a
    standard deviation in percentage points, the severity of one anatomy scatters when it is scanned again.
    `strict_cap_min` is for that discipline. `cxr` are the scores, 1 to 6, from which an X-ray is mild, moderate, severe
    and critical; None cuts its estimated share at `s1` to `s4`.

    Raises:
        ValueError: a threshold is no probability, shares or scores do not rise, or a number is negative.
    """

    scheme: Scheme = Scheme.SEVERITY
    tau: float | None = None
    s1: float = 0.01
    s2: float = 0.25
    s3: float = 0.50
    s4: float = 0.75
    head_starts: HeadStarts = field(default_factory=HeadStarts)
    relied_on_with_reserve: frozenset[QualityFlag] = RELIED_ON_WITH_RESERVE
    repeat_sd_pp: float = REPEAT_SD_PP
    discipline: Discipline = Discipline.HEAD_START
    strict_cap_min: float = 240.0
    cxr: tuple[int, int, int, int] | None = None
    tau_cxr: float | None = None

    @property
    def cut_offs(self) -> tuple[float, float, float, float]:
        """The shares from which a study is mild, moderate, severe and critical."""
        return self.s1, self.s2, self.s3, self.s4

    def __post_init__(self) -> None:
        for name, value in (("repeat_sd_pp", self.repeat_sd_pp), ("strict_cap_min", self.strict_cap_min)):
            if not (isfinite(value) and value >= 0):
                raise ValueError(f"{name}: expected a number of at least 0, found {value}")
        for name, tau in (("tau", self.tau), ("tau_cxr", self.tau_cxr)):
            if tau is not None and not 0.0 < tau < 1.0:
                raise ValueError(f"{name}: expected a probability between 0 and 1, found {tau}")
        if not 0.0 < self.s1 < self.s2 < self.s3 < self.s4 <= 1.0:
            found = ", ".join(str(share) for share in (self.s1, self.s2, self.s3, self.s4))
            raise ValueError(f"s1 to s4: expected rising shares in (0, 1], found {found}")
        if self.cxr is not None:
            demand_scores(self.cxr)


def described(options: TriageOptions) -> str:
    """Return the policy as a text that is equal exactly where the policies are, in every process.

    What came later and is not set is left out: the UIDs of results rest on the text.
    """
    values = asdict(options) | {"relied_on_with_reserve": sorted(options.relied_on_with_reserve)}
    for later in ("cxr", "tau_cxr"):
        if values[later] is None:
            del values[later]
    return json.dumps(values, sort_keys=True)


def classify(outcome: Outcome, order_priority: RequestPriority, options: TriageOptions) -> TriageClass:
    """Return the one class that a study belongs to.

    A STAT order is an emergency whatever was found. Failed, declined and waiting studies are unscored, except that a
    lung that could not be segmented is suspected: dense disease is what breaks lung masks.
    """
    if order_priority is RequestPriority.STAT:
        return TriageClass.EMERGENCY
    match outcome:
        case Assessed(finding):
            return _scored(finding, options)
        case Failed(reason) | OutOfScope(reason):
            broken = reason.code is ReasonCode.LUNG_NOT_SEGMENTED
            return TriageClass.SUSPECTED_MODERATE if broken else TriageClass.UNSCORED
        case Waiting():
            return TriageClass.UNSCORED
        case _:
            assert_never(outcome)


def neighbours(finding: Finding, options: TriageOptions) -> frozenset[TriageClass]:
    """Return the classes that the next picture of the same lungs could give; one alone where a score decides."""
    if options.cxr is not None and finding.value(ZONE_SCORE) is not None:
        return frozenset({_scored(finding, options)})
    lowest, highest = bounds(finding, options.repeat_sd_pp)
    cut_offs = (share for share in options.cut_offs if lowest < share <= highest)
    urgencies = [finding.urgency, *(bound for share in cut_offs for bound in (share, nextafter(share, 0.0)))]
    return frozenset(_scored(replace(finding, urgency=urgency), options) for urgency in urgencies)


def is_flagged(finding: Finding, options: TriageOptions) -> bool | None:
    """Tell whether the probability reaches the threshold; None where there is no probability to rely on."""
    threshold = flag_threshold(finding, options)
    if finding.probability is None or threshold is None:
        return None
    if finding.probability >= threshold:
        return True
    return None if reserves(finding, options) else False


def reserves(finding: Finding, options: TriageOptions) -> tuple[QualityFlag, ...]:
    """Return why a low probability is not relied on; where no all-clear can be given it never is."""
    never = options.relied_on_with_reserve | NO_ALL_CLEAR
    return tuple(sorted(never.intersection(finding.quality)))


def flag_threshold(finding: Finding, options: TriageOptions) -> float | None:
    """Return the probability from which this study is flagged: the site's, else the model package's."""
    tau = options.tau_cxr if is_estimated(finding) else options.tau
    if tau is not None:
        return tau
    return None if finding.suspicion is None else finding.suspicion.threshold


def head_start_minutes(
    triage_class: TriageClass,
    order_priority: RequestPriority,
    options: TriageOptions,
    override: Override = Override.NONE,
) -> int:
    """Return by how many minutes a study is read as if it had arrived earlier.

    RAISE gives it the next longer head start that any class has, LOWER the next shorter one; the class keeps its name.
    Where there is none, at the two ends, nothing changes.
    """
    if triage_class is TriageClass.EMERGENCY:
        return 0
    starts, own = options.head_starts, _own_head_starts(options)
    extra = starts.high_order if order_priority is RequestPriority.HIGH else 0
    return min(_stepped(own[triage_class], override, own.values()) + extra, starts.cap)


def _scored(finding: Finding, options: TriageOptions) -> TriageClass:
    """Return the class of what was found; no disease in a part of the lungs is no all-clear, nor beside a tumour."""
    found = _by_numbers(finding, options)
    if NO_ALL_CLEAR.isdisjoint(finding.quality):
        return found
    return found if _stands_higher(found, TriageClass.UNSCORED, options) else TriageClass.UNSCORED


def _stands_higher(one: TriageClass, other: TriageClass, options: TriageOptions) -> bool:
    if one is TriageClass.NOT_FLAGGED:
        return False
    if options.discipline is Discipline.HEAD_START:
        own = _own_head_starts(options)
        return own[one] >= own[other]
    return list(TriageClass).index(one) < list(TriageClass).index(other)


def _by_numbers(finding: Finding, options: TriageOptions) -> TriageClass:
    severity = decisive(finding, options.cut_offs, options.cxr)
    if severity >= options.s4:
        return TriageClass.CRITICAL
    if severity >= options.s3:
        return TriageClass.SEVERE
    if options.scheme is Scheme.SEVERITY:
        return _below_severe_by_severity(severity, options)
    flagged = is_flagged(finding, options)
    if severity >= options.s2:
        return TriageClass.SUSPECTED_MODERATE if flagged else TriageClass.OPACITY_NOT_FLAGGED
    if flagged is None:
        return TriageClass.UNSCORED
    return TriageClass.SUSPECTED_MILD if flagged else TriageClass.NOT_FLAGGED


def _below_severe_by_severity(severity: float, options: TriageOptions) -> TriageClass:
    if severity >= options.s2:
        return TriageClass.SUSPECTED_MODERATE
    return TriageClass.SUSPECTED_MILD if severity >= options.s1 else TriageClass.NOT_FLAGGED


def _stepped(own: int, override: Override, all_starts: Collection[int]) -> int:
    match override:
        case Override.RAISE:
            return min((minutes for minutes in all_starts if minutes > own), default=own)
        case Override.LOWER:
            return max((minutes for minutes in all_starts if minutes < own), default=own)
        case Override.NONE | Override.PIN:
            return own
        case _:
            assert_never(override)


def _own_head_starts(options: TriageOptions) -> dict[TriageClass, int]:
    starts = options.head_starts
    mild = {
        Scheme.IDENTIFICATION: starts.suspected_mild_identification,
        Scheme.COMBINED: starts.suspected_mild_combined,
        Scheme.SEVERITY: starts.suspected_mild_severity,
    }
    return {
        TriageClass.CRITICAL: starts.critical,
        TriageClass.SEVERE: starts.severe,
        TriageClass.SUSPECTED_MODERATE: starts.suspected_moderate,
        TriageClass.SUSPECTED_MILD: mild[options.scheme],
        TriageClass.UNSCORED: starts.unscored,
        TriageClass.OPACITY_NOT_FLAGGED: starts.opacity_not_flagged,
        TriageClass.NOT_FLAGGED: starts.not_flagged,
    }


def _demand_rising(name: str, **head_starts: int) -> None:
    minutes = list(head_starts.values())
    if minutes != sorted(minutes, reverse=True):
        found = ", ".join(f"{key} {value}" for key, value in head_starts.items())
        raise ValueError(f"{name}: expected no head start longer than the one before it, found {found}")
