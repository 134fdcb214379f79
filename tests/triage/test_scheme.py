"""The classes are checked against a second statement of the specification's table: one predicate per row."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.triage.cases import finding, scored, unread
from tests.xray_findings import xray_finding
from triaged.study.assessment import Assessed, ReasonCode
from triaged.study.finding import QualityFlag
from triaged.study.ranking import RequestPriority, TriageClass
from triaged.triage.scheme import (
    Discipline,
    HeadStarts,
    Outcome,
    Scheme,
    TriageOptions,
    Waiting,
    classify,
    described,
    head_start_minutes,
    is_flagged,
)

COMBINED = TriageOptions(scheme=Scheme.COMBINED)
TAU = 0.62
LETTERS = ["E0", "A", "B", "C", "D", "U", "C'", "N"]
EDGES = [0.0, 0.0099, 0.01, 0.0101, 0.2499, 0.25, 0.4999, 0.5, 0.7499, 0.75, 1.0]
PROBABILITIES = [None, 0.0, 0.6199, 0.62, 1.0]


class Row:
    """What the table's rules speak of, for one study."""

    def __init__(self, outcome: Outcome, priority: RequestPriority, scheme: str) -> None:
        self.stat = priority.value == "STAT"
        self.scheme = scheme
        self.s = outcome.finding.urgency if isinstance(outcome, Assessed) else None
        self.p = outcome.finding.probability if isinstance(outcome, Assessed) else None
        reason = getattr(outcome, "reason", None)
        self.broken_lung = reason is not None and reason.code.value == "lung-not-segmented"

    @property
    def high_p(self) -> bool:
        return self.p is not None and self.p >= TAU

    @property
    def low_p(self) -> bool:
        return self.p is not None and self.p < TAU

    def s_in(self, low: float, high: float) -> bool:
        return self.s is not None and low <= self.s < high


RULES: dict[str, Callable[[Row], bool]] = {
    "E0": lambda r: r.stat,
    "A": lambda r: not r.stat and r.s_in(0.75, 2),
    "B": lambda r: not r.stat and r.s_in(0.5, 0.75),
    "C": lambda r: not r.stat and (r.broken_lung or (r.s_in(0.25, 0.5) and (r.scheme == "severity" or r.high_p))),
    "D": lambda r: not r.stat and (r.s_in(0.01, 0.25) if r.scheme == "severity" else r.s_in(0, 0.25) and r.high_p),
    "U": lambda r: (
        not r.stat
        and not r.broken_lung
        and (r.s is None or (r.p is None and r.scheme != "severity" and r.s_in(0, 0.25)))
    ),
    "C'": lambda r: not r.stat and r.scheme != "severity" and not r.high_p and r.s_in(0.25, 0.5),
    "N": lambda r: not r.stat and (r.s_in(0, 0.01) if r.scheme == "severity" else r.s_in(0, 0.25) and r.low_p),
}

outcomes = st.one_of(
    st.builds(
        scored,
        severity=st.floats(0, 1),
        identification=st.none() | st.floats(0, 1),
        threshold=st.just(TAU),
    ),
    st.sampled_from(ReasonCode).map(unread),
    st.sampled_from(Waiting),
)


def matching_rows(outcome: Outcome, priority: RequestPriority, scheme: Scheme) -> list[str]:
    row = Row(outcome, priority, scheme.value)
    return [letter for letter, rule in RULES.items() if rule(row)]


def test_the_classes_are_those_of_the_table_most_urgent_first() -> None:
    assert [triage_class.value for triage_class in TriageClass] == LETTERS


def test_exactly_one_row_of_the_table_matches_each_study_of_the_grid() -> None:
    results: list[Outcome] = [scored(s, p, TAU) for s, p in itertools.product(EDGES, PROBABILITIES)]
    results += [unread(code) for code in ReasonCode]
    results += list(Waiting)
    for outcome, priority, scheme in itertools.product(results, RequestPriority, Scheme):
        found = classify(outcome, priority, TriageOptions(scheme=scheme))
        assert matching_rows(outcome, priority, scheme) == [found.value], (outcome, priority, scheme)


@given(outcomes, st.sampled_from(RequestPriority), st.sampled_from(Scheme))
def test_exactly_one_row_of_the_table_matches_any_study(
    outcome: Outcome, priority: RequestPriority, scheme: Scheme
) -> None:
    found = classify(outcome, priority, TriageOptions(scheme=scheme))
    assert matching_rows(outcome, priority, scheme) == [found.value]


def test_the_site_threshold_outweighs_that_of_the_model_package() -> None:
    study = scored(0.1, 0.7, threshold=0.62)
    assert classify(study, RequestPriority.ROUTINE, COMBINED) is TriageClass.SUSPECTED_MILD
    assert classify(study, RequestPriority.ROUTINE, replace(COMBINED, tau=0.8)) is TriageClass.NOT_FLAGGED


