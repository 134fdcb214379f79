"""X-rays on a simulated list: how many, how often flagged rightly, how long they are read, and what is conserved."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.lab.simulation.queueing import BY_SEVERITY, FIRST_COME, HEAD_START, Exponential, steady_site
from triaged.lab.simulation.assumed import Accuracy, Xrays, assumed_cases, with_xrays
from triaged.lab.simulation.comparison import Plan, compare
from triaged.lab.simulation.gates import gates
from triaged.lab.simulation.site import Case, Site, Truth, busy_site, days
from triaged.lab.simulation.stream import draw_stream
from triaged.lab.simulation.verdict import Verdict
from triaged.lab.simulation.waits import ALL
from triaged.study.assessment import Assessed
from triaged.study.modalities import Stratum
from triaged.study.ranking import RequestPriority, TriageClass
from triaged.triage.scheme import classify

XRAYS = Xrays(0.75, Accuracy(prevalence=0.2, sensitivity=0.8, specificity=0.9))
CTS = assumed_cases(Accuracy())
MIXED = with_xrays(CTS, XRAYS)


def _weight(**kinds: bool) -> float:
    """Return how many X-rays are diseased or not, and put forward or not."""
    return sum(
        case.weight
        for case in MIXED
        if case.stratum is Stratum.RADIOGRAPH
        and (case.truth not in (Truth.NORMAL, Truth.OTHER_URGENT)) is kinds["diseased"]
        and (_class_of(case) is not TriageClass.NOT_FLAGGED) is kinds["forward"]
    )


def _class_of(case: Case) -> TriageClass:
    return classify(case.outcome, RequestPriority.ROUTINE, BY_SEVERITY)


def test_x_rays_have_their_share_and_their_own_operating_point() -> None:
    assert sum(case.weight for case in MIXED) == pytest.approx(1)
    assert sum(case.weight for case in MIXED if case.stratum is Stratum.RADIOGRAPH) == pytest.approx(0.75)
    assert _weight(diseased=True, forward=True) == pytest.approx(0.75 * 0.2 * 0.8)
    assert _weight(diseased=True, forward=False) == pytest.approx(0.75 * 0.2 * 0.2)
    assert _weight(diseased=False, forward=True) == pytest.approx(0.75 * 0.8 * 0.1)


@pytest.mark.parametrize("scores", [None, (1, 3, 5, 6)])
def test_an_x_ray_that_is_seen_has_the_class_of_what_it_is(scores: tuple[int, int, int, int] | None) -> None:
    options = replace(BY_SEVERITY, cxr=scores)
    seen = {
        case.truth: classify(case.outcome, RequestPriority.ROUTINE, options)
        for case in MIXED
        if case.stratum is Stratum.RADIOGRAPH and isinstance(case.outcome, Assessed) and case.outcome.finding.urgency
    }
    assert seen[Truth.CRITICAL] is TriageClass.CRITICAL
    assert seen[Truth.SEVERE] is TriageClass.SEVERE
    assert seen[Truth.MODERATE] is TriageClass.SUSPECTED_MODERATE
    assert seen[Truth.MILD] is TriageClass.SUSPECTED_MILD


def test_shorter_readings_let_more_studies_come_at_the_same_load() -> None:
    site = busy_site(MIXED, 0.8)
    assert site.load == pytest.approx(0.8)
    assert site.mean_reading_min == pytest.approx(0.25 * site.reading.mean_min + 0.75 * site.reading_xray.mean_min)
    stream = draw_stream(site, days(200), np.random.default_rng(1))
    is_xray = np.array([each is Stratum.RADIOGRAPH for each in stream.strata])
    assert is_xray.mean() == pytest.approx(0.75, abs=0.01)
    assert stream.reading_min[is_xray].mean() == pytest.approx(site.reading_xray.mean_min, rel=0.03)
    assert stream.reading_min[~is_xray].mean() == pytest.approx(site.reading.mean_min, rel=0.03)


def test_a_site_with_cts_alone_draws_what_it_drew() -> None:
    one, other = (busy_site(CTS), replace(busy_site(CTS), reading_xray=Exponential(1.0)))
    first, second = (draw_stream(each, days(2), np.random.default_rng(3)) for each in (one, other))
    np.testing.assert_array_equal(first.reading_min, second.reading_min)


def _unequal() -> Site:
    """Return a site where every X-ray is put forward and read in a minute, and no CT is: the mean wait then falls."""
    forward, calm = (
        next(case for case in MIXED if case.stratum is stratum and _class_of(case) is wanted)
        for stratum, wanted in (
            (Stratum.RADIOGRAPH, TriageClass.SEVERE),
            (Stratum.VOLUME, TriageClass.NOT_FLAGGED),
        )
    )
    cases = replace(forward, weight=0.5), replace(calm, weight=0.5)
    site = replace(steady_site(0.8, cases, Exponential(10.0)), reading_xray=Exponential(1.0))
    return replace(site, arrivals=replace(site.arrivals, per_hour=(60 * 0.8 / 5.5,) * 24))  # type: ignore[type-var]


def test_what_is_conserved_is_the_wait_weighted_by_reading_and_not_the_wait() -> None:
    plan = Plan(replications=8, warm_up_min=days(1), measured_min=days(20), cool_down_min=days(1), seed=4)
    comparison = compare(_unequal(), [FIRST_COME, HEAD_START], plan)
    ordered = comparison.waits["head_start"][ALL]
    assert ordered.mean_ratio.high < 0.9
    assert ordered.weighted_ratio.value == pytest.approx(1, abs=0.02)
    (law,) = [each for each in gates(comparison, "head_start", MIXED) if "conservation" in each.asked]
    assert law.verdict is not Verdict.DOES_NOT_MEET
    both = [comparison.waits["head_start"][f"{ALL}, {stratum}s"] for stratum in Stratum]
    assert sum(each.studies for each in both) == ordered.studies
    assert both[0].change_min.value > 0 > both[1].change_min.value
