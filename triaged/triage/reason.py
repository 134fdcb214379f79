"""Says in one line why a study has its rank; for a radiologist, without patient attributes.

Must not decide anything: the class comes from `triaged.triage.scheme`. The word for a study with no sign of disease is
"not flagged": no study is ever called normal.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, assert_never

from triaged.study.assessment import Assessed, Failed, OutOfScope, ReasonCode
from triaged.study.coding import percent, percent_range
from triaged.study.concepts import ESTIMATED_HIGH, ESTIMATED_LOW, SOLID_VOLUME, TOTAL_SHARE
from triaged.study.finding import NO_ALL_CLEAR, REPAIRS, Finding, QualityFlag
from triaged.study.ranking import Override, RequestPriority, Trend, TriageClass, more_urgent
from triaged.study.rounding import points
from triaged.study.treatment import BY_DEFAULT, Treatment
from triaged.triage.estimate import bounds, is_estimated, score_words
from triaged.triage.follow_up import FollowUp, promoted, since
from triaged.triage.scheme import (
    Outcome,
    Scheme,
    TriageOptions,
    Waiting,
    classify,
    flag_threshold,
    neighbours,
    reserves,
)

WORDS: Final = {
    TriageClass.EMERGENCY: "emergency",
    TriageClass.CRITICAL: "critical",
    TriageClass.SEVERE: "severe",
    TriageClass.SUSPECTED_MODERATE: "suspected, moderate",
    TriageClass.SUSPECTED_MILD: "suspected, mild",
    TriageClass.UNSCORED: "unscored",
    TriageClass.OPACITY_NOT_FLAGGED: "opacity, not flagged",
    TriageClass.NOT_FLAGGED: "not flagged",
}
BY_HAND: Final = {Override.PIN: "pinned by hand", Override.RAISE: "raised by hand", Override.LOWER: "lowered by hand"}
"""Says that a person moved the study; who it was is in the history of actions."""
BY_SEVERITY_ALONE: Final = {TriageClass.SUSPECTED_MODERATE: "moderate", TriageClass.SUSPECTED_MILD: "mild"}
UNCERTAIN: Final = frozenset(QualityFlag) - REPAIRS - {QualityFlag.SINGLE_LUNG, QualityFlag.ANISOTROPIC_SPLIT}
"""Circumstances in which the list shows a share with the sign for "about"."""
DETAIL_LENGTH: Final = 160


def explain(
    triage_class: TriageClass,
    outcome: Outcome,
    order_priority: RequestPriority,
    options: TriageOptions,
    override: Override = Override.NONE,
    follow_up: FollowUp | None = None,
    treatment: Treatment = BY_DEFAULT,
) -> str:
    """Return the reason, such as "B severe — left lung 54 %, +12 points in 4 days, experimental P 0.91 ≥ 0.62"."""
    near = _near(triage_class, outcome, options)
    grounds = list(_grounds(triage_class, outcome, options, follow_up, near))
    if treatment.rule and not _is_by_rule(outcome):
        grounds.append(f"rule {treatment.rule}")
    if override is not Override.NONE:
        grounds.insert(0, BY_HAND[override])
    urgent = (RequestPriority.STAT, RequestPriority.HIGH)
    if order_priority in urgent:
        grounds.insert(0, f"{order_priority} order")
    if treatment.urgency in urgent and more_urgent(order_priority, treatment.urgency) is not order_priority:
        grounds.insert(0, f"{treatment.urgency} by rule")
    return f"{triage_class} {_word(triage_class, outcome, options, follow_up)}{near} — {', '.join(grounds)}"


def _is_by_rule(outcome: Outcome) -> bool:
    """Tell whether the reason of a study without a score is the rule, so that it names that already."""
    return isinstance(outcome, OutOfScope) and outcome.reason.code is ReasonCode.BY_RULE


def _word(triage_class: TriageClass, outcome: Outcome, options: TriageOptions, follow_up: FollowUp | None) -> str:
    match outcome:
        case Failed() | OutOfScope() if triage_class is TriageClass.SUSPECTED_MODERATE:
            return "suspected"
        case Failed() | OutOfScope() if triage_class is TriageClass.UNSCORED:
            return "not scored"
        case Assessed() if _moved_up(triage_class, outcome, options, follow_up):
            return "progressing"
        case Assessed() if options.scheme is Scheme.SEVERITY:
            return BY_SEVERITY_ALONE.get(triage_class, WORDS[triage_class])
        case _:
            return WORDS[triage_class]


def _near(triage_class: TriageClass, outcome: Outcome, options: TriageOptions) -> str:
    """Return the class that another scan of the same lungs could give, such as ", near B"; empty where there is none.

    A class that an order or a change gave does not hang on a cut-off, and no disease at all is near nothing.
    """
    if not isinstance(outcome, Assessed) or not outcome.finding.urgency:
        return ""
    if triage_class is not classify(outcome, RequestPriority.UNKNOWN, options):
        return ""
    others = neighbours(outcome.finding, options) - {triage_class}
    return f", near {min(others, key=list(TriageClass).index)}" if others else ""


def _moved_up(triage_class: TriageClass, outcome: Outcome, options: TriageOptions, follow_up: FollowUp | None) -> bool:
    """Tell whether the class is one that the change since the earlier study gave, so that its name would mislead."""
    if follow_up is None or not follow_up.grew:
        return False
    own = classify(outcome, RequestPriority.UNKNOWN, options)
    return triage_class is not own and triage_class is promoted(own, outcome, follow_up, options)


def _grounds(
    triage_class: TriageClass, outcome: Outcome, options: TriageOptions, follow_up: FollowUp | None, near: str
) -> Iterable[str]:
    match outcome:
        case Waiting():
            yield outcome.value
        case Failed(reason) | OutOfScope(reason):
            yield f"{_plain(reason.code)}: {_shortened(reason.detail)}"
        case Assessed(finding):
            yield _share(finding, options, near)
            yield from _not_looked_for(finding)
            if follow_up is not None:
                yield from _change(follow_up, finding)
            yield from _probability(triage_class, finding, options)
        case _:
            assert_never(outcome)


def _plain(code: ReasonCode) -> str:
    return code.value.replace("-", " ")


def _shortened(detail: str) -> str:
    line = " ".join(detail.split())
    return line if len(line) <= DETAIL_LENGTH else line[: DETAIL_LENGTH - 1] + "…"


def _share(finding: Finding, options: TriageOptions, near: str) -> str:
    """Return how much is affected; near a cut-off with the range in which another scan of the same lungs would lie."""
    if is_estimated(finding):
        return _estimate(finding)
    about = "≈" if UNCERTAIN.intersection(finding.quality) else ""
    part = QualityFlag.LUNGS_CUT_OFF
    seen = f" of what was seen, {part.value.replace('-', ' ')}" if part in finding.quality else ""
    share = percent(finding.urgency, () if near else options.cut_offs)
    reach = f" ({percent_range(*bounds(finding, options.repeat_sd_pp))})" if near else ""
    return f"{_worst_part(finding)} {'' if share[0] in '<>' else about}{share}{reach}{seen}"


def _estimate(finding: Finding) -> str:
    """Return what an X-ray shows and what a CT would, in words of both."""
    low, high = (finding.value(end) or 0.0 for end in (ESTIMATED_LOW, ESTIMATED_HIGH))
    share = percent(finding.urgency)
    about = "" if share[0] in "<>" else "≈"
    return f"X-ray: {score_words(finding)}, estimated {about}{share} ({percent_range(low, high)})"


def _not_looked_for(finding: Finding) -> Iterable[str]:
    """Yield how much there is that the networks do not look for."""
    volume = finding.value(SOLID_VOLUME)
    if volume is not None:
        yield f"{SOLID_VOLUME.unit.text(volume)} {SOLID_VOLUME.words}"


def _worst_part(finding: Finding) -> str:
    """Return the part that is affected most; where no parts were told apart, what was measured of the whole."""
    parts = finding.by_part()
    if parts:
        return max(parts, key=parts.__getitem__).noun
    whole = next(iter(finding.by_site(TOTAL_SHARE)), None)
    return whole.noun if whole else next((each.concept.words for each in finding.measurements), "urgency")


def _change(follow_up: FollowUp, finding: Finding) -> Iterable[str]:
    """Yield the change since the earlier study; the part is named where it is not the worst one."""
    if follow_up.limited is not None:
        yield follow_up.limited
        return
    if follow_up.delta_pp is None or follow_up.trend is Trend.STABLE:
        yield f"stable over {since(follow_up.days)}"
        return
    part = "" if follow_up.part == _worst_part(finding) else f"{follow_up.part} "
    yield f"{part}{points(follow_up.delta_pp)} in {since(follow_up.days)}"
    if follow_up.within_noise:
        yield "within noise"


def _probability(triage_class: TriageClass, finding: Finding, options: TriageOptions) -> Iterable[str]:
    if finding.suspicion is None:
        yield "no P"
        return
    probability = finding.suspicion.probability
    threshold = flag_threshold(finding, options)
    if options.scheme is Scheme.SEVERITY or threshold is None:
        yield f"experimental P {finding.suspicion.text}"
        return
    sign = "≥" if probability >= threshold else "<"
    yield f"experimental P {finding.suspicion.text_beside(threshold)} {sign} {threshold:.4g}"
    if triage_class in (TriageClass.UNSCORED, TriageClass.OPACITY_NOT_FLAGGED):
        others = (flag for flag in reserves(finding, options) if flag not in NO_ALL_CLEAR)
        told = ", ".join(flag.words for flag in others)
        if told:
            yield f"not relied on ({told})"
