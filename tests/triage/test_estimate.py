"""What the list makes of an X-ray: an estimate with an interval, beside CTs in one order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.findings import finding_of
from tests.xray_findings import xray_finding
from triaged.study.assessment import Assessed
from triaged.study.finding import Finding
from triaged.study.ranking import RequestPriority, Trend, TriageClass
from triaged.study.ranking_input import EarlierFinding
from triaged.study.uids import StudyUID
from triaged.triage.follow_up import compare
from triaged.triage.ordering import place
from triaged.triage.scheme import Scheme, TriageOptions, classify, described, neighbours

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BY_SCORE = TriageOptions(cxr=(1, 3, 5, 6))


def ct(severity: float) -> Finding:
    return finding_of(
        identification=None,
        severity=severity,
        severity_right=severity,
        severity_left=0.0,
        severity_total=severity / 2,
        right_lung_ml=2500.0,
        left_lung_ml=2500.0,
        lungs_ml=5000.0,
        lesion_ml=2500.0 * severity,
        dense_share=0.0,
        grade=0,
        engine="ct 1",
        identification_threshold=None,
    )


def class_of(finding: Finding, options: TriageOptions | None = None) -> TriageClass:
    return classify(Assessed(finding), RequestPriority.ROUTINE, options or TriageOptions())


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.0, "N"), (0.02, "D"), (0.25, "C"), (0.49, "C"), (0.5, "B"), (0.76, "A")],
)
def test_an_estimate_is_cut_where_a_share_measured_on_ct_is(share: float, expected: str) -> None:
    assert class_of(xray_finding(estimated=share, score=0)).value == expected
    assert class_of(ct(share)).value == expected


@pytest.mark.parametrize(("score", "expected"), [(0, "N"), (1, "D"), (2, "D"), (3, "C"), (4, "C"), (5, "B"), (6, "A")])
def test_a_site_without_ct_cuts_the_score_instead(score: int, expected: str) -> None:
    assert class_of(xray_finding(estimated=0.3, score=score), BY_SCORE).value == expected
    assert class_of(ct(0.3), BY_SCORE).value == "C"


@pytest.mark.parametrize(("score", "expected"), [(0, "N"), (1, "D"), (3, "D")])
def test_an_affected_zone_is_mild_at_least_whatever_the_estimate_says(score: int, expected: str) -> None:
    assert class_of(xray_finding(estimated=0.0, score=score)).value == expected


def test_scores_that_do_not_rise_are_refused() -> None:
    with pytest.raises(ValueError, match="four rising scores of 1 to 6, found 1, 3, 3, 6"):
        TriageOptions(cxr=(1, 3, 3, 6))


def test_settings_that_say_nothing_of_x_rays_are_described_as_before() -> None:
    assert "cxr" not in described(TriageOptions())
    assert described(TriageOptions()) != described(BY_SCORE)


def test_classes_within_the_interval_are_near() -> None:
    found = neighbours(xray_finding(estimated=0.3, low=0.2, high=0.55), TriageOptions())
    assert {each.value for each in found} == {"B", "C", "D"}


def test_within_a_class_the_lower_end_decides() -> None:
    def key(finding: Finding) -> str:
        uid = StudyUID.parse("1.2.3")
        return place(uid, NOW, Assessed(finding), RequestPriority.ROUTINE, TriageOptions()).sort_key

    certain, vague = xray_finding(estimated=0.4, low=0.35, high=0.5), xray_finding(estimated=0.45, low=0.1, high=0.8)
    assert key(certain) < key(vague)


def test_the_reason_says_that_it_is_an_estimate_from_an_x_ray() -> None:
    finding = xray_finding(estimated=0.35, low=0.2, high=0.51, score=4)
    reason = place(StudyUID.parse("1.2.3"), NOW, Assessed(finding), RequestPriority.ROUTINE, TriageOptions()).reason
    assert "X-ray: 4 of 6 zones, estimated ≈35 % (20 to 51 %)" in reason
    assert "experimental P 0.97" in reason


def test_a_probability_alone_never_lifts_an_x_ray_where_the_list_is_ordered_by_severity() -> None:
    finding = xray_finding(estimated=0.0, presence=0.99, score=0)
    assert class_of(finding).value == "N"
    assert class_of(finding, TriageOptions(scheme=Scheme.IDENTIFICATION)).value == "D"


def test_a_ct_after_an_x_ray_is_told_of_it_in_words_alone() -> None:
    earlier = EarlierFinding(NOW - timedelta(days=2), "cxr 1", xray_finding(estimated=0.6, score=4))
    follow_up = compare(ct(0.1), NOW, "ct 1", earlier, TriageOptions())
    assert follow_up is not None
    assert (follow_up.trend, follow_up.delta_pp) == (Trend.NOT_COMPARED, None)
    assert follow_up.limited == "2 days before, X-ray: 4 of 6 zones"
    measured = replace(earlier, algorithm="ct 1", finding=ct(0.12))
    back = compare(xray_finding(estimated=0.6), NOW, "cxr 1", measured, TriageOptions())
    assert back is not None
    assert back.limited == "2 days before, CT: 12 % of the worse lung"


def test_x_rays_are_compared_by_their_areas_and_their_own_scatter() -> None:
    earlier = EarlierFinding(NOW - timedelta(days=3), "cxr 1", xray_finding(estimated=0.2, right=0.30, left=0.10))
    grown = compare(xray_finding(estimated=0.4, right=0.52, left=0.1), NOW, "cxr 1", earlier, TriageOptions())
    assert grown is not None
    assert (grown.trend, grown.within_noise) == (Trend.PROGRESSION, False)
    assert grown.delta_pp == pytest.approx(22.0)
    little = compare(xray_finding(estimated=0.21, right=0.36, left=0.1), NOW, "cxr 1", earlier, TriageOptions())
    assert little is not None
    assert little.within_noise, "6 points are less than twice the engine's own 4"