def test_an_x_ray_has_a_threshold_of_its_own() -> None:
    ct, xray = scored(0.1, 0.7, threshold=0.62), Assessed(xray_finding(estimated=0.1, presence=0.7))
    for options, of_ct, of_xray in [
        (replace(COMBINED, tau=0.8), False, True),
        (replace(COMBINED, tau_cxr=0.8), True, False),
        (replace(COMBINED, tau=0.8, tau_cxr=0.6), False, True),
    ]:
        assert (is_flagged(ct.finding, options), is_flagged(xray.finding, options)) == (of_ct, of_xray)
    with pytest.raises(ValueError, match="tau_cxr"):
        replace(COMBINED, tau_cxr=1.0)


def test_the_text_of_a_policy_without_later_settings_is_as_it_was() -> None:
    assert "cxr" not in described(COMBINED)
    assert described(replace(COMBINED, tau_cxr=0.6)) != described(COMBINED)


def test_a_probability_without_any_threshold_flags_nothing_and_excludes_nothing() -> None:
    study = scored(0.1, 0.99, threshold=None)
    assert classify(study, RequestPriority.ROUTINE, COMBINED) is TriageClass.UNSCORED


@pytest.mark.parametrize("flag", [QualityFlag.CONTRAST, QualityFlag.PAEDIATRIC, QualityFlag.THICK_SLICES])
def test_a_probability_that_was_not_validated_may_flag_but_not_dismiss(flag: QualityFlag) -> None:
    low, high = (Assessed(finding(0.1, p, TAU, quality=(flag,))) for p in (0.1, 0.9))
    assert classify(low, RequestPriority.ROUTINE, COMBINED) is TriageClass.UNSCORED
    assert classify(high, RequestPriority.ROUTINE, COMBINED) is TriageClass.SUSPECTED_MILD


@pytest.mark.parametrize(
    ("scheme", "minutes"), [(Scheme.IDENTIFICATION, 120), (Scheme.COMBINED, 90), (Scheme.SEVERITY, 30)]
)
def test_mild_suspicion_counts_by_what_the_list_is_for(scheme: Scheme, minutes: int) -> None:
    options = TriageOptions(scheme=scheme)
    assert head_start_minutes(TriageClass.SUSPECTED_MILD, RequestPriority.ROUTINE, options) == minutes


@pytest.mark.parametrize(
    ("letter", "routine", "high"),
    [("A", 240, 240), ("B", 180, 240), ("C", 120, 240), ("D", 90, 210), ("U", 45, 165), ("C'", 60, 180), ("N", 0, 120)],
)
def test_the_default_head_starts_are_those_of_the_table(letter: str, routine: int, high: int) -> None:
    options = COMBINED
    assert head_start_minutes(TriageClass(letter), RequestPriority.LOW, options) == routine
    assert head_start_minutes(TriageClass(letter), RequestPriority.HIGH, options) == high


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"unscored": 10, "not_flagged": 20}, "unscored"),
        ({"unscored": 100}, "unscored"),
        ({"severe": 250}, "severe 250"),
        ({"suspected_mild_severity": 130}, "suspected_mild_severity"),
        ({"critical": 300}, "cap"),
        ({"high_order": -1}, "high_order"),
        ({"not_flagged": -5}, "not_flagged -5"),
    ],
)
def test_head_starts_that_would_hide_disease_are_refused(wrong: dict[str, int], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        HeadStarts(**wrong)


def test_shares_that_do_not_rise_are_refused() -> None:
    with pytest.raises(ValueError, match="rising shares"):
        TriageOptions(s2=0.6)


@pytest.mark.parametrize("tau", [0.0, 1.0, 62.0])
def test_a_threshold_that_is_no_probability_is_refused(tau: float) -> None:
    with pytest.raises(ValueError, match="tau"):
        TriageOptions(tau=tau)


@pytest.mark.parametrize("scheme", Scheme)
@pytest.mark.parametrize("discipline", Discipline)
@pytest.mark.parametrize("severity", [0.0, 0.009, 0.02, 0.1, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("probability", [None, 0.1, 0.9])
def test_lungs_seen_in_part_are_never_not_flagged_and_never_lower_than_unscored(
    scheme: Scheme, discipline: Discipline, severity: float, probability: float | None
) -> None:
    options = TriageOptions(scheme=scheme, discipline=discipline)
    whole = finding(severity, probability)
    part = finding(severity, probability, quality=(QualityFlag.LUNGS_CUT_OFF,))
    own, found = (classify(Assessed(each), RequestPriority.ROUTINE, options) for each in (whole, part))
    assert found is not TriageClass.NOT_FLAGGED
    starts = [head_start_minutes(each, RequestPriority.ROUTINE, options) for each in (found, own, TriageClass.UNSCORED)]
    if discipline is Discipline.HEAD_START:
        assert starts[0] >= max(starts[1:]), "what was seen may promote"
    assert found in (own, TriageClass.UNSCORED)
