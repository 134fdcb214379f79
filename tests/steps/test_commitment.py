"""Storage commitment between the store and a wire that is none; on a real one it stands in `tests/wire`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.store.making import CT_IMAGE_STORAGE, Studies, admit, at, claimed, commit, derived, instance, make_ready
from triaged.spool.files import Spool
from triaged.steps.commitment import CommitmentOptions, CommitmentService, Committer, Reporter
from triaged.steps.errand import DeliveryOptions
from triaged.steps.ports import Peer, Refused, SendOutcome, Sent, Unreachable
from triaged.store.couriers.answers import Answers
from triaged.store.couriers.commitments import Commitments
from triaged.store.couriers.outbox import Outbox
from triaged.store.tables.database import Database
from triaged.store.tables.views import Delivery
from triaged.study.commitment import CommitmentReport, CommitmentRequest, NotCommitted, Reference
from triaged.study.kinds import KINDS, ObjectKind
from triaged.study.records import DeliveryState, Instance

MR_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.4"
PACS = Peer("pacs", "PACS", "127.0.0.1", 104)
CT1 = Peer("CT1", "CT1", "127.0.0.1", 105)
OPTIONS = CommitmentOptions()


@dataclass
class FakeWire:
    """Answers as it is told, and keeps what was said to it."""

    answer: Callable[[CommitmentRequest], CommitmentReport | SendOutcome] = lambda _: Sent()
    takes_report: SendOutcome = field(default_factory=Sent)
    asked: list[CommitmentRequest] = field(default_factory=list)
    reported: list[tuple[str, CommitmentReport]] = field(default_factory=list)

    def request_commitment(
        self, request: CommitmentRequest, peer: Peer, *, wait_s: float
    ) -> CommitmentReport | SendOutcome:
        """Take a question."""
        del peer, wait_s
        self.asked.append(request)
        return self.answer(request)

    def report_commitment(self, report: CommitmentReport, peer: Peer) -> SendOutcome:
        """Take an answer, or not."""
        if isinstance(self.takes_report, Sent):
            self.reported.append((peer.ae_title, report))
        return self.takes_report


class Office:
    """A store with one scored study whose objects a courier can send, and both sides of storage commitment."""

    def __init__(self, database: Database, spool: Spool) -> None:
        self.now = at(10)
        self.wire = FakeWire()
        self.spool = spool
        self.studies, self.outbox = Studies(database), Outbox(database)
        self.commitments, answers = Commitments(database), Answers(database)
        self.committer = Committer(self.commitments, self.wire, peer=PACS, options=OPTIONS)
        self.known = {"CT1": CT1}
        self.service = CommitmentService(
            self.commitments, answers, spool, find_peer=lambda title: self.known.get(title), options=OPTIONS
        )
        self.reporter = Reporter(
            answers,
            self.wire,
            find_peer=lambda title: self.known.get(title),
            options=DeliveryOptions(max_attempts=3),
            courier="courier",
        )

    def clock(self) -> datetime:
        """Return the time that the test has set."""
        return self.now

    def later(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    def score(self, study: int = 1) -> None:
        """Publish two objects of a study, for the PACS."""
        make_ready(self.studies, study)
        claim = claimed(self.studies)
        objects = (derived(claim, ObjectKind.SR), derived(claim, ObjectKind.SEG))
        commit(self.studies, claim, objects=objects, destinations={"pacs": frozenset(KINDS.values())})

    def send(self, number: int = 2) -> None:
        """Send so many objects."""
        for _ in range(number):
            item = self.outbox.claim_due("courier", lease_s=60, now=self.now)
            assert item is not None
            self.outbox.sent(item, now=self.now)

    def ask(self) -> bool:
        """Let the committer ask what there is to ask."""
        return self.committer.request_next(clock=self.clock)

    def deliveries(self, study: int = 1) -> list[Delivery]:
        """Return the deliveries of a study."""
        return self.outbox.deliveries(f"1.2.826.0.1.{study}")

    def receive(self, number: int = 1) -> Instance:
        """Keep an instance that a sender stored: a file, and its row."""
        slice_ = instance(5, number)
        with self.spool.part(slice_.study_uid, slice_.series_uid, slice_.sop_instance_uid) as part:
            part.write_meta(b"\0" * 128 + b"DICM" + b"\2\0\0\0UL\4\0" + (10).to_bytes(4, "little") + b"\0" * 10)
            part.write(b"\0\1" * 500)
            kept = part.commit()
        received = Instance(
            slice_.study_uid,
            slice_.series_uid,
            slice_.sop_instance_uid,
            slice_.transfer_syntax_uid,
            kept.path,
            kept.sha256,
            kept.size_bytes,
            slice_.received_at,
            slice_.image,
        )
        admit(self.studies, received)
        return received

    def judge(self, *references: Reference, by: str = "OTHER") -> CommitmentReport:
        """Have a sender ask, and return what it is told on its own association."""
        report = self.service.requested(CommitmentRequest("1.2.9", references), by, now=self.now)
        assert report is not None
        return report


@pytest.fixture
def office(database: Database, tmp_path: Path) -> Office:
    return Office(database, Spool(tmp_path / "spool", reserve_mb=0))


def _all(request: CommitmentRequest) -> CommitmentReport:
    return CommitmentReport(request.transaction_uid, request.references)


def _none(request: CommitmentRequest) -> CommitmentReport:
    failed = tuple(NotCommitted(reference, 0x0110) for reference in request.references)
    return CommitmentReport(request.transaction_uid, (), failed)


def _reference(received: Instance, sop_class_uid: str = CT_IMAGE_STORAGE) -> Reference:
    return Reference(sop_class_uid, received.sop_instance_uid.value)


def test_all_objects_of_a_study_are_asked_for_in_one_transaction_and_only_once(office: Office) -> None:
    office.score()
    office.send()
    assert office.ask() is True
    assert office.ask() is False
    (request,) = office.wire.asked
    assert {each.sop_instance_uid for each in request.references} == {
        each.sop_instance_uid for each in office.deliveries()
    }


def test_an_answer_on_the_same_association_is_kept_at_once(office: Office) -> None:
    office.wire.answer = _all
    office.score()
    office.send()
    office.ask()
    assert [each.committed_at for each in office.deliveries()] == [office.now, office.now]
    office.later(10_000)
    assert office.ask() is False


def test_an_answer_that_comes_later_is_kept_too(office: Office) -> None:
    office.score()
    office.send()
    office.ask()
    assert {each.committed_at for each in office.deliveries()} == {None}
    office.service.reported(_all(office.wire.asked[0]), now=office.now)
    assert {each.committed_at for each in office.deliveries()} == {office.now}


def test_an_answer_to_what_nobody_asked_changes_nothing(office: Office) -> None:
    office.score()
    office.send()
    before = office.deliveries()
    strange = CommitmentReport("1.2.3.4", tuple(Reference("1.2", each.sop_instance_uid) for each in before))
    office.service.reported(strange, now=office.now)
    assert office.deliveries() == before


def test_without_an_answer_it_is_asked_again_under_another_transaction(office: Office) -> None:
    office.score()
    office.send()
    office.ask()
    office.later(OPTIONS.ask_again_s - 1)
    assert office.ask() is False
    office.later(2)
    assert office.ask() is True
    first, second = office.wire.asked
    assert first.references == second.references
    assert first.transaction_uid != second.transaction_uid


def test_what_is_not_kept_is_sent_again_and_its_delivery_says_why(office: Office) -> None:
    office.wire.answer = _none
    office.score()
    office.send()
    office.ask()
    assert {each.state for each in office.deliveries()} == {DeliveryState.PENDING}
    assert all("processing failure (0110H)" in (each.error or "") for each in office.deliveries())


def test_a_pacs_that_keeps_nothing_is_sent_the_object_later_each_time_and_then_no_more(office: Office) -> None:
    office.wire.answer = _none
    office.score()
    sent_in_minute = []
    for minute in range(100):
        while item := office.outbox.claim_due("courier", lease_s=60, now=office.now):
            office.outbox.sent(item, now=office.now)
            sent_in_minute.append(minute)
        office.ask()
        office.later(60)
    assert sent_in_minute[::2] == sent_in_minute[1::2] == [0, 1, 3, 6, 10, 15, 21, 28, 36, 45]
    assert {each.state for each in office.deliveries()} == {DeliveryState.DEAD}


def test_a_pacs_that_cannot_be_asked_is_left_alone_for_a_while(office: Office) -> None:
    office.wire.answer = lambda _: Unreachable("connection refused")
    for study in (1, 2):
        office.score(study)
        office.send()
    assert office.ask() is True
    assert office.ask() is False
    office.later(OPTIONS.ask_again_s + 1)
    office.wire.answer = _all
    assert office.ask() is True
    assert office.ask() is True
    assert all(each.committed_at for study in (1, 2) for each in office.deliveries(study))


def test_an_instance_is_committed_when_its_row_and_its_whole_file_are_there(office: Office) -> None:
    received = office.receive()
    assert office.judge(_reference(received)) == CommitmentReport("1.2.9", (_reference(received),))


@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_an_instance_whose_file_is_not_whole_is_not_claimed_to_be_kept(office: Office, damage: str) -> None:
    received = office.receive()
    path = office.spool.absolute(received.path)
    path.unlink() if damage == "gone" else path.write_bytes(path.read_bytes()[:-1])
    assert office.judge(_reference(received)).failed == (NotCommitted(_reference(received), 0x0112),)


def test_an_unknown_instance_and_one_of_another_class_are_told_apart(office: Office) -> None:
    """The codes are those of PS3.3 C.14.1.1."""
    wrong_class = _reference(office.receive(), MR_IMAGE_STORAGE)
    unknown = Reference(CT_IMAGE_STORAGE, "1.2.3")
    assert office.judge(wrong_class, unknown).failed == (
        NotCommitted(wrong_class, 0x0119),
        NotCommitted(unknown, 0x0112),
    )


def test_a_sender_with_an_address_gets_its_answer_on_an_association_of_ours_once(office: Office) -> None:
    request = CommitmentRequest("1.2.9", (_reference(office.receive()),))
    for _ in range(2):
        assert office.service.requested(request, "CT1", now=office.now) is None
    while office.reporter.run_next(clock=office.clock):
        pass
    assert office.wire.reported == [("CT1", _all(request))]


def test_a_sender_that_is_away_is_told_later_and_at_last_given_up(office: Office) -> None:
    request = CommitmentRequest("1.2.9", (_reference(office.receive()),))
    office.service.requested(request, "CT1", now=office.now)
    office.wire.takes_report = Unreachable("connection refused")
    tried = 0
    for _ in range(30):
        tried += office.reporter.run_next(clock=office.clock)
        office.later(5)
    assert tried == 3


def test_a_sender_that_comes_back_gets_its_answer(office: Office) -> None:
    request = CommitmentRequest("1.2.9", (_reference(office.receive()),))
    office.service.requested(request, "CT1", now=office.now)
    office.wire.takes_report = Unreachable("connection refused")
    office.reporter.run_next(clock=office.clock)
    office.wire.takes_report = Sent()
    office.later(5)
    assert office.reporter.run_next(clock=office.clock) is True
    assert [title for title, _ in office.wire.reported] == ["CT1"]


@pytest.mark.parametrize("why", ["refused", "forgotten"])
def test_an_answer_that_nobody_will_take_is_given_up_at_once(office: Office, why: str) -> None:
    office.service.requested(CommitmentRequest("1.2.9", (_reference(office.receive()),)), "CT1", now=office.now)
    if why == "forgotten":
        office.known = {}
    office.wire.takes_report = Refused("not accepted", final=True)
    assert office.reporter.run_next(clock=office.clock) is True
    office.later(100_000)
    assert office.reporter.run_next(clock=office.clock) is False
