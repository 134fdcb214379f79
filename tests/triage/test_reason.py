from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.findings import changed
from tests.triage.cases import NOON, finding, scored, uid, unread
from triaged.study.assessment import Assessed, ReasonCode
from triaged.study.finding import QualityFlag
from triaged.study.ranking import RequestPriority
from triaged.triage.ordering import place
from triaged.triage.scheme import Outcome, Scheme, TriageOptions, Waiting


def reason(
    outcome: Outcome, priority: RequestPriority = RequestPriority.ROUTINE, scheme: Scheme = Scheme.COMBINED
) -> str:
    return place(uid(1), NOON, outcome, priority, TriageOptions(scheme=scheme)).reason


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (scored(0.8, 0.2), "A critical — left lung 80 %, experimental P 0.20 < 0.62"),
        (scored(0.54, 0.91), "B severe — left lung 54 %, experimental P 0.91 ≥ 0.62"),
        (scored(0.3, 0.91), "C suspected, moderate — left lung 30 %, experimental P 0.91 ≥ 0.62"),
        (scored(0.04, 0.91), "D suspected, mild — left lung 4 %, experimental P 0.91 ≥ 0.62"),
        (scored(0.3, 0.2), "C' opacity, not flagged — left lung 30 %, experimental P 0.20 < 0.62"),
        (scored(0.3, None), "C' opacity, not flagged — left lung 30 %, no P"),
        (scored(0.04, 0.2), "N not flagged — left lung 4 %, experimental P 0.20 < 0.62"),
        (scored(0.04, None), "U unscored — left lung 4 %, no P"),
        (Waiting.SLICES, "U unscored — waiting for images"),
        (Waiting.ANALYSIS, "U unscored — waiting for analysis"),
        (
            unread(ReasonCode.MISSING_SLICES, "expected 12 mm steps,\nfound 24 mm"),
            "U not scored — missing slices: expected 12 mm steps, found 24 mm",
        ),
        (
            unread(ReasonCode.LUNG_NOT_SEGMENTED, "expected 1 L or more, found 0.4 L"),
            "C suspected — lung not segmented: expected 1 L or more, found 0.4 L",
        ),
    ],
)
def test_a_row_says_why_it_stands_there(outcome: Outcome, said: str) -> None:
    assert reason(outcome) == said


def test_the_order_s_own_urgency_is_named_first() -> None:
    assert (
        reason(scored(0.54, 0.91), RequestPriority.HIGH)
        == "B severe — HIGH order, left lung 54 %, experimental P 0.91 ≥ 0.62"
    )
    assert reason(Waiting.SLICES, RequestPriority.STAT) == "E0 emergency — STAT order, waiting for images"


def test_by_severity_alone_nothing_is_called_suspected() -> None:
    assert reason(scored(0.3, 0.1), scheme=Scheme.SEVERITY) == "C moderate — left lung 30 %, experimental P 0.10"
    assert (
        reason(scored(0.03, 0.1), scheme=Scheme.SEVERITY)
        == "D mild, near N — left lung 3 % (<1 to 5 %), experimental P 0.10"
    )


def test_the_worse_lung_is_named() -> None:
    worse_right = changed(finding(0.6, 0.91), severity_right=0.6, severity_left=0.2)
    assert reason(Assessed(worse_right)).startswith("B severe — right lung 60 %")


def test_lungs_that_were_not_told_apart_are_named_together() -> None:
    found = finding(0.54, 0.91, quality=(QualityFlag.SINGLE_LUNG,))
    single = changed(found, severity_right=None, severity_left=None)
    assert reason(Assessed(single)) == "B severe — lungs 54 %, experimental P 0.91 ≥ 0.62"


def test_an_uncertain_share_is_marked_and_an_unvalidated_probability_said_so() -> None:
    thick = finding(0.04, 0.2, quality=(QualityFlag.THICK_SLICES,))
    assert (
        reason(Assessed(thick))
        == "U unscored — left lung ≈4 %, experimental P 0.20 < 0.62, not relied on (thick slices)"
    )


def test_rounding_never_contradicts_the_class() -> None:
    exact = TriageOptions(scheme=Scheme.COMBINED, repeat_sd_pp=0)
    assert place(uid(1), NOON, scored(0.4996, 0.6199), RequestPriority.ROUTINE, exact).reason == (
        "C' opacity, not flagged — left lung 49.96 %, experimental P 0.6199 < 0.62"
    )


def test_near_a_cut_off_the_range_and_the_class_beside_it_are_told() -> None:
    assert reason(scored(0.4996, 0.6199)) == (
        "C' opacity, not flagged, near B — left lung 50 % (48 to 52 %), experimental P 0.6199 < 0.62"
    )
    assert reason(scored(0.7449, 0.621)) == (
        "B severe, near A — left lung 74 % (72 to 77 %), experimental P 0.62 ≥ 0.62"
    )
    assert reason(scored(0.76, 0.9)).startswith("A critical, near B — left lung 76 % (74 to 78 %),")


def test_less_than_one_percent_reads_the_same_on_both_sides_of_its_rounding() -> None:
    for severity in (0.0004, 0.0049, 0.006, 0.0099):
        assert "left lung <1 % (" in reason(scored(severity, 0.9), scheme=Scheme.SEVERITY)
    assert "lung 0 %, " in reason(scored(0.0, 0.9))


@pytest.mark.parametrize(
    ("severity", "said"),
    [
        (0.78, "A critical — left"),
        (0.771, "A critical, near B — left"),
        (0.729, "B severe, near A — left"),
        (0.52, "B severe, near C — left"),
        (0.40, "C moderate — left"),
        (0.02, "D mild, near N — left"),
        (0.005, "N not flagged, near D — left lung <1 %"),
        (0.0, "N not flagged — right lung 0 %"),
    ],
)
def test_a_class_that_another_scan_could_change_names_the_other(severity: float, said: str) -> None:
    assert reason(scored(severity, 0.2), scheme=Scheme.SEVERITY).startswith(said)


def test_a_class_that_an_order_gave_is_near_nothing() -> None:
    assert reason(scored(0.505), RequestPriority.STAT).startswith("E0 emergency — STAT")


@pytest.mark.parametrize(("probability", "shown"), [(1.0, ">0.99"), (0.997, ">0.99"), (0.003, "<0.01"), (0.62, "0.62")])
def test_no_probability_is_shown_as_certain(probability: float, shown: str) -> None:
    assert f"experimental P {shown}" in reason(scored(0.3, probability))


def test_a_long_detail_is_shortened_to_one_line() -> None:
    said = reason(unread(ReasonCode.CORRUPT, "byte " * 200))
    assert len(said) < 200
    assert said.endswith("…")


@given(
    st.one_of(
        st.builds(scored, severity=st.floats(0, 1), identification=st.none() | st.floats(0, 1)),
        st.sampled_from(ReasonCode).map(unread),
        st.sampled_from(Waiting),
    ),
    st.sampled_from(RequestPriority),
    st.sampled_from(Scheme),
)
def test_no_study_is_ever_called_normal(outcome: Outcome, priority: RequestPriority, scheme: Scheme) -> None:
    said = reason(outcome, priority, scheme)
    assert "normal" not in said.lower()
    assert "\n" not in said


def test_a_share_of_lungs_that_were_cut_off_is_one_of_what_was_seen() -> None:
    part = Assessed(finding(0.002, 0.2, quality=(QualityFlag.LUNGS_CUT_OFF,)))
    for scheme in Scheme:
        words = reason(part, scheme=scheme)
        assert words.startswith("U unscored — left lung <1 % of what was seen, lungs cut off")
        assert "not flagged" not in words
