"""What grew moves up and nothing moves down; the rules are those of the specification, section 2.3.5."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.findings import changed
from tests.triage.cases import NOON, finding, scored, uid, unread
from triaged.study.assessment import Assessed, ReasonCode
from triaged.study.finding import Finding
from triaged.study.ranking import Override, Ranking, RequestPriority, Trend
from triaged.study.ranking_input import EarlierFinding
from triaged.triage.follow_up import FollowUp, compare, latest, noise_pp
from triaged.triage.ordering import place
from triaged.triage.scheme import Scheme, TriageOptions

ROUTINE = RequestPriority.ROUTINE
OPTIONS = TriageOptions(scheme=Scheme.COMBINED, repeat_sd_pp=1.0)
BEFORE = NOON - timedelta(days=4)
shares = st.floats(0, 1)


def earlier(severity: float, days: float = 4.0) -> EarlierFinding:
    """Return what an earlier study showed, the left lung being the worse one as in `cases.finding`."""
    return EarlierFinding(
        at=NOON - timedelta(days=days),
        algorithm="ct-open 2.0.0",
        finding=finding(severity),
    )


def with_numbers(then: EarlierFinding, **numbers: float | None) -> EarlierFinding:
    """Return an earlier study that showed other numbers."""
    return replace(then, finding=changed(then.finding, **numbers))


def change(now: float | Finding, then: float | EarlierFinding, options: TriageOptions = OPTIONS) -> FollowUp:
    present = now if isinstance(now, Finding) else finding(now)
    found = compare(
        present, NOON, "ct-open 2.0.0", then if isinstance(then, EarlierFinding) else earlier(then), options
    )
    assert found is not None
    return found


def followed(
    now: float, then: float | EarlierFinding, p: float | None = 0.1, scheme: Scheme = Scheme.COMBINED
) -> Ranking:
    options = replace(OPTIONS, scheme=scheme)
    return place(uid(1), NOON, scored(now, p), ROUTINE, options, follow_up=change(now, then, options))


@pytest.mark.parametrize(
    ("now", "then", "trend", "within_noise"),
    [
        (0.54, 0.42, Trend.PROGRESSION, False),
        (0.209, 0.2, Trend.STABLE, False),
        (0.21, 0.2, Trend.PROGRESSION, True),
        (0.2199, 0.2, Trend.PROGRESSION, True),
        (0.22, 0.2, Trend.PROGRESSION, False),
        (0.191, 0.2, Trend.STABLE, False),
        (0.19, 0.2, Trend.REGRESSION, True),
        (0.1, 0.2, Trend.REGRESSION, False),
    ],
)
def test_one_point_is_a_change_and_two_are_more_than_noise(
    now: float, then: float, trend: Trend, within_noise: bool
) -> None:
    found = change(now, then)
    assert (found.trend, found.within_noise) == (trend, within_noise)


def test_the_noise_is_twice_what_was_measured_and_one_point_at_least() -> None:
    assert noise_pp(TriageOptions(repeat_sd_pp=1.4)) == 2.8
    assert noise_pp(TriageOptions(repeat_sd_pp=0.1)) == 1.0
    with pytest.raises(ValueError, match="repeat_sd_pp"):
        TriageOptions(repeat_sd_pp=-1)


@pytest.mark.parametrize(
    ("left_then", "right_then", "part", "delta_pp"),
    [
        (0.42, 0.1, "right lung", 20),  # left -2, right +20
        (0.65, 0.1, "left lung", -25),  # left -25, right +20
        (0.2, 0.1, "right lung", 20),  # both +20
        (0.6, 0.1, "right lung", 20),  # left -20, right +20
    ],
)
def test_the_lung_that_changed_more_decides_and_of_equal_changes_growth(
    left_then: float, right_then: float, part: str, delta_pp: float
) -> None:
    now = changed(finding(0.4), severity_right=0.3)
    found = change(now, with_numbers(earlier(0.42), severity_left=left_then, severity_right=right_then))
    assert (found.part, found.days) == (part, 4)
    assert found.delta_pp == pytest.approx(delta_pp)


def test_lungs_that_were_not_told_apart_are_compared_together() -> None:
    single = changed(finding(0.4), severity_left=None, severity_right=None, severity_total=0.4)
    found = change(single, with_numbers(earlier(0.42), severity_total=0.3))
    assert found.part == "lungs"
    assert found.delta_pp == pytest.approx(10)


@pytest.mark.parametrize(("days", "compared"), [(0.24, False), (0.25, True), (4, True), (90, True), (90.1, False)])
def test_studies_from_six_hours_to_ninety_days_apart_are_compared(days: float, compared: bool) -> None:
    then = earlier(0.1, days)
    assert (compare(finding(0.5), NOON, "ct-open 2.0.0", then, OPTIONS) is not None) is compared
    assert (latest([then], NOON) is not None) is compared


def test_the_last_study_that_is_early_enough_is_the_one_compared_with() -> None:
    studies = [earlier(0.1, days) for days in (30, 0.1, 3, -2, 200)]
    assert latest(studies, NOON) == studies[2]
    assert latest([], NOON) is None


def test_what_another_algorithm_read_is_never_compared() -> None:
    found = change(0.6, replace(earlier(0.1), algorithm="ct-open 1.0.0"))
    assert (found.trend, found.delta_pp) == (Trend.NOT_COMPARED, None)
    assert found.limited == "not compared with the study 4 days before, which ct-open 1.0.0 read"
    assert not found.grew


@pytest.mark.parametrize(
    ("then_ml", "limited"),
    [
        (4700 / 0.75, None),
        (4700 / 0.74, "comparison limited: lung volume 74 % of that 4 days before"),
        (4700 / 1.33, None),
        (4700 / 1.34, "comparison limited: lung volume 134 % of that 4 days before"),
        (None, "comparison limited: a lung volume is not known"),
    ],
)
def test_another_breath_limits_the_comparison(then_ml: float | None, limited: str | None) -> None:
    found = change(0.3, with_numbers(earlier(0.1), lungs_ml=then_ml))
    assert found.limited == limited
    assert found.delta_pp == pytest.approx(20)
    assert found.trend is (Trend.PROGRESSION if limited is None else Trend.NOT_COMPARED)
    assert found.grew is (limited is None)


@pytest.mark.parametrize(
    ("now", "then", "days", "letter"),
    [
        (0.30, 0.20, 30, "B"),  # ten points and at least S2
        (0.30, 0.209, 30, "B"),  # over a cut-off
        (0.30, 0.26, 30, "C'"),  # neither
        (0.30, 0.27, 0.5, "C"),  # six points a day: one class up
        (0.30, 0.29, 0.25, "C'"),  # four points a day
        (0.30, 0.285, 0.25, "C'"),  # six points a day, and within noise
        (0.15, 0.05, 30, "D"),  # ten points below S2: one class up
        (0.15, 0.051, 30, "N"),
        (0.03, 0.005, 30, "D"),  # over the first cut-off
        (0.015, 0.005, 30, "N"),  # over it within noise
        (0.60, 0.45, 30, "B"),  # at least B, and so it is
        (0.60, 0.45, 2, "A"),  # more than five points a day
        (0.80, 0.10, 1, "A"),
        (0.20, 0.60, 4, "N"),  # a fall lowers nothing
        (0.60, 0.90, 4, "B"),
    ],
)
def test_growth_moves_a_study_up_by_the_rules(now: float, then: float, days: float, letter: str) -> None:
    assert followed(now, earlier(then, days)).triage_class.value == letter


def test_growth_moves_an_unscored_and_a_suspected_study_up_in_their_schemes() -> None:
    assert followed(0.2, 0.05, p=None).triage_class.value == "D"
    assert followed(0.2, 0.05, p=0.9).triage_class.value == "C"
    assert followed(0.2, 0.05, p=0.9, scheme=Scheme.IDENTIFICATION).triage_class.value == "C"
    assert followed(0.2, 0.05, scheme=Scheme.SEVERITY).triage_class.value == "C"


def test_a_stat_order_and_a_pin_outweigh_any_change() -> None:
    follow_up = change(0.6, 0.1)
    stat = place(uid(1), NOON, scored(0.6), RequestPriority.STAT, OPTIONS, follow_up=follow_up)
    pinned = place(uid(1), NOON, scored(0.6), ROUTINE, OPTIONS, override=Override.PIN, follow_up=follow_up)
    assert stat.sort_key == pinned.sort_key == place(uid(1), NOON, scored(0.6), RequestPriority.STAT, OPTIONS).sort_key


@pytest.mark.parametrize(
    ("now", "then", "said"),
    [
        (0.54, earlier(0.42), "B severe — left lung 54 %, +12 points in 4 days, experimental P 0.91 ≥ 0.62"),
        (0.30, earlier(0.18), "B progressing — left lung 30 %, +12 points in 4 days, experimental P 0.91 ≥ 0.62"),
        (
            0.30,
            earlier(0.295),
            "C suspected, moderate — left lung 30 %, stable over 4 days, experimental P 0.91 ≥ 0.62",
        ),
        (
            0.30,
            earlier(0.285, 0.5),
            "C suspected, moderate — left lung 30 %, +2 points in 12 hours, within noise, experimental P 0.91 ≥ 0.62",
        ),
        (
            0.30,
            earlier(0.42),
            "C suspected, moderate — left lung 30 %, −12 points in 4 days, experimental P 0.91 ≥ 0.62",
        ),
        (
            0.30,
            with_numbers(earlier(0.29, 1.5), severity_right=0.05),
            "B progressing — left lung 30 %, right lung +10 points in 36 hours, experimental P 0.91 ≥ 0.62",
        ),
        (
            0.30,
            replace(earlier(0.1), algorithm="threshold 1.0"),
            "C suspected, moderate — left lung 30 %, not compared with the study 4 days before, which threshold 1.0 "
            "read, experimental P 0.91 ≥ 0.62",
        ),
    ],
)
def test_the_reason_tells_the_change(now: float, then: EarlierFinding, said: str) -> None:
    assert followed(now, then, p=0.91).reason == said


def key_with(trend: Trend, scheme: Scheme) -> str:
    found = replace(change(0.3, 0.3), trend=trend)
    return place(uid(1), NOON, scored(0.3, 0.9), ROUTINE, TriageOptions(scheme=scheme), follow_up=found).sort_key


@pytest.mark.parametrize("scheme", [Scheme.SEVERITY, Scheme.COMBINED])
def test_between_equals_progression_is_read_first_then_first_studies_then_stable_ones(scheme: Scheme) -> None:
    first_study = place(uid(1), NOON, scored(0.3, 0.9), ROUTINE, TriageOptions(scheme=scheme)).sort_key
    keys = [key_with(trend, scheme) for trend in (Trend.STABLE, Trend.REGRESSION)]
    assert sorted([*keys, first_study]) == [first_study, *keys]
    assert key_with(Trend.NOT_COMPARED, scheme) == first_study
    rising = place(
        uid(1), NOON, scored(0.3, 0.9), ROUTINE, TriageOptions(scheme=scheme), follow_up=change(0.3, 0.26)
    ).sort_key
    assert rising < first_study


@pytest.mark.parametrize("then", [0.288, 0.312])
@pytest.mark.parametrize("scheme", Scheme)
def test_between_equals_a_change_within_the_noise_counts_as_none(scheme: Scheme, then: float) -> None:
    found = place(
        uid(1), NOON, scored(0.3, 0.9), ROUTINE, TriageOptions(scheme=scheme), follow_up=change(0.3, then)
    ).sort_key
    assert found == key_with(Trend.STABLE, scheme)


def test_where_infection_is_looked_for_first_studies_come_before_follow_ups_of_their_class() -> None:
    identification = Scheme.IDENTIFICATION
    first_study = place(uid(1), NOON, scored(0.3, 0.9), ROUTINE, TriageOptions(scheme=identification)).sort_key
    rising = followed(0.3, 0.26, p=0.9, scheme=identification).sort_key
    others = [key_with(trend, identification) for trend in (Trend.NOT_COMPARED, Trend.STABLE, Trend.REGRESSION)]
    assert sorted([*others, rising, first_study]) == [first_study, rising, *others]


@given(shares, shares, shares, shares, st.none() | st.floats(0, 1), st.floats(0.25, 90), st.sampled_from(Scheme))
def test_a_follow_up_never_lowers_the_class_of_what_is_seen_now(
    left: float, right: float, left_then: float, right_then: float, p: float | None, days: float, scheme: Scheme
) -> None:
    options = replace(OPTIONS, scheme=scheme)
    now = changed(finding(max(left, right), p), severity_left=left, severity_right=right)
    then = with_numbers(earlier(max(left_then, right_then), days), severity_left=left_then, severity_right=right_then)
    plain = place(uid(1), NOON, Assessed(now), ROUTINE, options)
    compared = place(uid(1), NOON, Assessed(now), ROUTINE, options, follow_up=change(now, then, options))
    assert compared.effective_at <= plain.effective_at
    assert compared.sort_key[:11] <= plain.sort_key[:11]  # lane and effective arrival


@given(
    st.tuples(shares, shares),
    st.tuples(shares, shares),
    st.tuples(shares, shares),
    st.none() | st.floats(0, 1),
    st.floats(0.25, 90),
    st.sampled_from(Override),
    st.sampled_from(Scheme),
)
def test_more_disease_never_lowers_a_study_with_an_earlier_one(
    one: tuple[float, float],
    other: tuple[float, float],
    then: tuple[float, float],
    p: float | None,
    days: float,
    override: Override,
    scheme: Scheme,
) -> None:
    options = replace(OPTIONS, scheme=scheme)
    before = with_numbers(earlier(max(then), days), severity_left=then[0], severity_right=then[1])
    less, more = (
        changed(finding(max(lungs), p), severity_left=lungs[0], severity_right=lungs[1], severity_total=sum(lungs) / 2)
        for lungs in (tuple(map(min, one, other)), tuple(map(max, one, other)))
    )
    keys = [
        place(
            uid(1), NOON, Assessed(now), ROUTINE, options, override=override, follow_up=change(now, before, options)
        ).sort_key
        for now in (more, less)
    ]
    assert keys == sorted(keys)


@given(st.sampled_from(ReasonCode), st.sampled_from(Scheme))
def test_a_study_that_could_not_be_read_is_placed_as_without_an_earlier_one(code: ReasonCode, scheme: Scheme) -> None:
    options = TriageOptions(scheme=scheme)
    grown = change(0.9, 0.1)
    with_it = place(uid(1), NOON, unread(code), ROUTINE, options, follow_up=grown)
    assert with_it.triage_class is place(uid(1), NOON, unread(code), ROUTINE, options).triage_class
