"""C-FIND of the worklist as Unified Procedure Steps, with pynetdicom and a plain socket asking."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest
import structlog
from pydicom import Dataset
from pynetdicom import AE, dsutils
from pynetdicom.association import Association
from pynetdicom.dimse_messages import C_CANCEL_RQ, C_FIND_RQ
from pynetdicom.dimse_primitives import C_CANCEL, C_FIND

from tests.breaking.worklist_askers import asked, identifiers
from tests.store.making import PATIENT, Studies, admit, instance, ranking, study_uid
from tests.wire.peers import CT_IMAGE, EXPLICIT, IMPLICIT, Ours, RawPeer, p_data, receiving
from triaged.dicom.matching import Query
from triaged.dimse.negotiation import Caller
from triaged.dimse.options import ScpOptions, Service
from triaged.dimse.policy import may_use
from triaged.errors import TryLater
from triaged.steps.worklist_query import WorklistQuery
from triaged.store.listing.worklist import Worklist
from triaged.store.tables.database import open_database
from triaged.study.ranking import Lane, TriageClass

UPS_PULL, UPS_QUERY, UPS_WATCH = (f"1.2.840.10008.5.1.4.34.6.{number}" for number in (3, 5, 2))
BIG_ENDIAN = "1.2.840.10008.1.2.2"
STUDIES = 300
Found = list[tuple[int, Dataset | None]]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> Iterator[tuple[Ours, list[str]]]:
    """Our receiver over a store with studies of every class, and their UIDs in the order that SQL gives."""
    folder = tmp_path_factory.mktemp("worklist")
    (folder / "triaged.db").write_bytes(migrated_sqlite.read_bytes())
    url = f"sqlite:///{folder / 'triaged.db'}"
    database = open_database(url)
    studies, chance = Studies(database), random.Random(7)
    for number in range(1, STUDIES + 1):
        triage_class = chance.choice(list(TriageClass))
        lane = Lane.EMERGENCY if triage_class is TriageClass.EMERGENCY else Lane.ORDERED
        where = ranking(chance.uniform(0, 900), study_uid(number), triage_class=triage_class, lane=lane)
        admit(studies, instance(number, 1), minutes=number, where=where)
    listed = [entry.study_instance_uid for entry in Worklist(database).entries()]
    with receiving(folder, url, worklist=WorklistQuery(Worklist(database), stretch=50)) as ours:
        yield ours, listed
    database.close()


@pytest.fixture
def association(filled: tuple[Ours, list[str]]) -> Iterator[Association]:
    """An association that may ask in two classes."""
    with asking(filled[0].port, UPS_QUERY, UPS_PULL) as opened:
        yield opened


class asking:
    """pynetdicom as SCU, with these contexts."""

    def __init__(self, port: int, *classes: str, syntaxes: tuple[str, ...] = (IMPLICIT,)) -> None:
        ae = AE("READER")
        for sop_class in classes:
            ae.add_requested_context(sop_class, list(syntaxes))
        self._association = ae.associate("127.0.0.1", port, ae_title="TRIAGED")

    def __enter__(self) -> Association:
        return self._association

    def __exit__(self, *_: object) -> None:
        if self._association.is_established:
            self._association.release()


def identifier(**keys: Any) -> Dataset:
    asked = Dataset()
    for keyword, value in keys.items():
        setattr(asked, keyword, value)
    return asked


def find(association: Association, sop_class: str = UPS_QUERY, **keys: Any) -> Found:
    """Every response: its status, and its identifier."""
    return [(int(status.Status), found) for status, found in association.send_c_find(identifier(**keys), sop_class)]


@pytest.mark.parametrize("sop_class", [UPS_QUERY, UPS_PULL])
@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN])
def test_the_order_that_sql_gives_and_c_find_returns_is_the_same(
    filled: tuple[Ours, list[str]], sop_class: str, syntax: str
) -> None:
    ours, listed = filled
    with asking(ours.port, sop_class, syntaxes=(syntax,)) as association:
        *pending, last = find(association, sop_class, StudyInstanceUID="", CommentsOnTheScheduledProcedureStep="")
    assert last == (0x0000, None)
    assert {status for status, _ in pending} == {0xFF00}
    found = [step for _, step in pending if step is not None]
    assert [step.StudyInstanceUID for step in found] == listed
    comments = [step.CommentsOnTheScheduledProcedureStep.split()[:2] for step in found]
    assert comments == [["Position", str(number)] for number in range(1, STUDIES + 1)]


def test_names_come_in_utf_8_and_are_matched_in_the_character_set_of_the_question(
    tmp_path: Path, sqlite_url: str
) -> None:
    database = open_database(sqlite_url)
    for number, name in enumerate(("Müller^Jürgen", "Мюллер^Юрген", "Miller^James"), 1):
        admit(Studies(database), instance(number, 1), minutes=number, patient=replace(PATIENT, patient_name=name))
    with (
        receiving(tmp_path, sqlite_url, worklist=WorklistQuery(Worklist(database))) as ours,
        asking(ours.port, UPS_QUERY) as association,
    ):
        latin = find(association, SpecificCharacterSet="ISO_IR 100", PatientName="MÜLLER*")
        cyrillic = find(association, SpecificCharacterSet="ISO_IR 144", PatientName="Мюллер^Юрген")
    database.close()
    for found, expected in ((latin, "Müller^Jürgen"), (cyrillic, "Мюллер^Юрген")):
        steps = [step for _, step in found if step is not None]
        assert [(step.SpecificCharacterSet, str(step.PatientName)) for step in steps] == [("ISO_IR 192", expected)]


def test_keys_that_are_not_supported_are_said_to_be_so(association: Association) -> None:
    wanted = study_uid(3).value
    (status, step), last = find(association, StudyInstanceUID=wanted, StudyDescription="Head")
    assert (status, last) == (0xFF01, (0x0000, None))
    assert step is not None
    assert "StudyDescription" not in step


def test_a_question_that_matches_nothing_is_answered_with_success_alone(association: Association) -> None:
    assert find(association, StudyInstanceUID="1.2.3.4.5.6") == [(0x0000, None)]
    assert find(association, WorklistLabel="Other list") == [(0x0000, None)]


def test_several_questions_go_one_after_the_other(association: Association) -> None:
    for priority in ("HIGH", "MEDIUM", "LOW"):
        *pending, last = find(association, ScheduledProcedureStepPriority=priority)
        assert last[0] == 0x0000
        assert pending
        assert {step.ScheduledProcedureStepPriority for _, step in pending if step is not None} == {priority}


def test_a_question_that_cannot_be_understood_is_refused_and_the_association_goes_on(association: Association) -> None:
    with pydicom.config.disable_value_validation():
        refused = find(association, ScheduledProcedureStepStartDateTime="yesterday")
    assert [status for status, _ in refused] == [0xA900]
    assert find(association, StudyInstanceUID=study_uid(3).value)[-1] == (0x0000, None)


class Away:
    """A service whose store goes away after some rows."""

    def __init__(self, rows: int, error: Exception) -> None:
        self._rows, self._error = rows, error

    def find(self, query: Query) -> Iterator[Dataset]:
        assert query.keys
        for _ in range(self._rows):
            yield identifier(StudyInstanceUID="1.2.3")
        raise self._error


@pytest.mark.parametrize(
    ("error", "expected"), [(TryLater("the database is away"), 0xA700), (RuntimeError("a bug"), 0xC000)]
)
def test_a_store_that_goes_away_is_a_failure_and_never_the_end_of_the_list(
    tmp_path: Path, sqlite_url: str, error: Exception, expected: int
) -> None:
    with (
        receiving(tmp_path, sqlite_url, worklist=Away(3, error)) as ours,
        asking(ours.port, UPS_QUERY) as association,
    ):
        statuses = [status for status, _ in find(association, StudyInstanceUID="")]
    assert statuses[-1] == expected
    assert 0x0000 not in statuses


class Endless:
    """A service with a list that has no end, and which keeps how much of it was asked for."""

    def __init__(self) -> None:
        self.told = 0

    def find(self, query: Query) -> Iterator[Dataset]:
        assert query.keys
        while True:
            self.told += 1
            yield identifier(StudyInstanceUID=f"1.2.{self.told}")


def question(context_id: int, message_id: int, asked: Dataset) -> bytes:
    """The PDUs of a C-FIND request."""
    primitive = C_FIND()
    primitive.MessageID, primitive.AffectedSOPClassUID, primitive.Priority = message_id, UPS_QUERY, 2
    primitive.Identifier = BytesIO(dsutils.encode(asked, True, True) or b"")
    return encoded(C_FIND_RQ(), primitive, context_id)


def cancel(context_id: int, message_id: int) -> bytes:
    """The PDU of a C-CANCEL request."""
    primitive = C_CANCEL()
    primitive.MessageIDBeingRespondedTo = message_id
    return encoded(C_CANCEL_RQ(), primitive, context_id)


def encoded(message: Any, primitive: Any, context_id: int) -> bytes:
    message.primitive_to_message(primitive)
    fragments = message.encode_msg(context_id, 16382)
    return b"".join(p_data(context_id, *(item[1] for item in part.presentation_data_value_list)) for part in fragments)


def statuses_until_the_last(peer: RawPeer) -> list[int]:
    """The statuses of the responses that come, up to the first that is not pending."""
    statuses: list[int] = []
    while not statuses or statuses[-1] in (0xFF00, 0xFF01):
        response = peer.read_pdu()
        assert response[:1] == b"\x04"
        if response[11] == 0x03:
            statuses.append(int(pydicom.dcmread(BytesIO(response[12:]), force=True)[0x00000900].value))
    return statuses


def test_a_peer_that_has_enough_can_cancel(tmp_path: Path, sqlite_url: str) -> None:
    service = Endless()
    with (
        receiving(tmp_path, sqlite_url, worklist=service) as ours,
        RawPeer(ours.port, [(UPS_QUERY, [IMPLICIT])]) as peer,
    ):
        peer.socket.sendall(question(1, 7, identifier(StudyInstanceUID="")))
        peer.read_pdu()
        peer.socket.sendall(cancel(1, 6) + cancel(1, 7))
        statuses = statuses_until_the_last(peer)
        assert statuses[-1] == 0xFE00
        told = service.told
        peer.socket.sendall(cancel(1, 7) + question(1, 8, identifier(StudyInstanceUID="")))
        assert peer.status() == 0xFF00
    assert told == len(statuses)


def test_a_peer_that_breaks_off_ends_the_answer(tmp_path: Path, sqlite_url: str) -> None:
    service = Endless()
    with receiving(tmp_path, sqlite_url, worklist=service) as ours:
        with RawPeer(ours.port, [(UPS_QUERY, [IMPLICIT])]) as peer:
            peer.socket.sendall(question(1, 1, identifier(StudyInstanceUID="")))
            peer.read_pdu()
        with RawPeer(ours.port, [(UPS_QUERY, [IMPLICIT])]) as peer:
            peer.socket.sendall(question(1, 1, identifier(StudyInstanceUID="")))
            peer.read_pdu()
            peer.socket.sendall(question(1, 2, identifier(StudyInstanceUID="")))
            last = b"?"
            while last[:1] not in (b"\x07", b""):
                last = peer.read_pdu()
            assert last[:1] == b"\x07", "expected A-ABORT for a second question in between"


def test_other_classes_and_operations_are_not_offered(filled: tuple[Ours, list[str]]) -> None:
    ours, _ = filled
    with asking(ours.port, UPS_QUERY, UPS_WATCH) as association:
        assert [context.abstract_syntax for context in association.accepted_contexts] == [UPS_QUERY]
    with RawPeer(ours.port, [(UPS_QUERY, [IMPLICIT]), (CT_IMAGE, [IMPLICIT])]) as peer:
        peer.socket.sendall(peer.command(sop_class_uid=UPS_QUERY) + p_data(1, b"\x02" + b"\0" * 8))
        assert peer.status() == 0xC000
        peer.socket.sendall(question(3, 5, identifier(StudyInstanceUID="")))
        assert peer.status() == 0x0211


def test_who_may_ask_has_to_be_known() -> None:
    """Anybody may store where no titles are listed; names are told to nobody else then but to this machine."""
    anybody = ScpOptions("A", "", 0)
    somebody = replace(anybody, allowed_calling_ae_titles=frozenset({"B"}))
    asked = [(address, options) for address in ("127.0.0.1", "::1", "10.1.2.3") for options in (anybody, somebody)]
    callers = [(Caller(address, "B", 0), options) for address, options in asked]
    assert [may_use(Service.QUERY, *each) for each in callers] == [True, True, True, True, False, True]


def test_no_name_is_logged(filled: tuple[Ours, list[str]]) -> None:
    with structlog.testing.capture_logs() as logs, asking(filled[0].port, UPS_QUERY) as association:
        find(association, PatientName="Roe*", PatientID="P-1")
    assert any(line["event"] == "query answered" for line in logs)
    assert "Roe" not in str(logs)
    assert "P-1" not in str(logs)


def test_a_query_that_is_not_understood_is_logged_without_its_words(filled: tuple[Ours, list[str]]) -> None:
    with structlog.testing.capture_logs() as logs:
        answers = [asked(filled[0].port, "READER", content) for content in identifiers("Roe^Jane")]
    assert sum(answer is not None and answer[0] == 0xA900 for answer in answers) >= 3
    assert any("BytesLengthException" in line.get("why", "") for line in logs)
    assert "Roe" not in str(logs)
