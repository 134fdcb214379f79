"""Storage commitment in both roles, with pynetdicom, Orthanc and a plain socket at the other end."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pydicom
import pytest
import structlog
from pydicom import Dataset
from pynetdicom import AE, build_role, dsutils, evt
from pynetdicom.association import Association
from pynetdicom.dimse_messages import N_ACTION_RQ, N_EVENT_REPORT_RSP, DIMSEMessage
from pynetdicom.dimse_primitives import N_ACTION, N_EVENT_REPORT
from pynetdicom.pdu import A_RELEASE_RQ, P_DATA_TF

from tests.wire.peers import (
    CT_IMAGE,
    EXPLICIT,
    IMPLICIT,
    FakeCommitments,
    Orthanc,
    Ours,
    RawPeer,
    a_slice,
    eventually,
    orthanc,
    p_data,
    receiver_process,
    receiving,
)
from tests.wire.test_send import an_object
from triaged.dimse.commitment import MOST_REFERENCES, report_dataset, request_dataset
from triaged.dimse.scu import DimseSender
from triaged.errors import TryLater
from triaged.steps.ports import Peer, Refused, Sent, Unreachable
from triaged.study.commitment import (
    STORAGE_COMMITMENT_INSTANCE,
    STORAGE_COMMITMENT_PUSH_MODEL,
    CommitmentReport,
    CommitmentRequest,
    FailureReason,
    NotCommitted,
    Reference,
)

PUSH_MODEL, INSTANCE = STORAGE_COMMITMENT_PUSH_MODEL, STORAGE_COMMITMENT_INSTANCE
BIG_ENDIAN = "1.2.840.10008.1.2.2"
KEPT, UNKNOWN = Reference(CT_IMAGE, "1.2.3.4.1"), Reference(CT_IMAGE, "1.2.3.4.9")
QUESTION = CommitmentRequest("1.2.3.77", (KEPT, UNKNOWN))
MIXED = CommitmentReport("1.2.3.77", (KEPT,), (NotCommitted(UNKNOWN, FailureReason.NO_SUCH_INSTANCE),))


@pytest.fixture(scope="module")
def sender() -> DimseSender:
    return DimseSender("TRIAGED", timeout_s=10.0, connect_timeout_s=5.0)


@pytest.fixture
def commitments() -> FakeCommitments:
    return FakeCommitments(lambda: {KEPT.sop_instance_uid})


@pytest.fixture
def ours(tmp_path: Path, sqlite_url: str, commitments: FakeCommitments) -> Iterator[Ours]:
    with receiving(tmp_path, sqlite_url, commitments=commitments) as running:
        yield running


@pytest.fixture(scope="module")
def pacs(
    tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path
) -> Iterator[tuple[Ours, Orthanc, FakeCommitments]]:
    """Our receiver and an Orthanc that know each other; whoever uses them tells the service how to answer."""
    folder = tmp_path_factory.mktemp("pacs")
    shutil.copyfile(migrated_sqlite, folder / "triaged.db")
    commitments = FakeCommitments()
    with (
        receiving(folder, f"sqlite:///{folder / 'triaged.db'}", commitments=commitments) as ours,
        orthanc(folder / "orthanc", ours.port) as there,
    ):
        yield ours, there, commitments


class Scu:
    """What pynetdicom keeps of the reports that it gets on associations that it opened."""

    def __init__(self) -> None:
        self.reports: list[tuple[int | None, Dataset]] = []

    @contextmanager
    def association(self, port: int, *syntaxes: str, role: tuple[bool, bool] | None = None) -> Iterator[Association]:
        ae = AE("SCANNER")
        ae.add_requested_context(PUSH_MODEL, list(syntaxes or (IMPLICIT,)))
        ae.add_requested_context(CT_IMAGE, [EXPLICIT])
        ae.add_requested_context("1.2.840.10008.1.1", [IMPLICIT])
        association = ae.associate(
            "127.0.0.1",
            port,
            ae_title="TRIAGED",
            ext_neg=[build_role(PUSH_MODEL, *each) for each in [role] if each is not None],
            evt_handlers=[(evt.EVT_N_EVENT_REPORT, self._keep)],
        )
        assert association.is_established
        try:
            yield association
        finally:
            association.release()

    def _keep(self, event: evt.Event) -> tuple[int, None]:
        self.reports.append((event.event_type, event.event_information))
        return 0x0000, None


def ask(association: Association, question: Dataset | None = None, *, action: int = 1, instance: str = INSTANCE) -> int:
    """Send an N-ACTION request and return the status."""
    dataset = request_dataset(QUESTION) if question is None else question
    status, _ = association.send_n_action(dataset, action, PUSH_MODEL, instance)
    return int(status.Status)


def references(dataset: Dataset, keyword: str) -> list[tuple[str, str]]:
    return [(item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID) for item in dataset.get(keyword, [])]


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN])
def test_a_sender_that_asks_is_answered_on_its_association(tmp_path: Path, sqlite_url: str, syntax: str) -> None:
    scu = Scu()
    with receiver_process(tmp_path, sqlite_url) as (ours, _), scu.association(ours.port, syntax) as association:
        stored = association.send_c_store(pydicom.dcmread(an_object(tmp_path).path))
        assert stored.Status == 0x0000
        assert ask(association) == 0x0000
        eventually(lambda: scu.reports, "the report")
        all_kept = request_dataset(CommitmentRequest("1.2.3.78", (KEPT,)))
        assert ask(association, all_kept) == 0x0000
        eventually(lambda: len(scu.reports) == 2, "the second report")
    (first_type, first), (second_type, second) = scu.reports
    assert (first_type, first.TransactionUID) == (2, "1.2.3.77")
    assert references(first, "ReferencedSOPSequence") == [(CT_IMAGE, "1.2.3.4.1")]
    assert references(first, "FailedSOPSequence") == [(CT_IMAGE, "1.2.3.4.9")]
    assert first.FailedSOPSequence[0].FailureReason == 0x0112
    assert (second_type, second.TransactionUID) == (1, "1.2.3.78")
    assert references(second, "ReferencedSOPSequence") == [(CT_IMAGE, "1.2.3.4.1")]
    assert "FailedSOPSequence" not in second


def test_a_sender_that_leaves_without_waiting_is_let_go(ours: Ours, commitments: FakeCommitments) -> None:
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            with Scu().association(ours.port) as association:
                assert ask(association) == 0x0000
        eventually(lambda: sum(line["event"] == "association ended" for line in logs) == 3, "the ends")
    assert {line["how"] for line in logs if line["event"] == "association ended"} == {"released"}
    assert commitments.requests == [(QUESTION, "SCANNER")] * 3


def test_an_answer_that_is_put_off_sends_nothing_now(ours: Ours, commitments: FakeCommitments) -> None:
    commitments.answers_at_once = False
    scu = Scu()
    with scu.association(ours.port) as association:
        assert ask(association) == 0x0000
        assert association.send_c_echo().Status == 0x0000
    assert commitments.requests == [(QUESTION, "SCANNER")]
    assert not scu.reports


@pytest.mark.parametrize("role", [None, (True, False), (True, True), (False, True)])
def test_each_role_that_a_peer_proposes_is_granted(ours: Ours, role: tuple[bool, bool] | None) -> None:
    with Scu().association(ours.port, role=role) as association:
        (context,) = [cx for cx in association.accepted_contexts if cx.abstract_syntax == PUSH_MODEL]
        assert (context.as_scu, context.as_scp) == (role or (True, False))


def test_without_commitments_the_service_is_not_offered_and_instances_are_taken(
    tmp_path: Path, sqlite_url: str
) -> None:
    with receiving(tmp_path, sqlite_url) as ours, Scu().association(ours.port) as association:
        assert [cx.abstract_syntax for cx in association.rejected_contexts] == [PUSH_MODEL]
        assert association.send_c_store(pydicom.dcmread(an_object(tmp_path).path)).Status == 0x0000


def _damaged() -> Dataset:
    dataset = request_dataset(QUESTION)
    del dataset.ReferencedSOPSequence[1].ReferencedSOPClassUID
    return dataset


def _without(keyword: str) -> Dataset:
    dataset = request_dataset(QUESTION)
    del dataset[keyword]
    return dataset


@pytest.mark.parametrize(
    ("question", "action", "instance", "status"),
    [
        (request_dataset(QUESTION), 2, INSTANCE, 0x0123),
        (request_dataset(QUESTION), 1, "1.2.3.4", 0x0112),
        (_damaged(), 1, INSTANCE, 0x0115),
        (_without("TransactionUID"), 1, INSTANCE, 0x0115),
        (_without("ReferencedSOPSequence"), 1, INSTANCE, 0x0115),
        (request_dataset(CommitmentRequest("1.2", ())), 1, INSTANCE, 0x0115),
    ],
    ids=["action", "instance", "damaged", "no transaction", "no sequence", "no references"],
)
def test_what_is_no_question_is_refused_and_the_association_lives(
    ours: Ours, commitments: FakeCommitments, tmp_path: Path, question: Dataset, action: int, instance: str, status: int
) -> None:
    with Scu().association(ours.port) as association:
        assert ask(association, question, action=action, instance=instance) == status
        assert association.send_c_store(pydicom.dcmread(an_object(tmp_path).path)).Status == 0x0000
    assert not commitments.requests


@pytest.mark.parametrize(
    ("error", "status"), [(TryLater("the store is away"), 0x0213), (RuntimeError("a bug"), 0x0110)], ids=str
)
def test_a_service_that_cannot_take_a_question_now_costs_only_that_question(
    ours: Ours, commitments: FakeCommitments, error: Exception, status: int
) -> None:
    with structlog.testing.capture_logs(), Scu().association(ours.port) as association:
        commitments.error = error
        assert ask(association) == status
        answer, _ = association.send_n_event_report(report_dataset(MIXED), 2, PUSH_MODEL, INSTANCE)
        assert answer.Status == status
        commitments.error = None
        assert ask(association) == 0x0000
    assert commitments.requests == [(QUESTION, "SCANNER")]


def test_an_n_action_on_a_storage_context_is_no_service(ours: Ours, commitments: FakeCommitments) -> None:
    with RawPeer(ours.port) as peer:
        for pdu in _message(_question(CT_IMAGE), 1):
            peer.socket.sendall(pdu)
        assert peer.status() == 0x0211
        assert peer.store(a_slice()) == 0x0000
    assert not commitments.requests


def _question(sop_class_uid: str = PUSH_MODEL, *, times: int = 1) -> DIMSEMessage:
    """An N-ACTION request, whose references may stand in it more than once."""
    primitive = N_ACTION()
    primitive.MessageID = 71
    primitive.RequestedSOPClassUID, primitive.RequestedSOPInstanceUID = sop_class_uid, INSTANCE
    primitive.ActionTypeID = 1
    encoded = dsutils.encode(request_dataset(QUESTION), False, True)
    assert encoded is not None
    items = encoded.index(b"\x08\x00\x99\x11") + 12  # the sequence comes last; its length ends its header
    length = (len(encoded[items:]) * times).to_bytes(4, "little")
    primitive.ActionInformation = BytesIO(encoded[: items - 4] + length + encoded[items:] * times)
    message = N_ACTION_RQ()
    message.primitive_to_message(primitive)
    return message


def _message(message: DIMSEMessage, context_id: int, max_pdu: int = 16382) -> list[bytes]:
    return [
        p_data(context_id, *(value for _, value in pdu.presentation_data_value_list))
        for pdu in message.encode_msg(context_id, max_pdu)
    ]


def _read_message(peer: RawPeer) -> DIMSEMessage:
    message = DIMSEMessage()
    while True:
        pdu = P_DATA_TF()
        pdu.decode(peer.read_pdu())
        if message.decode_msg(pdu.to_primitive()):
            return message


@pytest.mark.parametrize("times", [MOST_REFERENCES // 2 + 1, MOST_REFERENCES * 5])
def test_more_references_than_anybody_needs_are_refused_and_instances_taken(
    ours: Ours, commitments: FakeCommitments, times: int
) -> None:
    with RawPeer(ours.port, ((CT_IMAGE, (EXPLICIT,)), (PUSH_MODEL, (EXPLICIT,)))) as peer:
        for pdu in _message(_question(times=times), 3):
            peer.socket.sendall(pdu)
        assert peer.status() == 0x0213
        assert peer.store(a_slice()) == 0x0000
    assert not commitments.requests


def test_a_report_may_be_answered_among_other_requests(ours: Ours, commitments: FakeCommitments) -> None:
    contexts = ((CT_IMAGE, (EXPLICIT,)), (PUSH_MODEL, (EXPLICIT,)))
    with structlog.testing.capture_logs() as logs, RawPeer(ours.port, contexts) as peer:
        for pdu in _message(_question(), 3, max_pdu=64):  # in small pieces
            peer.socket.sendall(pdu)
        response, event = _read_message(peer), _read_message(peer)
        assert (type(response).__name__, response.command_set.Status) == ("N_ACTION_RSP", 0x0000)
        assert (response.command_set.MessageIDBeingRespondedTo, response.command_set.ActionTypeID) == (71, 1)
        assert (type(event).__name__, event.command_set.EventTypeID) == ("N_EVENT_REPORT_RQ", 2)
        assert peer.store(a_slice()) == 0x0000
        answer = N_EVENT_REPORT()
        answer.MessageIDBeingRespondedTo = event.command_set.MessageID
        answer.AffectedSOPClassUID, answer.AffectedSOPInstanceUID = PUSH_MODEL, INSTANCE
        answer.EventTypeID, answer.Status = 2, 0x0000
        answered = N_EVENT_REPORT_RSP()
        answered.primitive_to_message(answer)
        for pdu in _message(answered, 3):
            peer.socket.sendall(pdu)
        assert peer.store(a_slice(2), sop_instance_uid="1.2.3.4.2") == 0x0000
        peer.socket.sendall(A_RELEASE_RQ().encode())
        assert peer.read_pdu()[0] == 0x06
        eventually(lambda: any(line["event"] == "association ended" for line in logs), "the end")
        for pdu in _message(answered, 3):  # to a connection that is over
            peer.socket.sendall(pdu)
    assert not [line for line in logs if line["log_level"] not in ("info", "debug")]
    assert commitments.requests == [(QUESTION, "RAW")]


def test_a_response_to_nothing_ends_the_association_and_nothing_else(ours: Ours) -> None:
    answer = N_EVENT_REPORT()
    answer.MessageIDBeingRespondedTo, answer.Status = 5, 0x0000
    message = N_EVENT_REPORT_RSP()
    message.primitive_to_message(answer)
    with RawPeer(ours.port, ((PUSH_MODEL, (EXPLICIT,)),)) as peer:
        for pdu in _message(message, 1):
            peer.socket.sendall(pdu)
        assert peer.read_pdu()[0] == 0x07
    with RawPeer(ours.port) as peer:
        assert peer.store(a_slice()) == 0x0000


def test_a_report_that_was_never_answered_is_told(ours: Ours) -> None:
    with structlog.testing.capture_logs() as logs:
        with RawPeer(ours.port, ((PUSH_MODEL, (EXPLICIT,)),)) as peer:
            for pdu in _message(_question(), 1):
                peer.socket.sendall(pdu)
            assert _read_message(peer).command_set.Status == 0x0000
        eventually(lambda: any(line["event"] == "association ended" for line in logs), "the end")
    (told,) = [line for line in logs if line["event"] == "storage commitment report not answered"]
    assert told["transaction_uid"] == "1.2.3.77"


@pytest.mark.parametrize("report", [MIXED, CommitmentReport("1.2.3.77", (KEPT, UNKNOWN))], ids=["mixed", "all"])
def test_a_peer_answers_what_we_asked_on_an_association_of_its_own(
    ours: Ours, commitments: FakeCommitments, sender: DimseSender, report: CommitmentReport
) -> None:
    assert sender.report_commitment(report, Peer("ours", "TRIAGED", "127.0.0.1", ours.port)) == Sent()
    with Scu().association(ours.port, EXPLICIT, role=(False, True)) as association:
        event_type = 2 if report.failed else 1
        status, _ = association.send_n_event_report(report_dataset(report), event_type, PUSH_MODEL, INSTANCE)
        assert status.Status == 0x0000
        status, _ = association.send_n_event_report(report_dataset(report), 3, PUSH_MODEL, INSTANCE)
        assert status.Status == 0x0113
    assert commitments.reports == [report, report]


@contextmanager
def scp(
    answer: Callable[[evt.Event], int],
    *,
    report: Callable[[Association, Dataset], None] | None = None,
    roles: tuple[bool | None, bool | None] = (None, None),
    sop_class_uid: str = PUSH_MODEL,
) -> Iterator[tuple[Peer, list[tuple[int | None, Dataset]]]]:
    """A pynetdicom SCP that answers questions as told, and reports on the same association once it has responded."""
    reports: list[tuple[int | None, Dataset]] = []
    asked: dict[Association, Dataset] = {}

    def take(event: evt.Event) -> tuple[int, None]:
        asked[event.assoc] = event.action_information
        return answer(event), None

    def keep(event: evt.Event) -> tuple[int, None]:
        reports.append((event.event_type, event.event_information))
        return answer(event), None

    def responded(event: evt.Event) -> None:
        question = asked.pop(event.assoc, None) if isinstance(event.pdu, P_DATA_TF) else None
        if report is not None and question is not None:
            threading.Thread(target=report, args=(event.assoc, question)).start()

    ae = AE("PACS")
    ae.add_supported_context(sop_class_uid, [IMPLICIT, EXPLICIT], scu_role=roles[0], scp_role=roles[1])
    server = ae.start_server(
        ("127.0.0.1", 0),
        block=False,
        evt_handlers=[
            (evt.EVT_N_ACTION, take),
            (evt.EVT_N_EVENT_REPORT, keep),
            (evt.EVT_PDU_SENT, responded),
        ],
    )
    assert server is not None
    try:
        yield Peer("pacs", "PACS", "127.0.0.1", server.server_address[1]), reports
    finally:
        server.shutdown()


def test_a_report_on_the_association_of_the_question_is_returned(sender: DimseSender) -> None:
    statuses: list[int] = []

    def report(association: Association, question: Dataset) -> None:
        for transaction_uid in ("9.9.9", str(question.TransactionUID)):  # the first is for another question
            dataset = report_dataset(CommitmentReport(transaction_uid, MIXED.committed, MIXED.failed))
            status, _ = association.send_n_event_report(dataset, 2, PUSH_MODEL, INSTANCE)
            statuses.append(status.Status)

    with scp(lambda event: 0x0000, report=report) as (peer, _):
        assert sender.request_commitment(QUESTION, peer, wait_s=10.0) == MIXED
        eventually(lambda: len(statuses) == 2, "the acknowledgement")
    assert statuses == [0x0110, 0x0000]


def test_a_peer_that_will_report_later_has_been_asked(sender: DimseSender) -> None:
    questions: list[Dataset] = []

    def answer(event: evt.Event) -> int:
        questions.append(event.action_information)
        return 0x0000

    with scp(answer) as (peer, _):
        assert sender.request_commitment(QUESTION, peer, wait_s=0.05) == Sent()
    assert questions[0].TransactionUID == "1.2.3.77"
    assert references(questions[0], "ReferencedSOPSequence") == [
        (CT_IMAGE, "1.2.3.4.1"),
        (CT_IMAGE, "1.2.3.4.9"),
    ]


def test_a_peer_that_leaves_instead_of_reporting_has_been_asked(sender: DimseSender) -> None:
    def leave(association: Association, _question: Dataset) -> None:
        association.abort()

    with scp(lambda event: 0x0000, report=leave) as (peer, _):
        assert sender.request_commitment(QUESTION, peer, wait_s=30.0) == Sent()


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (0x0213, Refused("status 0x0213", final=False)),
        (0x0110, Refused("status 0x0110", final=False)),
        (0x0123, Refused("status 0x0123", final=True)),
    ],
    ids=str,
)
def test_a_status_of_a_peer_means_what_the_standard_says(sender: DimseSender, status: int, outcome: Refused) -> None:
    with scp(lambda event: status) as (peer, _):
        assert sender.request_commitment(QUESTION, peer, wait_s=10.0) == outcome
        assert sender.report_commitment(MIXED, peer) == outcome


def test_a_peer_without_storage_commitment_refuses_in_words(sender: DimseSender) -> None:
    with scp(lambda event: 0, sop_class_uid=CT_IMAGE) as (peer, _):
        assert sender.request_commitment(QUESTION, peer, wait_s=10.0) == Refused(
            "Storage Commitment Push Model is not accepted", final=True
        )
        refusal = sender.report_commitment(MIXED, peer)
    assert isinstance(refusal, Refused)
    assert "provider" in refusal.reason


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # pynetdicom leaves its socket open
def test_a_peer_that_is_away_is_unreachable(sender: DimseSender) -> None:
    away = Peer("gone", "GONE", "no-such-host.invalid", 104)
    assert isinstance(sender.request_commitment(QUESTION, away, wait_s=1.0), Unreachable)
    assert isinstance(sender.report_commitment(MIXED, away), Unreachable)


@pytest.mark.parametrize("roles", [(None, None), (False, True), (True, True)], ids=["ignored", "scp", "both"])
def test_our_answer_reaches_who_asked_as_an_event(sender: DimseSender, roles: tuple[bool | None, bool | None]) -> None:
    with scp(lambda event: 0x0000, roles=roles) as (peer, reports):
        assert sender.report_commitment(MIXED, peer) == Sent()
        assert sender.report_commitment(CommitmentReport("1.2.3.78", (KEPT,)), peer) == Sent()
    assert [(event_type, str(dataset.TransactionUID)) for event_type, dataset in reports] == [
        (2, "1.2.3.77"),
        (1, "1.2.3.78"),
    ]
    assert references(reports[0][1], "FailedSOPSequence") == [(CT_IMAGE, "1.2.3.4.9")]


@pytest.mark.parametrize("kept", [{"1.2.3.4.1", "1.2.3.4.2"}, {"1.2.3.4.1"}], ids=["all", "one"])
def test_orthanc_asks_us_and_gets_its_answer_on_an_association_of_ours(
    pacs: tuple[Ours, Orthanc, FakeCommitments], sender: DimseSender, kept: set[str]
) -> None:
    _, there, commitments = pacs
    commitments.answers_at_once, commitments.kept = False, lambda: kept
    instances = [[CT_IMAGE, "1.2.3.4.1"], [CT_IMAGE, "1.2.3.4.2"]]
    asked = there.post("/modalities/triaged/storage-commitment", {"DicomInstances": instances})
    question, calling_ae_title = commitments.requests[-1]
    assert calling_ae_title == "ORTHANC"
    assert asked["ID"] == question.transaction_uid
    assert there.get(asked["Path"])["Status"] == "Pending"
    assert sender.report_commitment(commitments.report_on(question), there.peer) == Sent()
    answer = there.get(asked["Path"])
    assert answer["Status"] == ("Success" if len(kept) == 2 else "Failure")
    assert {each["SOPInstanceUID"] for each in answer["Success"]} == kept
    assert {each["SOPInstanceUID"] for each in answer["Failures"]} == {"1.2.3.4.1", "1.2.3.4.2"} - kept


def test_orthanc_is_let_go_when_it_does_not_wait_for_the_answer_on_its_association(
    pacs: tuple[Ours, Orthanc, FakeCommitments],
) -> None:
    _, there, commitments = pacs
    commitments.answers_at_once, commitments.kept = True, lambda: {"1.2.3.4.1"}
    body = {"DicomInstances": [[CT_IMAGE, "1.2.3.4.1"]]}
    asked = there.post("/modalities/triaged/storage-commitment", body)
    assert commitments.requests[-1][0].transaction_uid == asked["ID"]
    assert there.post("/modalities/triaged/echo", {}) == {}


def test_orthanc_keeps_what_we_sent_and_says_so_to_our_receiver(
    pacs: tuple[Ours, Orthanc, FakeCommitments], tmp_path: Path, sender: DimseSender
) -> None:
    _, there, commitments = pacs
    assert sender.send([an_object(tmp_path)], there.peer) == [Sent()]
    assert sender.request_commitment(QUESTION, there.peer, wait_s=0.05) == Sent()
    eventually(lambda: commitments.reports, "Orthanc's report")
    (report,) = commitments.reports
    assert (report.transaction_uid, report.committed) == ("1.2.3.77", (KEPT,))
    assert [failure.reference for failure in report.failed] == [UNKNOWN]
    assert report.failed[0].reason == FailureReason.NO_SUCH_INSTANCE
