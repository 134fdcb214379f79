"""Fair shares between sites: what the rule promises, tried on made-up days; the promises are written down here anew."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triaged.study.ranking import Lane, RequestPriority
from triaged.study.turns import NextOfSite, Served, Urgency
from triaged.triage.shares import FairShares, fair_shares, urgency_of

SITES = "abcd"
HIGH, ROUTINE = RequestPriority.HIGH, RequestPriority.ROUTINE

shares_of_sites = st.fixed_dictionaries(dict.fromkeys(SITES, st.integers(1, 20)))
a_study = st.builds(
    NextOfSite,
    site=st.sampled_from(SITES),
    lane=st.sampled_from(Lane),
    priority=st.sampled_from(RequestPriority),
    sort_key=st.integers(0, 10**9).map(lambda number: f"{number:010d}"),
)
a_routine_site = st.sampled_from(SITES)
Day = list["NextOfSite | None"]
"""What comes, in order; None is a worker that takes what is next."""
days = st.lists(st.none() | a_study, max_size=80)
days_of_routine = st.lists(st.none() | a_routine_site, max_size=120)


@dataclass
class Queue:
    """Studies that wait, and what is kept of each site: the store in a few lines."""

    rule: FairShares
    waiting: dict[str, list[NextOfSite]] = field(default_factory=dict)
    served: dict[tuple[Urgency, str], Served] = field(default_factory=dict)

    def comes(self, study: NextOfSite) -> None:
        of_site = self.waiting.setdefault(study.site, [])
        of_site.append(study)
        of_site.sort(key=lambda each: (each.lane, each.sort_key))

    def next(self) -> NextOfSite | None:
        turns = self.rule.in_turn([each[0] for each in self.waiting.values() if each], list(self.served.values()))
        if not turns:
            return None
        taken = turns[0]
        self.waiting[taken.site].remove(taken)
        kept = self.rule.after(taken, list(self.served.values()))
        self.served[kept.urgency, kept.site] = kept
        return taken

    def waits(self, site: str) -> bool:
        return bool(self.waiting.get(site))


def routine(site: str, number: int = 0) -> NextOfSite:
    return NextOfSite(site, Lane.ORDERED, ROUTINE, f"{number:010d}")


def flooded(rule: FairShares, *sites: str, each: int = 200) -> Queue:
    queue = Queue(rule)
    for number, site in enumerate(site for site in sites for _ in range(each)):
        queue.comes(routine(site, number))
    return queue


def taken_of(queue: Queue, claims: int) -> str:
    return "".join(taken.site for _ in range(claims) if (taken := queue.next()) is not None)


def test_a_site_that_floods_takes_every_second_turn_beside_one_of_the_same_share() -> None:
    queue = flooded(FairShares({"a": 1, "b": 1}), "a", each=1000)
    assert taken_of(queue, 5) == "aaaaa"
    for number in range(5000, 5004):
        queue.comes(routine("b", number))
    assert taken_of(queue, 8) == "babababa"


def test_shares_of_three_to_one_are_three_turns_to_one() -> None:
    turns = taken_of(flooded(FairShares({"a": 3, "b": 1}), "a", "b"), 40)
    assert Counter(turns) == {"a": 30, "b": 10}
    assert "aaaaa" not in turns


def test_a_site_that_sent_nothing_for_long_has_nothing_saved() -> None:
    queue = flooded(FairShares({"a": 1, "b": 1}), "a")
    queue.comes(routine("b", 999))
    taken_of(queue, 100)
    for number in range(2000, 2050):
        queue.comes(routine("b", number))
    turns = taken_of(queue, 20)
    assert "bbb" not in turns
    assert Counter(turns) == {"a": 10, "b": 10}


def test_a_site_that_nobody_named_and_studies_of_no_site_have_a_share_of_one() -> None:
    rule = FairShares({"a": 2, "b": 1})
    queue = flooded(rule, "a", "gone", "")
    assert Counter(taken.site for _ in range(40) if (taken := queue.next())) == {"a": 20, "gone": 10, "": 10}


@pytest.mark.parametrize("shares", [{}, {"a": 5}])
def test_fewer_than_two_sites_have_no_turns(shares: dict[str, int]) -> None:
    assert fair_shares(shares) is None
    assert fair_shares({"a": 1, "b": 1}) is not None


def test_what_an_order_or_a_reader_says_comes_before_the_site() -> None:
    queue = flooded(FairShares({"a": 1, "b": 100}), "b", each=50)
    assert taken_of(queue, 10) == "b" * 10
    for number, (lane, priority) in enumerate([(Lane.BELOW, HIGH), (Lane.ORDERED, HIGH), (Lane.EMERGENCY, ROUTINE)]):
        queue.comes(NextOfSite("abc"[number], lane, priority, f"{number}"))
    assert taken_of(queue, 3) == "cbb"  # of b a study that is not urgent is before its urgent one, as in its own order
    assert urgency_of(NextOfSite("b", Lane.ORDERED, RequestPriority.STAT, "")) is Urgency.HIGH


@given(days, shares_of_sites)
def test_nobody_idles_while_a_study_waits_and_each_is_taken_once(day: Day, shares: dict[str, int]) -> None:
    queue, came, taken = Queue(FairShares(shares)), [], []
    for event in day:
        if event is None:
            is_waiting = any(map(queue.waits, SITES))
            study = queue.next()
            assert (study is not None) == is_waiting
            taken += [study] if study is not None else []
        else:
            came.append(event)
            queue.comes(event)
    while (study := queue.next()) is not None:
        taken.append(study)
    assert Counter(taken) == Counter(came)


@given(days, shares_of_sites)
def test_each_study_is_the_first_of_its_site_and_none_more_urgent_is_first_of_another(
    day: Day, shares: dict[str, int]
) -> None:
    queue = Queue(FairShares(shares))
    for event in day:
        if event is not None:
            queue.comes(event)
            continue
        firsts = [min(each, key=lambda one: (one.lane, one.sort_key)) for each in queue.waiting.values() if each]
        taken = queue.next()
        if taken is not None:
            assert taken in firsts
            assert urgency_of(taken) == min(map(urgency_of, firsts))


@given(days_of_routine, shares_of_sites)
def test_over_any_time_in_which_two_sites_wait_their_shares_are_met_within_a_study_of_each(
    day: Sequence[str | None], shares: dict[str, int]
) -> None:
    """The bound of start-time fair queueing (Goyal et al., theorem 1), over every interval."""
    queue = Queue(FairShares(shares))
    history: list[tuple[str, frozenset[str]]] = []
    for number, event in enumerate(day):
        if event is not None:
            queue.comes(routine(event, number))
            continue
        waiting = frozenset(filter(queue.waits, SITES))
        taken = queue.next()
        if taken is not None:
            history.append((taken.site, waiting))
    for one, other in [("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")]:
        for begin in range(len(history)):
            got: Counter[str] = Counter()
            for site, waiting in history[begin:]:
                if not {one, other} <= waiting:
                    break
                got[site] += 1
                apart = abs(Fraction(got[one], shares[one]) - Fraction(got[other], shares[other]))
                assert apart <= Fraction(1, shares[one]) + Fraction(1, shares[other]) + Fraction(1, 1000)


@given(days_of_routine, shares_of_sites)
def test_a_site_that_waits_is_served_within_a_number_of_turns_that_its_share_gives(
    day: Sequence[str | None], shares: dict[str, int]
) -> None:
    queue = Queue(FairShares(shares))
    since = dict.fromkeys(SITES, 0)
    for number, event in enumerate([*day, *["a", None, None] * 20]):
        if event is not None:
            queue.comes(routine(event, number))
            continue
        waiting = [site for site in SITES if queue.waits(site)]
        taken = queue.next()
        for site in SITES:
            since[site] = since[site] + 1 if site in waiting and taken is not None and site != taken.site else 0
            assert since[site] <= ceil(sum(shares.values()) / shares[site]) + len(SITES)


@given(st.integers(1, 60), st.integers(1, 60), shares_of_sites)
def test_a_site_that_begins_to_wait_gets_no_more_than_its_share_of_what_follows(
    before: int, after: int, shares: dict[str, int]
) -> None:
    queue = flooded(FairShares(shares), "a")
    taken_of(queue, before)
    for number in range(1000, 1100):
        queue.comes(routine("b", number))
    got = Counter(taken_of(queue, after))
    fair = Fraction(after * shares["b"], shares["a"] + shares["b"])
    assert abs(got["b"] - fair) <= 2


@given(days, shares_of_sites)
def test_the_same_day_gives_the_same_order(day: Day, shares: dict[str, int]) -> None:
    def order() -> list[NextOfSite | None]:
        queue, taken = Queue(FairShares(shares)), []
        for event in day:
            if event is None:
                taken.append(queue.next())
            else:
                queue.comes(event)
        return taken

    assert order() == order()


@given(days_of_routine)
def test_a_worker_that_takes_one_kind_of_study_starves_no_site_of_the_other(day: Sequence[str | None]) -> None:
    """Site a has X-rays alone, c CTs alone, b both: whoever serves c must not make b come before a for ever."""
    rule = FairShares(dict.fromkeys("abc", 1))
    served: dict[str, Served] = {}
    since = 0
    for event in day:
        sites = "bc" if event is None else "ab"
        waiting = [routine(site, {"b": 1, "c": 2, "a": 3}[site]) for site in sites]
        taken = rule.in_turn(waiting, list(served.values()))[0]
        served[taken.site] = rule.after(taken, list(served.values()))
        since = 0 if taken.site == "a" else since + (event is not None)
        assert since <= 2
