"""Says in one line why a study stands where it stands; for a radiologist, without patient attributes.

Must not decide anything: the class comes from `triaged.triage.scheme`. The word for a study that nothing speaks for is
"not flagged": no study is ever called normal.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, assert_never

from triaged.study.assessment import Assessed, Failed, OutOfScope, ReasonCode
from triaged.study.finding import Finding, QualityFlag
from triaged.study.placement import OrderPriority, TriageClass
from triaged.triage.scheme import Outcome, Scheme, TriageOptions, Waiting, flag_threshold

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
BY_SEVERITY_ALONE: Final = {TriageClass.SUSPECTED_MODERATE: "moderate", TriageClass.SUSPECTED_MILD: "mild"}
UNCERTAIN: Final = frozenset(QualityFlag) - {QualityFlag.SINGLE_LUNG, QualityFlag.ANISOTROPIC_SPLIT}
"""Circumstances in which the list shows a share with the sign for "about"."""
DETAIL_LENGTH: Final = 160


def explain(triage_class: TriageClass, outcome: Outcome, order_priority: OrderPriority, options: TriageOptions) -> str:
    """Return the reason, such as "B severe — left lung 54 %, P 0.91 ≥ 0.62"."""
    grounds = list(_grounds(triage_class, outcome, options))
    if order_priority in (OrderPriority.STAT, OrderPriority.HIGH):
        grounds.insert(0, f"{order_priority} order")
    return f"{triage_class} {_word(triage_class, outcome, options)} — {', '.join(grounds)}"


def _word(triage_class: TriageClass, outcome: Outcome, options: TriageOptions) -> str:
    match outcome:
        case Failed() | OutOfScope() if triage_class is TriageClass.SUSPECTED_MODERATE:
            return "suspected"
        case Failed() | OutOfScope() if triage_class is TriageClass.UNSCORED:
            return "not scored"
        case Assessed() if options.scheme is Scheme.SEVERITY:
            return BY_SEVERITY_ALONE.get(triage_class, WORDS[triage_class])
        case _:
            return WORDS[triage_class]


def _grounds(triage_class: TriageClass, outcome: Outcome, options: TriageOptions) -> Iterable[str]:
    match outcome:
        case Waiting():
            yield outcome.value
        case Failed(reason) | OutOfScope(reason):
            yield f"{_plain(reason.code)}: {_shortened(reason.detail)}"
        case Assessed(finding):
            yield _share(finding, options)
            yield from _probability(triage_class, finding, options)
        case _:
            assert_never(outcome)


def _plain(code: ReasonCode) -> str:
    return code.value.replace("-", " ")


def _shortened(detail: str) -> str:
    line = " ".join(detail.split())
    return line if len(line) <= DETAIL_LENGTH else line[: DETAIL_LENGTH - 1] + "…"


def _share(finding: Finding, options: TriageOptions) -> str:
    bounds = [100 * share for share in (options.s1, options.s2, options.s3, options.s4)]
    about = "≈" if UNCERTAIN.intersection(finding.quality) else ""
    return f"{_side(finding)} {about}{_rounded(100 * finding.severity, bounds, digits=0)} %"


def _side(finding: Finding) -> str:
    if finding.severity_left is None or finding.severity_right is None:
        return "lungs"
    return "left lung" if finding.severity_left > finding.severity_right else "right lung"


def _probability(triage_class: TriageClass, finding: Finding, options: TriageOptions) -> Iterable[str]:
    if finding.identification is None:
        yield "no P"
        return
    threshold = flag_threshold(finding, options)
    if options.scheme is Scheme.SEVERITY or threshold is None:
        yield f"P {finding.identification:.2f}"
        return
    sign = "≥" if finding.identification >= threshold else "<"
    yield f"P {_rounded(finding.identification, [threshold], digits=2)} {sign} {threshold:.4g}"
    if triage_class in (TriageClass.UNSCORED, TriageClass.OPACITY_NOT_FLAGGED):
        reserves = sorted(options.relied_on_with_reserve.intersection(finding.quality))
        if reserves:
            yield f"not relied on ({', '.join(flag.value.replace('-', ' ') for flag in reserves)})"


def _rounded(value: float, bounds: list[float], digits: int) -> str:
    """Return the shortest text from `digits` decimals on that stands on the same side of every bound as the value."""
    for more in range(digits, digits + 6):
        shown = round(value, more)
        if all((shown >= bound) == (value >= bound) for bound in bounds):
            return f"{shown:.{more}f}"
    return repr(value)
