"""Which earlier study a new one is compared with; the limits are those of the ordering specification, 2.3.5."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.triage.cases import finding
from tests.xray_findings import xray_finding
from triaged.steps.following import chosen, followed
from triaged.study.ranking import Trend
from triaged.study.records import Prior
from triaged.triage.scheme import Scheme, TriageOptions

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OPTIONS = TriageOptions(scheme=Scheme.COMBINED)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def prior(before: timedelta | None, *, severity: float = 0.2, algorithm: str = "ct 1", number: int = 7) -> Prior:
    at = None if before is None else (NOW, NOW - before)
    return Prior("1.2.3", "20260101", "2.25.1", algorithm, finding(severity), "view.npz", at, number)


@pytest.mark.parametrize(
    ("priors", "expected"),
    [
        ([], None),
        ([2 * HOUR], 0),
        ([2 * HOUR, 3 * DAY], 1),
        ([2 * HOUR, 3 * DAY, 9 * DAY], 1),
        ([100 * DAY], 0),
        ([None, 3 * DAY], 1),
        ([None], 0),
    ],
)
def test_the_last_study_that_counts_as_followed_is_shown_else_the_last(
    priors: list[timedelta | None], expected: int | None
) -> None:
    known = [prior(before) for before in priors]
    assert chosen(known, finding(0.3)) is (None if expected is None else known[expected])


def test_an_x_ray_is_shown_beside_the_last_x_ray_rather_than_a_later_ct() -> None:
    ct, xray = prior(3 * DAY), replace(prior(9 * DAY), finding=xray_finding(estimated=0.2))
    assert chosen([ct, xray], xray_finding(estimated=0.3)) is xray
    assert chosen([ct, xray], finding(0.3)) is ct
    assert chosen([ct], xray_finding(estimated=0.3)) is ct


def test_what_is_kept_says_with_what_and_by_how_much() -> None:
    found = followed(finding(0.35), prior(4 * DAY), "ct 1", OPTIONS)
    assert found is not None
    assert (found.compared.trend, found.compared.change_points) == (Trend.PROGRESSION, 15.0)
    assert found.compared.prior_result_id == 7
    assert found.compared.comparison.earlier.finding.urgency == 0.2
    assert found.follow_up.days == 4


@pytest.mark.parametrize("before", [None, 2 * HOUR, 91 * DAY])
def test_a_study_too_near_or_too_far_or_without_a_date_is_not_followed(before: timedelta | None) -> None:
    assert followed(finding(0.35), prior(before), "ct 1", OPTIONS) is None


def test_what_another_version_read_is_told_and_not_compared() -> None:
    found = followed(finding(0.35), prior(4 * DAY, algorithm="ct 0"), "ct 1", OPTIONS)
    assert found is not None
    assert (found.compared.trend, found.compared.change_points) == (Trend.NOT_COMPARED, None)


def test_a_change_within_the_noise_is_kept_as_stable_with_its_size() -> None:
    found = followed(finding(0.415), prior(4 * DAY, severity=0.40), "ct 1", OPTIONS)
    assert found is not None
    assert found.follow_up.within_noise
    assert found.compared.trend is Trend.STABLE
    assert found.compared.change_points == pytest.approx(1.5)
