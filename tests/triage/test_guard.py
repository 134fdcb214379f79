"""The order is given up when it cannot be trusted, with the reasons, and taken up again only when all is well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.triage.cases import NOON, scored, uid, unread
from tests.xray_findings import xray_finding
from triaged.study.assessment import Assessed, ReasonCode, SourcedAssessment
from triaged.study.modalities import Stratum
from triaged.study.ranking import RequestPriority
from triaged.triage.guard import Guarded, Trust, under_guard, watch
from triaged.triage.judging import GuardOptions
from triaged.triage.observing import Counts, Observed, SetAside, observe
from triaged.triage.ordering import place
from triaged.triage.scheme import Discipline, Scheme, TriageOptions

GUARD = GuardOptions()
SOON = timedelta(minutes=1)
CT, XRAY = Stratum.VOLUME, Stratum.RADIOGRAPH
USUAL = {CT: 0.28}
FINE: dict[str, Any] = {"scored": 200, "put_forward": 56, "failed": 0, "lag": SOON}


def _observed(*, scored: int, put_forward: int, failed: int = 0, lag: timedelta = SOON) -> Observed:
    """Return what was observed where there are CTs alone."""
    return Observed({CT: Counts(scored, put_forward, failed), XRAY: Counts()}, lag)


def _nearly_fine(**changed: Any) -> Observed:
    return _observed(**FINE | changed)


@pytest.mark.parametrize(
    ("changed", "trust"),
    [
        ({}, Trust.ORDERED),
        ({"put_forward": 28}, Trust.ORDERED),
        ({"put_forward": 27}, Trust.FALLEN_BACK),
        ({"put_forward": 112}, Trust.ORDERED),
        ({"put_forward": 113}, Trust.FALLEN_BACK),
        ({"scored": 180, "put_forward": 50, "failed": 20}, Trust.ORDERED),
        ({"scored": 179, "put_forward": 50, "failed": 21}, Trust.FALLEN_BACK),
        ({"lag": timedelta(minutes=15)}, Trust.ORDERED),
        ({"lag": timedelta(minutes=15, seconds=1)}, Trust.FALLEN_BACK),
        ({"scored": 49, "put_forward": 49}, Trust.ORDERED),
        ({"scored": 4, "put_forward": 1, "failed": 45}, Trust.ORDERED),
        ({"scored": 4, "put_forward": 1, "failed": 46}, Trust.FALLEN_BACK),
    ],
)
def test_the_order_is_given_up_at_the_limits_of_the_specification(changed: dict[str, int], trust: Trust) -> None:
    found = watch(_nearly_fine(**changed), USUAL, Trust.ORDERED, GUARD)
    assert found.trust is trust
    assert bool(found.reasons) is (trust is Trust.FALLEN_BACK)


def test_the_banner_says_everything_that_is_wrong() -> None:
    worst = _observed(scored=150, put_forward=6, failed=50, lag=timedelta(minutes=40))
    assert watch(worst, USUAL, Trust.ORDERED, GUARD).reasons == (
        "4 % of the last 150 scored studies are flagged, usually 28 %",
        "50 of the last 200 studies could not be read (25 %; at most 10 %)",
        "the oldest study without a result has waited 40 minutes (at most 15)",
    )


def test_an_unknown_reference_judges_no_share() -> None:
    assert watch(_nearly_fine(put_forward=0), {}, Trust.ORDERED, GUARD).trust is Trust.ORDERED


@pytest.mark.parametrize(
    "nearly", [{"put_forward": 100}, {"put_forward": 32}, {"lag": timedelta(minutes=13)}, {"scored": 182, "failed": 18}]
)
def test_the_order_is_not_taken_up_again_until_it_is_clearly_better(nearly: dict[str, int]) -> None:
    observed = _nearly_fine(**nearly)
    assert watch(observed, USUAL, Trust.ORDERED, GUARD).trust is Trust.ORDERED
    assert watch(observed, USUAL, Trust.FALLEN_BACK, GUARD).trust is Trust.FALLEN_BACK
    assert watch(_nearly_fine(), USUAL, Trust.FALLEN_BACK, GUARD).trust is Trust.ORDERED


COUNTS = st.builds(Counts, st.integers(0, 200), st.integers(0, 200), st.integers(0, 200)).filter(
    lambda each: each.put_forward <= each.scored
)
LAGS = st.sampled_from([SOON, timedelta(minutes=14), timedelta(minutes=16)])
REFERENCES = st.dictionaries(st.sampled_from(Stratum), st.floats(0.01, 1))


@given(st.fixed_dictionaries({CT: COUNTS, XRAY: COUNTS}), LAGS, REFERENCES)
def test_what_gives_the_order_up_never_takes_it_up_again(
    counts: dict[Stratum, Counts], lag: timedelta, references: dict[Stratum, float]
) -> None:
    observed = Observed(counts, lag)
    first = watch(observed, references, Trust.ORDERED, GUARD)
    again = watch(observed, references, first.trust, GUARD, distrusted=first.distrusted)
    if first.trust is Trust.FALLEN_BACK:
        assert again.trust is Trust.FALLEN_BACK
    assert again.trust is Trust.FALLEN_BACK or first.distrusted.keys() <= again.distrusted.keys()
    third = watch(observed, references, again.trust, GUARD, distrusted=again.distrusted)
    assert third == again


def test_the_last_studies_are_counted_and_declined_ones_are_not() -> None:
    old = [unread(ReasonCode.CORRUPT)] * 7
    new = [
        scored(0.6),
        scored(0.0),
        unread(ReasonCode.NO_CT),
        unread(ReasonCode.CORRUPT),
        scored(0.3),
    ]
    ended = [SourcedAssessment(each) for each in [*old, *new]]
    observed = observe(ended, SOON, TriageOptions(scheme=Scheme.COMBINED), replace(GUARD, window=4, fewest=1))
    assert observed == _observed(scored=3, put_forward=2, failed=1)


Studies = list[SourcedAssessment]
UNREAD, CALM, FLAGGED = unread(ReasonCode.CORRUPT), scored(0.0, 0.1), scored(0.6, 0.9)
OPTIONS = TriageOptions(scheme=Scheme.COMBINED)


def _ended(sender: str, device: str = "", *, unread: int = 0, calm: int = 0, flagged: int = 0) -> Studies:
    """Return so many studies of one source that could not be read, are not flagged, and are flagged."""
    assessments = [UNREAD] * unread + [CALM] * calm + [FLAGGED] * flagged
    return [SourcedAssessment(each, sender, device) for each in assessments]


def _judged(
    ended: Studies,
    *,
    reference: float | None = None,
    aside: Sequence[str] = (),
    trust: Trust = Trust.ORDERED,
) -> Guarded:
    references = {} if reference is None else {CT: reference}
    return watch(observe(ended, SOON, OPTIONS, GUARD, references=references, before=aside), references, trust, GUARD)


def test_one_scanner_whose_studies_can_not_be_read_costs_nobody_else_the_order() -> None:
    found = _judged([*_ended("CT2", unread=22, calm=8), *_ended("CT1", calm=15, flagged=6)])
    assert (found.trust, found.reasons) == (Trust.ORDERED, ())
    assert found.set_aside == (SetAside("CT2", "22 of 30 studies from CT2 could not be read: not counted"),)


@pytest.mark.parametrize(
    ("ended", "aside", "trust"),
    [
        (_ended("CT2", unread=22, calm=29), [], Trust.FALLEN_BACK),
        (_ended("", unread=22) + _ended("CT1", calm=29), [], Trust.FALLEN_BACK),
        (_ended("CT2", unread=22) + _ended("CT1", calm=29), ["CT2"], Trust.ORDERED),
        (_ended("CT2", unread=22) + _ended("CT1", calm=25, unread=4), ["CT2"], Trust.FALLEN_BACK),
        (_ended("CT2", unread=22) + _ended("CT1", calm=9) + _ended("CT2", calm=20), [], Trust.FALLEN_BACK),
        (_ended("CT2", unread=6, calm=4) + _ended("CT1", calm=38), [], Trust.ORDERED),
        (_ended("CT2", unread=4, calm=2) + _ended("CT1", calm=44), [], Trust.ORDERED),
        (_ended("CT2", unread=9, calm=21) + _ended("CT1", calm=24, unread=4), [], Trust.FALLEN_BACK),
        (_ended("CT2", unread=20) + _ended("CT3", unread=20) + _ended("CT1", calm=20), [], Trust.FALLEN_BACK),
        (
            _ended("CT2", unread=20) + _ended("CT3", unread=20) + _ended("CT1", calm=20) + _ended("CT4", calm=9),
            ["CT2", "CT3"],
            Trust.ORDERED,
        ),
        (_ended("PACS", "A", unread=22) + _ended("PACS", "B", calm=29), ["A"], Trust.ORDERED),
        (
            _ended("CT2", "A", unread=22) + _ended("PACS", "B", calm=24, unread=7) + _ended("PACS", "C", calm=60),
            ["CT2", "B"],
            Trust.ORDERED,
        ),
    ],
    ids=[
        "only one sender exists",
        "unknown senders",
        "one bad of two",
        "what is left is bad too",
        "too few others to compare with",
        "fewer than 50 studies in all",
        "too few failures to say",
        "not clearly unlike the others",
        "most senders fail",
        "half of the senders fail",
        "one device behind a PACS",
        "a sender, and a device behind another",
    ],
)
def test_who_stands_out_is_set_aside_and_the_rest_is_judged(ended: Studies, aside: list[str], trust: Trust) -> None:
    found = _judged(ended)
    assert [each.source for each in found.set_aside] == aside
    assert found.trust is trust


@pytest.mark.parametrize(
    ("ended", "aside"),
    [
        (_ended("CT2", flagged=60) + _ended("CT1", calm=60, flagged=20), ["CT2"]),
        (_ended("CT2", calm=60) + _ended("CT1", calm=40, flagged=20), ["CT2"]),
        (_ended("CT2", calm=25, flagged=25) + _ended("CT1", calm=60, flagged=20), []),
    ],
    ids=["flags everything", "flags nothing", "flags more, but not clearly"],
)
def test_who_is_flagged_unlike_all_others_is_set_aside_where_the_usual_share_is_known(
    ended: Studies, aside: list[str]
) -> None:
    assert [each.source for each in _judged(ended, reference=0.28).set_aside] == aside
    assert _judged(ended).set_aside == ()


def test_who_is_set_aside_counts_again_only_when_clearly_better() -> None:
    better, fine = _ended("CT2", unread=6, calm=29), _ended("CT2", unread=2, calm=40)
    others = _ended("CT1", calm=100, unread=3)
    assert _judged(better + others).set_aside == ()
    assert len(_judged(better + others, aside=["CT2"]).set_aside) == 1
    assert _judged(fine + others, aside=["CT2"]).set_aside == ()


def test_a_list_that_fell_back_is_read_as_it_came_with_emergencies_first() -> None:
    options = under_guard(TriageOptions(), Trust.FALLEN_BACK)
    assert options.discipline is Discipline.FIFO
    studies = [
        (scored(0.0), RequestPriority.ROUTINE),
        (scored(0.9), RequestPriority.ROUTINE),
        (unread(ReasonCode.CORRUPT), RequestPriority.STAT),
    ]
    placed = [
        place(uid(i), NOON + timedelta(minutes=i), outcome, order, options)
        for i, (outcome, order) in enumerate(studies)
    ]
    assert sorted(placed, key=lambda each: each.sort_key) == [placed[2], placed[0], placed[1]]
    assert under_guard(TriageOptions(), Trust.ORDERED) == TriageOptions()


@pytest.mark.parametrize(
    "wrong", [{"factor": 1.0}, {"fewest": 201}, {"failures": 1.0}, {"hysteresis": 0.5}, {"lag": timedelta(0)}]
)
def test_limits_without_room_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="ordinary day"):
        GuardOptions(**wrong)  # type: ignore[arg-type]


CALM_XRAY, FLAGGED_XRAY = (SourcedAssessment(Assessed(xray_finding(estimated=each))) for each in (0.0, 0.4))
UNREAD_XRAY = SourcedAssessment(UNREAD, stratum=XRAY)


def _xrays(sender: str = "", *, unread: int = 0, calm: int = 0, flagged: int = 0) -> Studies:
    listed = [UNREAD_XRAY] * unread + [CALM_XRAY] * calm + [FLAGGED_XRAY] * flagged
    return [replace(each, sender=sender) for each in listed]


def _watched(ended: Studies, references: dict[Stratum, float] | None = None) -> Guarded:
    observed = observe(ended, SOON, TriageOptions(), GUARD, references=references or {})
    return watch(observed, references or {}, Trust.ORDERED, GUARD)


def test_x_rays_are_judged_by_a_share_of_their_own() -> None:
    ended = [*_ended("", calm=60), *_xrays(flagged=60)]
    assert _watched(ended) == Guarded(Trust.ORDERED, ())
    assert _watched(ended, {XRAY: 0.9}) == Guarded(Trust.ORDERED, ())
    many = _watched(ended, {XRAY: 0.3})
    assert (many.trust, many.reasons) == (Trust.ORDERED, ())
    assert many.distrusted == {XRAY: ("100 % of the last 60 scored X-rays are flagged, usually 30 %",)}
    few = _watched(ended, {CT: 0.2, XRAY: 0.9})
    assert few.distrusted == {CT: ("0 % of the last 60 scored CTs are flagged, usually 20 %",)}


def test_where_neither_is_trusted_the_whole_list_is_read_as_it_came() -> None:
    both = _watched([*_ended("", calm=60), *_xrays(unread=12, calm=48)], {CT: 0.2})
    assert both.trust is Trust.FALLEN_BACK
    assert both.distrusted == {}
    assert both.reasons == (
        "0 % of the last 60 scored CTs are flagged, usually 20 %",
        "12 of the last 60 X-rays could not be read (20 %; at most 10 %)",
    )


@pytest.mark.parametrize(
    ("ended", "reasons"),
    [
        (_xrays(calm=190) + _ended("", calm=51, unread=9), {CT: "9 of the last 60 CTs could not be read"}),
        (_ended("", calm=190) + _xrays(calm=51, unread=9), {XRAY: "9 of the last 60 X-rays could not be read"}),
        (_ended("", calm=190) + _xrays(calm=30, unread=9), {}),
    ],
    ids=["among many X-rays", "among many CTs", "too few X-rays to say"],
)
def test_the_failures_of_the_rarer_modality_are_not_hidden_by_the_other(
    ended: Studies, reasons: dict[Stratum, str]
) -> None:
    found = _watched(ended)
    assert found.trust is Trust.ORDERED
    assert {stratum: why[0].partition(" (")[0] for stratum, why in found.distrusted.items()} == reasons


def test_each_modality_has_a_window_of_its_own() -> None:
    ended = [*_ended("", calm=60), *_xrays(calm=300)]
    counts = observe(ended, SOON, TriageOptions(), GUARD).counts
    assert (counts[CT].scored, counts[XRAY].scored) == (60, 200)


def test_a_late_study_concerns_the_whole_list() -> None:
    observed = observe([*_ended("", calm=60), *_xrays(unread=60)], timedelta(hours=1), OPTIONS, GUARD)
    found = watch(observed, {}, Trust.ORDERED, GUARD)
    assert found.trust is Trust.FALLEN_BACK
    assert len(found.reasons) == 2


def test_one_source_may_be_set_aside_for_its_x_rays_alone() -> None:
    ended = [
        *_ended("PACS", calm=60),
        *_xrays("PACS", unread=22, calm=8),
        *_xrays("CR1", calm=30),
    ]
    found = _watched(ended)
    words = "22 of 30 X-rays from PACS could not be read: not counted"
    assert (found.trust, found.distrusted, found.set_aside) == (
        Trust.ORDERED,
        {},
        (SetAside("X-rays from PACS", words),),
    )
    again = observe(ended, SOON, OPTIONS, GUARD, before=["X-rays from PACS"])
    assert again.counts[CT].scored == 60
    assert again.set_aside == found.set_aside


def test_what_is_not_trusted_is_trusted_again_only_when_clearly_better() -> None:
    nearly = observe([*_ended("", calm=60), *_xrays(calm=181, unread=19)], SOON, OPTIONS, GUARD)
    assert watch(nearly, {}, Trust.ORDERED, GUARD).distrusted == {}
    assert watch(nearly, {}, Trust.ORDERED, GUARD, distrusted=[XRAY]).distrusted.keys() == {XRAY}
    assert watch(nearly, {}, Trust.ORDERED, GUARD, distrusted=[CT]).distrusted == {}
