"""Instances come over real associations: what is acknowledged is kept, and nothing else is acknowledged."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import UID
from pynetdicom import AE, build_role
from pynetdicom.pdu_primitives import (
    AsynchronousOperationsWindowNegotiation,
    SOPClassExtendedNegotiation,
    UserIdentityNegotiation,
)
from sqlalchemy import text
from structlog.testing import capture_logs

from tests.store.making import Studies
from tests.wire.peers import (
    CT_IMAGE,
    EXPLICIT,
    IMPLICIT,
    Ours,
    RawPeer,
    a_slice,
    dataset_of,
    dcmtk,
    eventually,
    p_data,
    place,
    real,
    receiver_process,
    receiving,
)
from triaged.dimse.scu import DimseSender
from triaged.spool.files import Spool
from triaged.steps.intake import Intake
from triaged.steps.ports import Outgoing, Peer, Sent
from triaged.store.tables.database import open_database
from triaged.study.records import Admission
from triaged.study.uids import SOPInstanceUID

VERIFICATION = "1.2.840.10008.1.1"
UNDECODABLE = ("1.2.840.10008.1.2.4.53", "1.2.840.10008.1.2.4.55")


@pytest.fixture
def ours(tmp_path: Path, sqlite_url: str) -> Iterator[Ours]:
    with receiving(tmp_path, sqlite_url) as receiver:
        yield receiver


def test_an_echo_is_answered_without_the_store(ours: Ours) -> None:
    assert dcmtk("echoscu", "127.0.0.1", ours.port).returncode == 0
    assert ours.rows("association") == []


def test_a_real_series_with_invalid_uids_from_dcmtk_is_kept_whole(ours: Ours) -> None:
    files = real("ct_series/covid_p001")[:40]
    sent = dcmtk("storescu", "-xs", "127.0.0.1", ours.port, *files)
    assert sent.returncode == 0, sent.stderr
    kept = ours.kept()
    for path in files:
        original = pydicom.dcmread(path)
        row = kept[SOPInstanceUID.parse(original.SOPInstanceUID).value]
        assert original.PixelData[:64] in row
        assert str(original.SOPInstanceUID).encode() in row
    assert len(kept) == len(files)
    assert {row["transfer_syntax_uid"] for row in ours.rows("instance")} == {"1.2.840.10008.1.2.4.70"}
    eventually(lambda: ours.open_associations() == 0, "the end of the association")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_real_files_of_every_kind_arrive_byte_for_byte(ours: Ours) -> None:
    sent: list[Outgoing] = []
    for path in real("interop"):
        header = pydicom.dcmread(path, stop_before_pixels=True)
        syntax = str(header.file_meta.TransferSyntaxUID)
        if syntax not in UNDECODABLE:
            sent.append(Outgoing(path, str(header.SOPClassUID), str(header.SOPInstanceUID), syntax))
    outcomes = DimseSender("INTEROP", timeout_s=30.0).send(sent, Peer("ours", "TRIAGED", "127.0.0.1", ours.port))
    assert [type(outcome) for outcome in outcomes] == [Sent] * len(sent)
    digests = {row["sha256"] for row in ours.rows("instance")} | {row["sha256"] for row in ours.rows("conflict")}
    for outgoing in sent:
        assert hashlib.sha256(dataset_of(outgoing.path)).hexdigest() in digests, outgoing.path.name
    for row in ours.rows("instance"):
        assert hashlib.sha256(dataset_of(ours.spool.absolute(row["path"]))).hexdigest() == row["sha256"]


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ("-xb", "BigEndianExplicitTransferSyntax_1.2.840.10008.1.2.2"),
        ("-xd", "DeflatedExplicitVRLittleEndianTransferSyntax_1.2.840.10008.1.2.1.99"),
        ("-xr", "RLELosslessTransferSyntax_1.2.840.10008.1.2.5"),
        ("-xx", "JPEGProcess2_4TransferSyntax_1.2.840.10008.1.2.4.51"),
        ("-xt", "JPEGLSLosslessTransferSyntax_1.2.840.10008.1.2.4.80"),
        ("-xv", "JPEG2000LosslessOnlyTransferSyntax_1.2.840.10008.1.2.4.90"),
    ],
)
def test_dcmtk_delivers_each_transfer_syntax_as_it_is(ours: Ours, option: str, name: str) -> None:
    (path,) = [path for path in real("interop/cornerstone3D_testImages") if name in path.name]
    sent = dcmtk("storescu", option, "127.0.0.1", ours.port, path)
    assert sent.returncode == 0, sent.stderr
    (row,) = ours.rows("instance")
    assert row["transfer_syntax_uid"] == name.split("_")[-1]
    received = pydicom.dcmread(ours.spool.absolute(row["path"]))
    assert received.PixelData == pydicom.dcmread(path).PixelData


def test_dcmtk_reads_what_we_keep(ours: Ours) -> None:
    with RawPeer(ours.port) as peer:
        assert peer.store(a_slice()) == 0x0000
    (row,) = ours.rows("instance")
    dump = dcmtk("dcmdump", ours.spool.absolute(row["path"]))
    assert dump.returncode == 0, dump.stderr
    for found in ("(0002,0010) UI =LittleEndianExplicit", "(0002,0016) AE [RAW]", "(7fe0,0010)"):
        assert found in dump.stdout


def test_an_instance_sent_twice_is_one_and_a_changed_one_is_kept_aside(ours: Ours) -> None:
    with RawPeer(ours.port) as peer:
        assert [peer.store(a_slice()) for _ in range(2)] == [0x0000, 0x0000]
        assert (len(ours.rows("instance")), ours.rows("study")[0]["revision"]) == (1, 1)
        assert peer.store(a_slice(pixels=b"\7" * 1000)) == 0x0000
    assert len(ours.rows("instance")) == 1
    (conflict,) = ours.rows("conflict")
    assert dataset_of(ours.spool.absolute(conflict["path"])) == a_slice(pixels=b"\7" * 1000)


@pytest.mark.parametrize("content", [b"", b"\xff" * 70_000, a_slice(study_uid=""), b"GIF89a"], ids=len)
def test_what_cannot_be_filed_is_kept_aside_and_acknowledged(ours: Ours, content: bytes) -> None:
    with RawPeer(ours.port) as peer:
        assert peer.store(content) == 0x0000
        assert peer.store(a_slice(2), sop_instance_uid="1.2.3.4.2") == 0x0000
    (row,) = ours.rows("quarantine")
    assert dataset_of(ours.spool.absolute(row["path"])) == content
    assert row["reason"]
    assert set(ours.kept()) == {"1.2.3.4.2"}


def test_nothing_of_an_instance_that_broke_off_is_kept(ours: Ours) -> None:
    with RawPeer(ours.port) as peer:
        for number in (1, 2):
            assert peer.store(a_slice(number), sop_instance_uid=f"1.2.3.4.{number}") == 0x0000
        content = a_slice(3)
        peer.socket.sendall(peer.command(sop_instance_uid="1.2.3.4.3") + p_data(1, b"\0" + content[:150_000]))
        eventually(ours.parts, "the beginning of the third instance")
    eventually(lambda: ours.open_associations() == 0, "the end of the association")
    assert ours.kept() == {"1.2.3.4.1": a_slice(1), "1.2.3.4.2": a_slice(2)}
    assert ours.parts() == []


def test_an_association_that_is_aborted_has_ended(ours: Ours) -> None:
    with RawPeer(ours.port) as peer:
        assert peer.store(a_slice()) == 0x0000
        peer.socket.sendall(b"\x07\0\0\0\0\4\0\0\0\0")
        eventually(lambda: ours.open_associations() == 0, "the end of the association")
        assert peer.read_pdu() == b""


def test_everything_acknowledged_before_a_kill_is_kept_and_the_rest_can_be_sent_again(
    tmp_path: Path, database_url: str
) -> None:
    acknowledged: list[int] = []
    enough = threading.Event()

    def deliver(port: int, series: int) -> None:
        try:
            with RawPeer(port) as peer:
                for number in range(series * 1000, series * 1000 + 500):
                    if peer.store(a_slice(number), sop_instance_uid=f"1.2.3.4.{number}") == 0x0000:
                        acknowledged.append(number)
                    if len(acknowledged) >= 25:
                        enough.set()
        except (OSError, AssertionError):
            pass  # the receiver was killed

    with receiver_process(tmp_path, database_url) as (ours, process):
        threads = [threading.Thread(target=deliver, args=(ours.port, series)) for series in (1, 2)]
        for thread in threads:
            thread.start()
        assert enough.wait(60)
        process.kill()
        process.wait()
        for thread in threads:
            thread.join()
        assert len(acknowledged) >= 25
        kept = ours.kept()
        assert {f"1.2.3.4.{number}": a_slice(number) for number in acknowledged}.items() <= kept.items()
        assert ours.open_associations() == 2

    with receiver_process(tmp_path, database_url) as (ours, _):
        assert ours.open_associations() == 0
        with RawPeer(ours.port) as peer:
            for number in [*acknowledged[:5], 1499]:
                assert peer.store(a_slice(number), sop_instance_uid=f"1.2.3.4.{number}") == 0x0000
        assert set(ours.kept()) == set(kept) | {"1.2.3.4.1499"}
        assert ours.rows("conflict") == []


def test_a_disk_below_its_reserve_refuses_and_still_answers_echoes(tmp_path: Path, sqlite_url: str) -> None:
    with receiving(tmp_path, sqlite_url, reserve_mb=10**12) as ours:
        with RawPeer(ours.port) as peer:
            assert peer.store(a_slice()) == 0xA700
            assert peer.store(a_slice()) == 0xA700
        assert dcmtk("echoscu", "127.0.0.1", ours.port).returncode == 0
        assert (ours.rows("instance"), ours.rows("quarantine"), ours.parts()) == ([], [], [])


def test_an_association_that_was_refused_instances_has_one_line_however_many(tmp_path: Path, sqlite_url: str) -> None:
    with receiving(tmp_path, sqlite_url, reserve_mb=10**12) as ours, capture_logs() as logs:
        with RawPeer(ours.port) as peer:
            for number in range(1, 30):
                assert peer.store(a_slice(number), sop_instance_uid=f"1.2.3.4.{number}") == 0xA700
        eventually(lambda: any(line["event"] == "association ended" for line in logs), "the end")
    (warning,) = [line for line in logs if line["log_level"] == "warning"]
    assert (warning["event"], warning["kept"], warning["refused"]) == ("association ended", 0, 29)
    assert "MiB" in warning["why"]


def test_a_store_that_is_away_refuses_until_it_is_back(ours: Ours) -> None:
    with RawPeer(ours.port) as peer:
        assert peer.store(a_slice(1), sop_instance_uid="1.2.3.4.1") == 0x0000
        with ours.database.begin() as connection:
            connection.execute(text("ALTER TABLE instance RENAME TO away"))
        assert peer.store(a_slice(2), sop_instance_uid="1.2.3.4.2") == 0xA700
        with ours.database.begin() as connection:
            connection.execute(text("ALTER TABLE away RENAME TO instance"))
        assert peer.store(a_slice(2), sop_instance_uid="1.2.3.4.2") == 0x0000
    assert set(ours.kept()) == {"1.2.3.4.1", "1.2.3.4.2"}


def test_a_series_from_dcmsend_is_kept_whole(ours: Ours) -> None:
    files = real("interop/cip_copdgene/ct-64Dicom")
    sent = dcmtk("dcmsend", "127.0.0.1", ours.port, *files)
    assert sent.returncode == 0, sent.stderr
    assert set(ours.kept()) == {str(pydicom.dcmread(path).SOPInstanceUID) for path in files}
    assert len({row["path"].rsplit("/", 1)[0] for row in ours.rows("instance")}) == 1


def test_the_end_of_an_association_reaches_a_store_that_was_away(ours: Ours) -> None:
    with RawPeer(ours.port) as peer:
        assert peer.store(a_slice()) == 0x0000
        with ours.database.begin() as connection:
            connection.execute(text("ALTER TABLE association RENAME TO away"))
    with capture_logs() as logs:
        eventually(lambda: any("not recorded" in line["event"] for line in logs), "the attempt")
        with ours.database.begin() as connection:
            connection.execute(text("ALTER TABLE away RENAME TO association"))
        eventually(lambda: ours.open_associations() == 0, "the end of the association")


def test_a_bug_in_the_intake_is_a_failure_for_one_instance_only(tmp_path: Path, sqlite_url: str) -> None:
    class Buggy(Intake):
        def receive(self, *arguments: object, **options: object) -> Admission:
            raise ZeroDivisionError

    database = open_database(sqlite_url)
    buggy = Buggy(Studies(database), Studies(database), Spool(tmp_path, 0), ranking_policy=place, receiver="receiver-1")
    with receiving(tmp_path, sqlite_url, intake=buggy) as ours:
        with capture_logs() as logs, RawPeer(ours.port) as peer:
            assert [peer.store(a_slice()) & 0xF000 for _ in range(2)] == [0xC000, 0xC000]
        eventually(lambda: ours.open_associations() == 0, "the end of the association")
        assert "request refused because of a bug" in [line["event"] for line in logs]
    database.close()


def test_one_association_more_than_allowed_is_rejected_for_now(tmp_path: Path, sqlite_url: str) -> None:
    with receiving(tmp_path, sqlite_url, max_associations=1, wait_s=0.1) as ours:
        with RawPeer(ours.port) as first:
            assert first.store(a_slice()) == 0x0000
            with RawPeer(ours.port) as second:
                assert second.answer[:10] == b"\x03\0\0\0\0\4\0\2\3\2"  # transient, presentation, local limit exceeded
            assert first.store(a_slice()) == 0x0000

        def accepted() -> bool:
            with RawPeer(ours.port) as third:
                return third.is_accepted

        eventually(accepted, "the place of the first association")


@pytest.mark.parametrize(
    ("calling", "called", "answer"),
    [
        ("CT1", "TRIAGED", b"\x02"),
        ("CT2", "TRIAGED", b"\x03\0\0\0\0\4\0\1\1\3"),
        ("CT1", "PACS", b"\x02"),
    ],
)
def test_only_those_on_the_list_get_in(
    tmp_path: Path, sqlite_url: str, calling: str, called: str, answer: bytes
) -> None:
    allowed = frozenset({"CT1"})
    with (
        receiving(tmp_path, sqlite_url, allowed_calling_ae_titles=allowed) as ours,
        RawPeer(ours.port, calling=calling, called=called) as peer,
    ):
        assert peer.answer.startswith(answer)


def test_anybody_gets_in_where_no_list_is_given(ours: Ours) -> None:
    with RawPeer(ours.port, calling="ANYBODY", called="WHATEVER") as peer:
        assert peer.is_accepted


def test_a_probe_that_connects_and_leaves_is_no_event(ours: Ours) -> None:
    with capture_logs() as logs:
        for _ in range(3):
            socket.create_connection(("127.0.0.1", ours.port)).close()
        with RawPeer(ours.port) as peer:
            assert peer.is_accepted
        eventually(lambda: len(logs) >= 2, "the log of the real association")
    assert [line["event"] for line in logs] == ["association opened", "association ended"]


def test_contexts_are_answered_one_by_one(ours: Ours) -> None:
    contexts = [
        (CT_IMAGE, UNDECODABLE),
        (CT_IMAGE, (*UNDECODABLE, EXPLICIT)),
        ("1.2.840.10008.5.1.4.1.2.2.1", (IMPLICIT,)),  # Study Root FIND
        ("1.3.12.2.1107.5.9.1", (IMPLICIT,)),  # private storage
        (VERIFICATION, (IMPLICIT,)),
    ]
    with RawPeer(ours.port, contexts) as peer:
        assert peer.results() == {1: 4, 3: 0, 5: 3, 7: 0, 9: 0}


def test_a_private_storage_class_is_kept(ours: Ours) -> None:
    ae = AE("PRIVATE")
    ae.add_requested_context("1.3.12.2.1107.5.9.1", EXPLICIT)
    association = ae.associate("127.0.0.1", ours.port)
    dataset = pydicom.dcmread(_as_file(a_slice()), force=True)
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = UID("1.3.12.2.1107.5.9.1")
    assert association.send_c_store(dataset).Status == 0x0000
    association.release()
    (row,) = ours.rows("instance")
    assert '"1.3.12.2.1107.5.9.1"' in row["image"]


def test_a_peer_that_negotiates_everything_there_is_gets_what_we_offer(ours: Ours) -> None:
    window, identity, extended = (
        AsynchronousOperationsWindowNegotiation(),
        UserIdentityNegotiation(),
        SOPClassExtendedNegotiation(),
    )
    window.maximum_number_operations_invoked = 5
    window.maximum_number_operations_performed = 5
    identity.user_identity_type, identity.primary_field, identity.positive_response_requested = 1, b"somebody", True
    extended.sop_class_uid, extended.service_class_application_information = UID(CT_IMAGE), b"\2\0\0\0\0\0"
    ae = AE("EVERYTHING")
    ae.add_requested_context(CT_IMAGE, [EXPLICIT, IMPLICIT])
    role = build_role(CT_IMAGE, scu_role=True, scp_role=True)
    association = ae.associate("127.0.0.1", ours.port, ext_neg=[role, window, identity, extended])
    assert association.is_established
    (context,) = association.accepted_contexts
    assert (context.as_scu, context.as_scp, context.transfer_syntax) == (True, False, [EXPLICIT])
    assert association.acceptor.asynchronous_operations == (1, 1)
    assert association.send_c_store(pydicom.dcmread(_as_file(a_slice()), force=True)).Status == 0x0000
    association.release()
    assert set(ours.kept()) == {"1.2.3.4.1"}


def test_fragments_may_be_cut_and_bundled_in_any_way(ours: Ours) -> None:
    content = a_slice()
    with RawPeer(ours.port) as peer:
        command = peer.command()
        values = [content[:1], content[1:70_001], content[70_001:70_001], content[70_001:]]
        whole = (
            command + p_data(1, b"\0" + values[0], b"\0" + values[1]) + p_data(1, b"\0" + values[2], b"\2" + values[3])
        )
        for start in range(0, len(whole), 7919):
            peer.socket.sendall(whole[start : start + 7919])
        assert peer.status() == 0x0000
        assert peer.store(a_slice(2), sop_instance_uid="1.2.3.4.2", fragment=1_000_000) == 0x0000
    assert ours.kept() == {"1.2.3.4.1": content, "1.2.3.4.2": a_slice(2)}


@pytest.mark.parametrize(
    "nonsense",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x01\0\xff\xff\xff\xff" + b"\0" * 100,
        b"\x01\0\0\0\0\x10" + b"\0" * 16,
        b"\x04\0\0\0\0\x06" + b"\0\0\0\2\1\2",
    ],
    ids=["http", "endless", "short", "data first"],
)
def test_what_is_no_request_for_an_association_is_aborted(ours: Ours, nonsense: bytes) -> None:
    with socket.create_connection(("127.0.0.1", ours.port), timeout=20) as peer:
        peer.sendall(nonsense)
        assert peer.recv(10)[:1] == b"\x07"


def test_whoever_aborts_before_asking_for_an_association_hears_nothing(ours: Ours) -> None:
    with socket.create_connection(("127.0.0.1", ours.port), timeout=20) as peer:
        peer.sendall(b"\7\0\0\0\0\4\0\0\0\0")
        assert peer.recv(100) == b""


def test_an_answer_where_none_was_asked_for_is_an_unexpected_pdu(ours: Ours) -> None:
    with RawPeer(ours.port) as peer:
        peer.socket.sendall(b"\6\0\0\0\0\4\0\0\0\0")
        assert peer.read_pdu()[-2:] == bytes((2, 2))  # by the service provider: unexpected PDU (PS3.8 table 9-26)


@pytest.mark.parametrize(
    "pdu",
    [
        p_data(5, b"\3" + b"\0" * 20),
        p_data(1, b"\2" + b"\0" * 20),
        p_data(1, b"\3" + b"\xff" * 20),
        b"\x04\0\0\0\0\x06\0\0\xff\xff\1\3",
        b"\x04\0\0\0\0\x03\0\0\0",
        b"\x09\0\0\0\0\x04\0\0\0\0",
        b"\x01\0\0\0\0\x04\0\0\0\0",
    ],
    ids=["unknown context", "data without command", "no command", "too long a value", "short", "unknown", "unexpected"],
)
def test_a_protocol_error_ends_the_association_and_nothing_else(ours: Ours, pdu: bytes) -> None:
    with RawPeer(ours.port) as peer, RawPeer(ours.port) as bystander:
        assert peer.store(a_slice()) == 0x0000
        peer.socket.sendall(pdu)
        assert peer.read_pdu()[:1] == b"\x07"
        assert peer.read_pdu() == b""
        assert bystander.store(a_slice(2), sop_instance_uid="1.2.3.4.2") == 0x0000


def test_a_service_that_is_not_offered_is_refused_and_the_association_lives(ours: Ours) -> None:
    with RawPeer(ours.port) as peer:
        command = bytearray(peer.command())
        field = command.index(b"\0\0\0\1\2\0\0\0\1\0")
        command[field + 8] = 0x20  # C-FIND-RQ
        peer.socket.sendall(command + p_data(1, b"\2" + b"\0" * 20))
        assert peer.status() == 0x0211
        assert peer.store(a_slice()) == 0x0000


def test_a_silent_association_is_ended(tmp_path: Path, sqlite_url: str) -> None:
    with receiving(tmp_path, sqlite_url, idle_timeout_s=0.3) as ours, RawPeer(ours.port) as peer:
        assert peer.store(a_slice()) == 0x0000
        assert peer.read_pdu()[:1] == b"\x07"
        eventually(lambda: ours.open_associations() == 0, "the end of the association")


def test_an_association_that_stands_still_within_an_instance_is_ended(tmp_path: Path, sqlite_url: str) -> None:
    with receiving(tmp_path, sqlite_url, idle_timeout_s=0.3) as ours, RawPeer(ours.port) as peer:
        peer.socket.sendall(peer.command() + p_data(1, b"\0" + a_slice()[:100_000])[:-5])
        assert peer.read_pdu()[:1] == b"\x07"
        eventually(lambda: ours.open_associations() == 0, "the end of the association")
        assert (ours.parts(), ours.kept()) == ([], {})


def test_a_stop_ends_silent_associations_at_once(tmp_path: Path, sqlite_url: str) -> None:
    with receiving(tmp_path, sqlite_url) as ours:
        peer = RawPeer(ours.port)
        assert peer.store(a_slice()) == 0x0000
    assert peer.read_pdu()[:1] == b"\x07"
    peer.socket.close()
    database = open_database(sqlite_url)
    assert Ours(0, database, ours.spool, ours.root).open_associations() == 0
    database.close()


def test_an_instance_on_its_way_may_arrive_during_a_stop(tmp_path: Path, sqlite_url: str) -> None:
    content = a_slice()
    statuses: list[int] = []

    def finish(peer: RawPeer) -> None:
        eventually(lambda: _refuses(listening.port), "the receiver to stop listening")
        peer.socket.sendall(p_data(1, b"\2" + content[150_000:]))
        statuses.append(peer.status())

    with receiving(tmp_path, sqlite_url, stop_grace_s=20.0) as listening:
        peer = RawPeer(listening.port)
        peer.socket.sendall(peer.command() + p_data(1, b"\0" + content[:150_000]))
        eventually(listening.parts, "the beginning of the instance")
        finishing = threading.Thread(target=finish, args=(peer,))
        finishing.start()
    finishing.join()
    peer.socket.close()
    assert statuses == [0x0000]
    database = open_database(sqlite_url)
    assert Ours(0, database, listening.spool, listening.root).kept() == {"1.2.3.4.1": content}
    database.close()


def test_an_instance_that_does_not_arrive_during_a_stop_is_not_acknowledged(tmp_path: Path, sqlite_url: str) -> None:
    with receiving(tmp_path, sqlite_url, stop_grace_s=0.1) as ours:
        peer = RawPeer(ours.port)
        peer.socket.sendall(peer.command() + p_data(1, b"\0" + a_slice()[:150_000]))
        eventually(ours.parts, "the beginning of the instance")
    assert peer.read_pdu()[:1] != b"\x04"
    peer.socket.close()
    assert ours.parts() == []


def test_no_patient_attribute_is_logged(ours: Ours) -> None:
    with capture_logs() as logs, RawPeer(ours.port) as peer:
        for content in (a_slice(), a_slice(pixels=b"\7\7"), a_slice(study_uid="")):
            assert peer.store(content) == 0x0000
    assert len(logs) >= 3
    assert "Secret" not in repr(logs)


def _refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return True
    return False


def _as_file(content: bytes) -> pydicom.filebase.DicomBytesIO:
    from triaged.dicom.part10 import file_meta

    meta = file_meta(
        sop_class_uid=CT_IMAGE, sop_instance_uid="1.2.3.4.1", transfer_syntax_uid=EXPLICIT, source_ae_title="X"
    )
    return pydicom.filebase.DicomBytesIO(meta + content)


def test_a_receiver_that_drains_serves_its_associations_to_their_end_and_another_takes_the_next(
    tmp_path: Path, sqlite_url: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.setblocking(False)
        with (
            receiving(tmp_path / "old", sqlite_url, listening=lambda *_: door.dup()) as ours,
            RawPeer(ours.port) as peer,
        ):
            old = ours.receiver
            assert old is not None
            old.drain()
            eventually(lambda: not old.ports, "the old receiver to listen no more")
            assert not old.is_drained
            with receiving(tmp_path / "new", sqlite_url, listening=lambda *_: door.dup()):
                assert dcmtk("echoscu", "127.0.0.1", ours.port).returncode == 0
                assert peer.store(a_slice()) == 0
                peer.socket.close()
                eventually(lambda: old.is_drained, "the last association to end")
        assert list(ours.kept()) == ["1.2.3.4.1"]
