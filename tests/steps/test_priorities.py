"""Looking up the urgency of orders between the store and a wire that is none; real peers are in `tests/wire`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
import structlog

from tests.findings import urgency_of
from tests.store.making import PATIENT, Studies, admit, at, claimed, commit, finding, instance, study_uid
from triaged.steps.ports import ImagingRequest, Peer, Unreachable
from triaged.steps.priorities import LookUpOptions, RequestPriorityLookUp
from triaged.steps.ranking_policy import ranking_policy
from triaged.store.listing.priorities import Priorities
from triaged.store.listing.rankings import Rankings
from triaged.store.listing.worklist import Worklist
from triaged.store.tables.database import Database
from triaged.study.lifecycle import State
from triaged.study.ranking import RequestPriority, TriageClass
from triaged.triage.scheme import Scheme, TriageOptions

RIS = Peer("order priority", "RIS", "127.0.0.1", 104)
PLACING = ranking_policy(TriageOptions(scheme=Scheme.COMBINED))


@dataclass
class FakeRis:
    """Answers by accession number, and keeps what it was asked."""

    known: dict[str, RequestPriority] = field(default_factory=dict)
    away: bool = False
    asked: list[ImagingRequest] = field(default_factory=list)

    def ask(self, order: ImagingRequest, peer: Peer) -> RequestPriority | Unreachable | None:
        """Answer, or not."""
        assert peer is RIS
        self.asked.append(order)
        return Unreachable("no connection") if self.away else self.known.get(order.accession_number)


class Clinic:
    """A store, and the look-up of orders."""

    def __init__(self, database: Database) -> None:
        self.now = at(10)
        self.ris = FakeRis()
        self.studies, self.worklist = Studies(database), Worklist(database)
        options = LookUpOptions("mwl", retry_s=30, look_back_s=3600)
        ledgers = Priorities(database), Rankings(database)
        self.look_up = RequestPriorityLookUp(*ledgers, self.ris, peer=RIS, ranking_policy=PLACING, options=options)

    def clock(self) -> datetime:
        """Return the time that the test has set."""
        return self.now

    def arrive(self, number: int, *, minutes: float, priority: RequestPriority = RequestPriority.UNKNOWN) -> None:
        """Let one slice of a study arrive."""
        patient = replace(PATIENT, accession_number=f"A-{number}")
        admit(self.studies, instance(number, 1), minutes=minutes, priority=priority, patient=patient)

    def complete(self, number: int, *, minutes: float) -> None:
        """Make a study ready."""
        self.studies.complete(study_uid(number), 1, ranking=PLACING, cause="whole", now=at(minutes))

    def ask(self) -> int:
        """Ask until there is nothing to ask; return about how many studies."""
        answered = 0
        while self.look_up.ask_next(clock=self.clock):
            answered += 1
        return answered

    def listed(self) -> list[int]:
        """Return the numbers of the studies from the top of the list."""
        return [int(entry.study_instance_uid.rpartition(".")[2]) for entry in self.worklist.entries()]

    def events(self, number: int) -> list[tuple[str, str]]:
        """Return what the history of a study says of its order."""
        events = self.studies.events(study_uid(number).value)
        return [(event.event, event.detail) for event in events if "PRIORITY" in event.event]


@pytest.fixture
def clinic(database: Database) -> Clinic:
    return Clinic(database)


def ready(clinic: Clinic, *numbers: int) -> None:
    for number in numbers:
        clinic.arrive(number, minutes=number)
        clinic.complete(number, minutes=number)


def test_an_urgent_order_moves_its_study_and_the_history_says_why(clinic: Clinic) -> None:
    ready(clinic, 1, 2)
    assert clinic.listed() == [1, 2]
    clinic.ris.known = {"A-2": RequestPriority.STAT}
    assert clinic.ask() == 2
    assert clinic.listed() == [2, 1]
    assert clinic.worklist.entries()[0].triage_class is TriageClass.EMERGENCY
    assert clinic.events(2) == [("ORDER_PRIORITY", "STAT: mwl"), ("PRIORITY_ASKED", "mwl: STAT")]
    assert clinic.events(1) == [("PRIORITY_ASKED", "mwl: nothing")]
    assert clinic.studies.moves(study_uid(2).value)[-1].after == 1


def test_a_study_is_asked_about_once_when_it_is_complete(clinic: Clinic) -> None:
    clinic.arrive(1, minutes=1)
    assert clinic.ask() == 0
    clinic.complete(1, minutes=2)
    assert clinic.ask() == 1
    clinic.now = at(11)
    assert clinic.ask() == 0
    assert clinic.ris.asked == [ImagingRequest("A-1", study_uid(1).value)]


def test_the_more_urgent_of_header_and_list_counts(clinic: Clinic) -> None:
    clinic.arrive(1, minutes=1, priority=RequestPriority.HIGH)
    clinic.complete(1, minutes=1)
    clinic.ris.known = {"A-1": RequestPriority.LOW}
    assert clinic.ask() == 1
    assert clinic.studies.ranking_input(study_uid(1).value, now=at(0)).order_priority is RequestPriority.HIGH
    assert clinic.events(1) == [("PRIORITY_ASKED", "mwl: LOW")]


def test_a_scored_study_keeps_its_result_and_gets_its_new_place(clinic: Clinic) -> None:
    ready(clinic, 1, 2)
    claim = claimed(clinic.studies, minutes=3)
    commit(clinic.studies, claim, minutes=4)
    clinic.ris.known = {"A-1": RequestPriority.STAT}
    clinic.ask()
    entry = clinic.worklist.entry(study_uid(1).value)
    assert entry is not None
    assert (entry.state, urgency_of(entry)) == (State.TRIAGED, finding().urgency)
    assert (entry.position, entry.triage_class) == (1, TriageClass.EMERGENCY)


def test_a_list_that_is_away_changes_nothing_and_is_asked_again_later(clinic: Clinic) -> None:
    ready(clinic, 1, 2)
    clinic.ris.away = True
    with structlog.testing.capture_logs() as logs:
        assert clinic.ask() == 0
        clinic.now += timedelta(seconds=29)
        assert clinic.ask() == 0
    assert len(clinic.ris.asked) == 1, "a list that is away is not asked about every study"
    assert [line["event"] for line in logs] == ["urgency of an order not known, will ask again"]
    assert "A-" not in str(logs)
    assert clinic.events(1) == []
    clinic.ris.away, clinic.ris.known = False, {"A-1": RequestPriority.HIGH}
    clinic.now += timedelta(seconds=2)
    assert clinic.ask() == 2
    assert clinic.events(1)[0] == ("ORDER_PRIORITY", "HIGH: mwl")


def test_the_last_study_is_asked_about_first_and_old_ones_never(clinic: Clinic) -> None:
    ready(clinic, 1, 2, 3)
    clinic.now = at(62.5)
    clinic.ask()
    assert [order.accession_number for order in clinic.ris.asked] == ["A-3"]
    clinic.now = at(61.5)
    clinic.ask()
    assert [order.accession_number for order in clinic.ris.asked] == ["A-3", "A-2"]
