"""The order is given up when it cannot be trusted, with the reasons, and taken up again only when all is well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.triage.cases import NOON, scored, uid, unread
from triaged.study.assessment import ReasonCode, SourcedAssessment
from triaged.study.ranking import RequestPriority
from triaged.triage.guard import Guarded, GuardOptions, Observed, SetAside, Trust, observe, under_guard, watch
from triaged.triage.ordering import place
from triaged.triage.scheme import Discipline, Scheme, TriageOptions

GUARD = GuardOptions()
SOON = timedelta(minutes=1)
FINE = Observed(scored=200, put_forward=56, failed=0, lag=SOON)


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
    observed = replace(FINE, **changed)  # type: ignore[arg-type]
    found = watch(observed, 0.28, Trust.ORDERED, GUARD)
    assert found.trust is trust
    assert bool(found.reasons) is (trust is Trust.FALLEN_BACK)


def test_the_banner_says_everything_that_is_wrong() -> None:
    worst = Observed(scored=150, put_forward=6, failed=50, lag=timedelta(minutes=40))
    assert watch(worst, 0.28, Trust.ORDERED, GUARD).reasons == (
        "4 % of the last 150 scored studies are flagged, usually 28 %",
        "50 of the last 200 studies could not be read (25 %; at most 10 %)",
        "the oldest study without a result has waited 40 minutes (at most 15)",
    )


def test_an_unknown_reference_judges_no_share() -> None:
    assert watch(replace(FINE, put_forward=0), None, Trust.ORDERED, GUARD).trust is Trust.ORDERED


@pytest.mark.parametrize(
    "nearly", [{"put_forward": 100}, {"put_forward": 32}, {"lag": timedelta(minutes=13)}, {"scored": 182, "failed": 18}]
)
def test_the_order_is_not_taken_up_again_until_it_is_clearly_better(nearly: dict[str, int]) -> None:
    observed = replace(FINE, **nearly)  # type: ignore[arg-type]
    assert watch(observed, 0.28, Trust.ORDERED, GUARD).trust is Trust.ORDERED
    assert watch(observed, 0.28, Trust.FALLEN_BACK, GUARD).trust is Trust.FALLEN_BACK
    assert watch(FINE, 0.28, Trust.FALLEN_BACK, GUARD).trust is Trust.ORDERED


@given(
    st.builds(Observed, st.integers(0, 200), st.integers(0, 200), st.integers(0, 200), st.just(SOON)).filter(
        lambda each: each.put_forward <= each.scored
    ),
    st.none() | st.floats(0.01, 1),
)
def test_what_gives_the_order_up_never_takes_it_up_again(observed: Observed, reference: float | None) -> None:
    if watch(observed, reference, Trust.ORDERED, GUARD).trust is Trust.FALLEN_BACK:
        assert watch(observed, reference, Trust.FALLEN_BACK, GUARD).trust is Trust.FALLEN_BACK


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
    assert observed == Observed(scored=3, put_forward=2, failed=1, lag=SOON)


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
    return watch(observe(ended, SOON, OPTIONS, GUARD, reference=reference, before=aside), reference, trust, GUARD)


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
