"""Compares a study with an earlier one of the same patient, and lets what grew move up; pure policy.

Must not know how earlier studies are found, nor whose they are. A fall never lowers a study: the class of what is seen
now is the least it gets (ordering specification, section 2.3.5).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from triaged.study.assessment import Assessed
from triaged.study.concepts import LUNGS, LUNGS_VOLUME, TOTAL_SHARE
from triaged.study.finding import Finding
from triaged.study.ranking import RequestPriority, Trend, TriageClass
from triaged.study.ranking_input import EarlierFinding
from triaged.triage.estimate import described, is_estimated, own_repeat_sd_pp
from triaged.triage.scheme import Outcome, TriageOptions, head_start_minutes

DAY: Final = timedelta(days=1)
LONGEST: Final = 90 * DAY
SHORTEST: Final = timedelta(hours=6)
VOLUME_RATIOS: Final = (0.75, 1.33)
"""Lung volume now by lung volume then; outside, the patient breathed in differently and shares do not compare."""
STABLE_PP: Final = 1.0
"""A change below this is none (CoRSAI)."""
PROGRESSION_PP: Final = 10.0
RATE_PP_PER_DAY: Final = 5.0
ONE_UP: Final = {
    TriageClass.NOT_FLAGGED: TriageClass.SUSPECTED_MILD,
    TriageClass.UNSCORED: TriageClass.SUSPECTED_MILD,
    TriageClass.SUSPECTED_MILD: TriageClass.SUSPECTED_MODERATE,
    TriageClass.OPACITY_NOT_FLAGGED: TriageClass.SUSPECTED_MODERATE,
    TriageClass.SUSPECTED_MODERATE: TriageClass.SEVERE,
    TriageClass.SEVERE: TriageClass.CRITICAL,
}


@dataclass(frozen=True, slots=True)
class FollowUp:
    """How a study differs from the patient's earlier one.

    `delta_pp` is the change in percentage points, positive where it grew, of `part`, the part of the body that changed
    most; None where the two were not compared. `within_noise`: the change is one, but no larger than repeated scans
    differ by. `limited` says why the two do not compare, None where they do. `crossed_grade`: it grew over one of the
    site's cut-offs.
    """

    trend: Trend
    part: str
    delta_pp: float | None
    days: float
    within_noise: bool
    crossed_grade: bool
    limited: str | None

    @property
    def grew(self) -> bool:
        """Tell whether it grew by more than noise, so that its class may change."""
        return self.trend is Trend.PROGRESSION and not self.within_noise


def latest(earlier: Iterable[EarlierFinding], at: datetime) -> EarlierFinding | None:
    """Return the last of the patient's studies that a study made at `at` is compared with; None where none qualifies.

    Only from 6 hours to 90 days before: a sooner one is the same examination, an older one another illness.
    """
    fitting = [each for each in earlier if SHORTEST <= at - each.at <= LONGEST]
    return max(fitting, key=lambda each: each.at, default=None)


def compare(
    finding: Finding, at: datetime, algorithm: str, earlier: EarlierFinding, options: TriageOptions
) -> FollowUp | None:
    """Return the change since an earlier study, None where it is too near or too far in time to be one."""
    if not SHORTEST <= at - earlier.at <= LONGEST:
        return None
    days = (at - earlier.at) / DAY
    if algorithm != earlier.algorithm:
        return FollowUp(Trend.NOT_COMPARED, LUNGS.noun, None, days, False, False, _not_compared(finding, earlier, days))
    part, delta = max(changes(finding, earlier.finding), key=lambda change: (abs(change[1]), change[1]))
    limited = _limited(finding, earlier.finding, days)
    trend = trend_of(delta) if limited is None else Trend.NOT_COMPARED
    within_noise = limited is None and STABLE_PP <= abs(delta) < noise_pp(options, finding)
    crossed = trend is Trend.PROGRESSION and _grade(finding.urgency, options) > _grade(earlier.finding.urgency, options)
    return FollowUp(trend, part, delta, days, within_noise, crossed, limited)


def promoted(
    triage_class: TriageClass, outcome: Outcome, follow_up: FollowUp | None, options: TriageOptions
) -> TriageClass:
    """Return the class with what a follow-up adds to it: never a less urgent one."""
    if follow_up is None or not follow_up.grew or not isinstance(outcome, Assessed):
        return triage_class
    if triage_class is TriageClass.EMERGENCY:
        return triage_class
    reached = [triage_class, *_reached(triage_class, outcome.finding, follow_up, options)]
    return max(reached, key=lambda each: (head_start_minutes(each, RequestPriority.ROUTINE, options), -_RANK[each]))


def noise_pp(options: TriageOptions, finding: Finding | None = None) -> float:
    """Return the change from which one is believed, in percentage points; of a CT where no finding is given."""
    site = options.repeat_sd_pp
    return max(STABLE_PP, 2 * (site if finding is None else own_repeat_sd_pp(finding, site)))


def changes(now: Finding, then: Finding) -> list[tuple[str, float]]:
    """Return each part with its change in percentage points; the whole alone where parts were not told apart."""
    parts, before = now.by_part(), then.by_part()
    if parts and parts.keys() == before.keys():
        return [(site.noun, _points(parts[site], before[site])) for site in parts]
    total, total_before = now.value(TOTAL_SHARE, LUNGS), then.value(TOTAL_SHARE, LUNGS)
    if total is None or total_before is None:
        total, total_before = now.urgency, then.urgency
    return [(LUNGS.noun, _points(total, total_before))]


def trend_of(delta_pp: float) -> Trend:
    """Return what a change in percentage points is called (CoRSAI)."""
    if abs(delta_pp) < STABLE_PP:
        return Trend.STABLE
    return Trend.PROGRESSION if delta_pp > 0 else Trend.REGRESSION


def since(days: float) -> str:
    """Return a time between two studies in words."""
    return f"{round(24 * days)} hours" if days < 2 else f"{round(days)} days"


def _reached(
    triage_class: TriageClass, finding: Finding, follow_up: FollowUp, options: TriageOptions
) -> Iterator[TriageClass]:
    delta = follow_up.delta_pp or 0.0
    one_up = ONE_UP.get(triage_class, triage_class)
    if delta >= PROGRESSION_PP or follow_up.crossed_grade:
        yield TriageClass.SEVERE if finding.urgency >= options.s2 else one_up
    if delta / follow_up.days >= RATE_PP_PER_DAY:
        yield one_up


def _not_compared(finding: Finding, earlier: EarlierFinding, days: float) -> str:
    """Return why nothing is compared with what another engine read; of a CT and an X-ray, what the earlier one was."""
    if is_estimated(finding) is is_estimated(earlier.finding):
        return f"not compared with the study {since(days)} before, which {earlier.algorithm} read"
    return f"{since(days)} before, {described(earlier.finding)}"


def _points(now: float, then: float) -> float:
    """Return the change of a share in percentage points, without the last digits in which 0.35 - 0.25 is not 0.1."""
    return round(100 * (now - then), 6)


def _limited(now: Finding, then: Finding, days: float) -> str | None:
    """Return why shares of lung volume do not compare, None where they do."""
    if now.value(TOTAL_SHARE, LUNGS) is None:
        return None
    volume, before = now.value(LUNGS_VOLUME), then.value(LUNGS_VOLUME)
    if not before or not volume:
        return "comparison limited: a lung volume is not known"
    ratio = volume / before
    low, high = VOLUME_RATIOS
    if low <= ratio <= high:
        return None
    return f"comparison limited: lung volume {100 * ratio:.0f} % of that {since(days)} before"


def _grade(severity: float, options: TriageOptions) -> int:
    return sum(severity >= share for share in (options.s1, options.s2, options.s3, options.s4))


_RANK: Final = {triage_class: rank for rank, triage_class in enumerate(TriageClass)}
