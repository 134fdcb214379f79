"""What second engines read beside the first, on both databases: who may, when, and that the study stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.findings import changed
from tests.store.making import (
    Studies,
    admit,
    at,
    claimed,
    commit,
    derived,
    finding,
    instance,
    make_ready,
    ranking,
    study_uid,
)
from triaged.errors import StaleClaim
from triaged.store.couriers.outbox import Outbox
from triaged.store.listing.worklist import Worklist
from triaged.store.studies.inventory import Inventory
from triaged.store.studies.second_results import SecondResults
from triaged.store.studies.seconds import Seconds
from triaged.store.tables.database import Database
from triaged.study.agreement import Agreement, Disagreement
from triaged.study.assessment import Failed, Reason, ReasonCode
from triaged.study.kinds import ObjectKind
from triaged.study.lifecycle import State
from triaged.study.records import DerivedObject
from triaged.study.second import SecondClaim, SecondCount, SecondFailed, SecondOutcome, SecondRead, SecondState

NAMES = ("other", "threshold")
FOUND = SecondRead("other 2", changed(finding(0.3), grade=2), Agreement(-24.0, "left lung", 0.4, (Disagreement.GRADE,)))
AGREES = SecondRead("threshold 1", finding(), Agreement(0.0, "left lung", 0.9))
UNREAD = SecondFailed("other 2", Reason(ReasonCode.NO_LUNGS, "expected lungs, found none"))
PACS = {"pacs": frozenset({ObjectKind.SR})}


class Twice:
    """A store in which scored studies are read by second engines."""

    def __init__(self, database: Database) -> None:
        self.studies, self.seconds, self.results = Studies(database), Seconds(database), SecondResults(database)
        self.worklist, self.outbox, self.inventory = Worklist(database), Outbox(database), Inventory(database)

    def score(self, study: int, *, minutes: float = 0.0, names: tuple[str, ...] = NAMES) -> None:
        make_ready(self.studies, study, minutes=minutes)
        self.score_again(minutes=minutes, names=names)

    def score_again(self, *, minutes: float, names: tuple[str, ...] = NAMES) -> None:
        commit(self.studies, claimed(self.studies, minutes=minutes), minutes=minutes + 1, seconds=names)

    def claim(self, *, minutes: float = 5.0, worker: str = "adviser", lease_s: float = 60) -> SecondClaim:
        claim = self.claim_or_none(minutes=minutes, worker=worker, lease_s=lease_s)
        assert claim is not None
        return claim

    def claim_or_none(
        self, *, minutes: float = 5.0, worker: str = "adviser", lease_s: float = 60, names: tuple[str, ...] = NAMES
    ) -> SecondClaim | None:
        return self.seconds.claim_next(worker, names, lease_s=lease_s, now=at(minutes))

    def states(self, study: int = 1) -> dict[str, SecondState]:
        return {each.name: each.state for each in self.results.of_study(study_uid(study).value)}


@pytest.fixture
def twice(database: Database) -> Twice:
    return Twice(database)


def test_every_second_engine_gets_a_claim_with_the_first_result_beside_it(twice: Twice) -> None:
    twice.score(1)
    claim, other = twice.claim(), twice.claim()
    assert {claim.name, other.name} == set(NAMES)
    assert (claim.study_uid, claim.worker, claim.attempt) == (study_uid(1), "adviser", 1)
    assert (claim.first.finding, claim.first.algorithm, claim.first.segmentation) == (finding(), "ct-test", None)
    assert [each.sop_instance_uid for each in claim.series.instances] == [instance(1, 1).sop_instance_uid]
    assert twice.claim_or_none() is None


def test_nothing_is_claimed_while_a_study_waits_for_its_first_result(twice: Twice) -> None:
    twice.score(1)
    make_ready(twice.studies, 2, minutes=2)
    assert twice.claim_or_none() is None
    assert twice.seconds.is_first_at_work(now=at(5))
    claim = claimed(twice.studies, minutes=3)
    assert twice.seconds.is_first_at_work(now=at(5))
    commit(twice.studies, claim, minutes=4)
    assert not twice.seconds.is_first_at_work(now=at(5))
    assert twice.claim().study_uid == study_uid(1)


def test_a_study_that_may_not_be_claimed_yet_holds_up_no_second_engine(twice: Twice) -> None:
    twice.score(1)
    make_ready(twice.studies, 2, minutes=2)
    twice.studies.retry_later(claimed(twice.studies, minutes=3), not_before=at(60), why="disk away", now=at(3))
    assert twice.claim(minutes=5).study_uid == study_uid(1)
    assert twice.claim_or_none(minutes=60) is None


def test_the_most_urgent_study_is_read_again_first_and_one_that_people_are_done_with_last(twice: Twice) -> None:
    for study, minutes in ((1, 300.0), (2, 600.0), (3, 0.0)):  # the class is the same, the arrival decides
        twice.score(study, minutes=minutes, names=("other",))
    order = [twice.claim(minutes=700).study_uid for _ in range(3)]
    assert order == [study_uid(number) for number in (3, 1, 2)]


def test_an_engine_that_the_settings_do_not_name_is_not_run_and_what_waits_for_it_is_dropped(twice: Twice) -> None:
    twice.score(1)
    assert twice.claim_or_none(names=()) is None
    claim = twice.claim_or_none(names=("threshold",))
    assert claim is not None
    assert claim.name == "threshold"
    assert twice.seconds.drop_unnamed(("threshold",)) == 1
    assert twice.seconds.drop_unnamed(("threshold",)) == 0
    assert twice.states() == {"other": SecondState.DROPPED, "threshold": SecondState.RUNNING}


def test_what_was_found_is_kept_beside_the_first_result_and_the_study_stays_as_it_is(twice: Twice) -> None:
    twice.score(1)
    before = twice.worklist.entries()[0]
    claim, other = twice.claim(), twice.claim()
    twice.seconds.commit(claim, FOUND, destinations={}, configuration="ab" * 32, now=at(6))
    twice.seconds.commit(other, AGREES, destinations={}, now=at(7))
    first, second = twice.results.of_study(study_uid(1).value)
    assert (first.name, first.state, first.outcome, first.at) == ("other", SecondState.READ, FOUND, at(6))
    assert (first.configuration, second.configuration) == ("ab" * 32, "")
    assert second.outcome == AGREES
    after = twice.worklist.entries()[0]
    assert (before.engines_disagree, after.engines_disagree) == (None, True)
    assert replace(after, engines_disagree=None) == before
    events = [(each.event, each.detail) for each in twice.studies.events(study_uid(1).value)][-2:]
    assert events == [("SECOND_READ", "other 2: disagrees (other-grade)"), ("SECOND_READ", "threshold 1: agrees")]


def test_a_second_result_changes_the_list_s_version_so_that_open_pages_show_it(twice: Twice) -> None:
    twice.score(1)
    before = twice.worklist.version()
    twice.seconds.commit(twice.claim(), FOUND, destinations={}, now=at(6))
    assert twice.worklist.version() != before


def test_engines_that_agree_flag_nothing(twice: Twice) -> None:
    twice.score(1, names=("threshold",))
    twice.seconds.commit(twice.claim(), AGREES, destinations={}, now=at(6))
    entry = twice.worklist.entry(study_uid(1).value)
    assert entry is not None
    assert entry.engines_disagree is False


def test_one_that_fails_is_shown_with_its_reason_and_changes_nothing_of_the_first(twice: Twice) -> None:
    twice.score(1, names=("other",))
    before = twice.worklist.entries()
    twice.seconds.commit(twice.claim(), UNREAD, destinations={}, now=at(6))
    (record,) = twice.results.of_study(study_uid(1).value)
    assert (record.state, record.outcome) == (SecondState.FAILED, UNREAD)
    assert twice.worklist.entries() == before
    assert twice.claim_or_none() is None


def test_a_late_slice_makes_the_claim_stale_and_a_new_result_drops_it(twice: Twice) -> None:
    twice.score(1, names=("other",))
    claim = twice.claim()
    admit(twice.studies, instance(1, 2), minutes=6)
    writes: list[Callable[[], None]] = [
        lambda: twice.seconds.extend(claim, lease_s=60, now=at(6)),
        lambda: twice.seconds.retry_later(claim, not_before=at(7), now=at(6)),
        lambda: twice.seconds.strike(claim, not_before=at(7), why="bug", now=at(6)),
        lambda: twice.seconds.commit(claim, FOUND, destinations={}, now=at(6)),
    ]
    for write in writes:
        with pytest.raises(StaleClaim):
            write()
    assert twice.seconds.reap(now=at(10)) == 1
    assert twice.claim_or_none(minutes=10) is None  # the study is open again: nothing to stand beside
    twice.studies.complete(study_uid(1), 2, ranking=ranking(10, study_uid(1)), cause="whole", now=at(10))
    twice.score_again(minutes=10, names=("other",))
    again = twice.claim(minutes=12)
    assert (again.second_id != claim.second_id, again.attempt) == (True, 1)
    assert len(again.series.instances) == 2
    twice.seconds.commit(again, FOUND, destinations={}, now=at(13))
    assert twice.states() == {"other": SecondState.READ}


def test_a_requeue_between_first_and_second_drops_the_second(twice: Twice) -> None:
    twice.score(1, names=("other",))
    claim = twice.claim()
    twice.studies.requeue(study_uid(1).value, ranking=ranking(6, study_uid(1)), now=at(6))
    with pytest.raises(StaleClaim, match="READY"):
        twice.seconds.commit(claim, FOUND, destinations={}, now=at(6))
    twice.score_again(minutes=7, names=())
    assert twice.states() == {}
    assert twice.claim_or_none(minutes=20) is None


def test_a_study_without_a_score_is_read_by_no_second_engine(twice: Twice) -> None:
    make_ready(twice.studies, 1)
    commit(twice.studies, claimed(twice.studies), seconds=NAMES, assessment=Failed(UNREAD.reason))
    assert twice.worklist.entries()[0].state is State.FAILED
    assert twice.states() == {}


def test_a_lease_that_ran_out_lets_another_read_and_the_first_comes_back_too_late(twice: Twice) -> None:
    twice.score(1, names=("other",))
    slow = twice.claim(worker="slow", lease_s=60)
    assert twice.seconds.reap(now=at(5.9)) == 0
    assert twice.seconds.reap(now=at(6.1)) == 1
    fast = twice.claim(worker="fast", minutes=7)
    with pytest.raises(StaleClaim):
        twice.seconds.commit(slow, FOUND, destinations={}, now=at(8))
    assert fast.attempt == 2
    twice.seconds.commit(fast, AGREES, destinations={}, now=at(8))


def test_an_extended_lease_does_not_run_out(twice: Twice) -> None:
    twice.score(1, names=("other",))
    claim = twice.claim(lease_s=60)
    twice.seconds.extend(claim, lease_s=600, now=at(5.5))
    assert twice.seconds.reap(now=at(10)) == 0


def test_an_adviser_that_starts_takes_back_what_one_of_its_name_had(twice: Twice) -> None:
    twice.score(1)
    twice.claim(worker="a")
    twice.claim(worker="b")
    assert (twice.seconds.release("a"), twice.seconds.release("a")) == (1, 0)
    assert twice.claim(worker="a").attempt == 2


def test_what_counts_against_a_reading_is_kept_with_its_cause_and_it_waits(twice: Twice) -> None:
    twice.score(1, names=("other",))
    twice.seconds.strike(twice.claim(), not_before=at(9), why="ValueError in a.py, line 7", now=at(6))
    assert twice.claim_or_none(minutes=8.9) is None
    again = twice.claim(minutes=9)
    assert [(each.attempt, each.cause) for each in again.strikes] == [(1, "ValueError in a.py, line 7")]
    twice.seconds.retry_later(again, not_before=at(10), now=at(9))
    assert twice.claim(minutes=10).strikes == again.strikes
    (record,) = twice.results.of_study(study_uid(1).value)
    assert (record.state, record.attempts, record.strikes) == (SecondState.RUNNING, 3, again.strikes)


def _report(claim: SecondClaim) -> DerivedObject:
    return DerivedObject("2.25.77", "1.2.840.10008.5.1.4.1.1.88.34", "1.2.840.10008.1.2.1", ObjectKind.SR, "a/b", "ab")


def test_its_report_goes_to_those_who_want_reports_and_takes_nothing_of_the_first_back(twice: Twice) -> None:
    make_ready(twice.studies, 1)
    first = claimed(twice.studies)
    own = derived(first, ObjectKind.SR)
    commit(twice.studies, first, objects=(own,), destinations=PACS, seconds=("other",))
    claim = twice.claim()
    twice.seconds.commit(claim, FOUND, reports=(_report(claim),), destinations=PACS, now=at(6))
    uid = study_uid(1).value
    assert [each.sop_instance_uid for each in twice.outbox.deliveries(uid)] == [own.sop_instance_uid, "2.25.77"]
    assert {each.state.value for each in twice.outbox.deliveries(uid)} == {"PENDING"}
    assert twice.studies.derived(uid) == [own]  # what pages show and later results supersede is the first one's
    published = twice.studies.publication(uid)
    assert published is not None
    assert published.reports == (own,)
    assert "a/b" in twice.inventory.of_study(uid)


def test_a_superseded_result_takes_the_unsent_report_of_the_second_engine_with_it(twice: Twice) -> None:
    twice.score(1, names=("other",))
    claim = twice.claim()
    twice.seconds.commit(claim, FOUND, reports=(_report(claim),), destinations=PACS, now=at(6))
    admit(twice.studies, instance(1, 2), minutes=7)
    twice.studies.complete(study_uid(1), 2, ranking=ranking(7, study_uid(1)), cause="whole", now=at(7))
    twice.score_again(minutes=8, names=())
    (delivery,) = twice.outbox.deliveries(study_uid(1).value)
    assert delivery.state.value == "WITHDRAWN"


def test_a_file_that_a_second_engine_may_be_about_to_refer_to_is_not_taken_for_left_over(twice: Twice) -> None:
    twice.score(1, names=("other",))
    uid = study_uid(1).value
    with twice.inventory.unused(uid, "a/b") as unused:
        assert unused
    claim = twice.claim()
    with twice.inventory.unused(uid, "a/b") as unused:
        assert not unused
    twice.seconds.commit(claim, FOUND, reports=(_report(claim),), destinations=PACS, now=at(6))
    with twice.inventory.unused(uid, "a/b") as unused:
        assert not unused
    with twice.inventory.unused(uid, "a/c") as unused:
        assert unused


def test_engines_are_counted_by_version_and_device(twice: Twice) -> None:
    for study in (1, 2, 3):
        twice.score(study, minutes=study)
    outcomes: dict[str, list[SecondOutcome]] = {"other": [FOUND, AGREES, UNREAD], "threshold": [AGREES] * 3}
    while (claim := twice.claim_or_none(minutes=30)) is not None:
        outcome = outcomes[claim.name].pop()
        twice.seconds.commit(claim, outcome, destinations={}, now=at(31))
    assert twice.results.counts() == [
        SecondCount("other 2", "", read=1, disagreed=1, failed=1),
        SecondCount("threshold 1", "", read=4, disagreed=0, failed=0),
    ]
