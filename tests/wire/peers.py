"""The other ends of the wire: our receiver in this process or its own, DCMTK's tools, and a peer that misbehaves."""

from __future__ import annotations

import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import A_ASSOCIATE, ImplementationClassUIDNotification, MaximumLengthNotification
from pynetdicom.presentation import build_context
from sqlalchemy import text

from tests.ports import free_port
from tests.store.making import Studies
from triaged.dimse.board import Board
from triaged.dimse.options import ScpOptions
from triaged.dimse.scp import Receiver
from triaged.spool.files import Spool
from triaged.steps.intake import Intake
from triaged.steps.ports import Peer, WorklistProvider
from triaged.store.tables.database import Database, open_database
from triaged.study.commitment import (
    CommitmentReport,
    CommitmentRequest,
    FailureReason,
    NotCommitted,
)
from triaged.study.ranking import Lane, Ranking, TriageClass
from triaged.study.ranking_input import RankingInput

DATA = Path(__file__).parents[3] / "shared" / "data"
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEADLINE_S = 20.0
DCMTK_PATH = "/usr/local/bin:/usr/bin:/bin"
"""Not the environment's: pynetdicom brings tools of the same names into it."""
DCMTK_ENVIRONMENT = {**os.environ, "PATH": DCMTK_PATH, "TCP_NODELAY": "1"}
"""Without TCP_NODELAY, DCMTK waits for a delayed acknowledgement with every instance."""


def clock() -> datetime:
    return datetime.now(UTC)


def place(ranking_input: RankingInput) -> Ranking:
    key = f"{ranking_input.since.isoformat()} {ranking_input.study_uid}"
    return Ranking(Lane.ORDERED, TriageClass.UNSCORED, ranking_input.since, key, "waiting")


def eventually(true: Callable[[], object], what: str) -> None:
    """Wait until something on the other side of the wire has happened."""
    deadline = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < deadline, f"still waiting for: {what}"
        time.sleep(0.01)


def real(relative: str) -> list[Path]:
    """The real DICOM files in a folder of the shared data."""
    files = sorted(path for path in (DATA / relative).rglob("*") if path.is_file() and path.suffix != ".nrrd")
    if not files:
        pytest.skip(f"the real images are not here: {relative}")
    return files


def dcmtk(tool: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run one of DCMTK's tools to its end."""
    if shutil.which(tool, path=DCMTK_PATH) is None:
        pytest.skip(f"DCMTK is not installed: {tool}")
    return subprocess.run(
        [tool, *map(str, arguments)],
        env=DCMTK_ENVIRONMENT,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=120,
        check=False,
    )


@dataclass
class Ours:
    """A store with a spool, and a receiver that fills it."""

    port: int
    database: Database
    spool: Spool
    root: Path
    receiver: Receiver | None = None
    """Where it is in this process."""

    def rows(self, table: str) -> list[dict[str, Any]]:
        with self.database.read() as connection:
            return [dict(row) for row in connection.execute(text(f"SELECT * FROM {table}")).mappings()]

    def kept(self) -> dict[str, bytes]:
        """The encoded data sets that have a row, by SOP Instance UID as filed."""
        return {row["sop_instance_uid"]: dataset_of(self.spool.absolute(row["path"])) for row in self.rows("instance")}

    def parts(self) -> list[Path]:
        return list(self.root.rglob("*.part"))

    def open_associations(self) -> int:
        return sum(row["closed_at"] is None for row in self.rows("association"))


class FakeCommitments:
    """Answers from a list of what is kept; at once, or later where it is told to put answers off."""

    def __init__(self, kept: Callable[[], Collection[str]] = tuple, *, answers_at_once: bool = True) -> None:
        self.kept = kept
        self.answers_at_once = answers_at_once
        self.requests: list[tuple[CommitmentRequest, str]] = []
        self.reports: list[CommitmentReport] = []
        self.error: Exception | None = None

    def report_on(self, request: CommitmentRequest) -> CommitmentReport:
        """What is kept of what was asked for."""
        kept = set(self.kept())
        return CommitmentReport(
            request.transaction_uid,
            tuple(reference for reference in request.references if reference.sop_instance_uid in kept),
            tuple(
                NotCommitted(reference, FailureReason.NO_SUCH_INSTANCE)
                for reference in request.references
                if reference.sop_instance_uid not in kept
            ),
        )

    def requested(self, request: CommitmentRequest, calling_ae_title: str, *, now: datetime) -> CommitmentReport | None:
        assert now.tzinfo is not None
        if self.error is not None:
            raise self.error
        self.requests.append((request, calling_ae_title))
        return self.report_on(request) if self.answers_at_once else None

    def reported(self, report: CommitmentReport, *, now: datetime) -> None:
        assert now.tzinfo is not None
        if self.error is not None:
            raise self.error
        self.reports.append(report)


@contextmanager
def receiving(
    folder: Path,
    url: str,
    *,
    reserve_mb: int = 0,
    intake: Intake | None = None,
    commitments: FakeCommitments | None = None,
    worklist: WorklistProvider | None = None,
    listening: Callable[[str, int], socket.socket] | None = None,
    board: Board | None = None,
    **options: Any,
) -> Iterator[Ours]:
    """Our receiver in this process, on a port that the system chose, or on the socket of others on its board."""
    database = open_database(url)
    spool = Spool(folder / "spool", reserve_mb)
    intake = intake or Intake(Studies(database), Studies(database), spool, ranking_policy=place, receiver="receiver-1")
    receiver = Receiver(
        ScpOptions("TRIAGED", "127.0.0.1", 0, **options),
        intake,
        clock=clock,
        commitment=commitments,
        worklist=worklist,
        listening=listening,
        board=board,
    )
    try:
        yield Ours(receiver.start(), database, spool, folder / "spool", receiver)
    finally:
        receiver.stop()
        database.close()


@contextmanager
def receiver_process(folder: Path, url: str) -> Iterator[tuple[Ours, subprocess.Popen[str]]]:
    """Our receiver in a process of its own, so that it can be killed."""
    arguments = [sys.executable, "-m", "tests.wire.receiver_process", str(folder), url]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    database = open_database(url)
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield Ours(port, database, Spool(folder / "spool", 0), folder / "spool"), process
    finally:
        process.kill()
        process.communicate()
        database.close()


def dataset_of(path: Path) -> bytes:
    """The encoded data set in a DICOM file, without what stands in front of it."""
    content = path.read_bytes()
    return content[144 + int.from_bytes(content[140:144], "little") :]


def a_slice(number: int = 1, *, study_uid: str = "1.2.3", pixels: bytes = b"\0\1" * 100_000) -> bytes:
    """An encoded CT slice in explicit VR little endian; its SOP Instance UID is `1.2.3.4.<number>`."""
    values = [
        (0x00080016, b"UI", CT_IMAGE.encode()),
        (0x00080018, b"UI", f"1.2.3.4.{number}".encode()),
        (0x00080060, b"CS", b"CT"),
        (0x00100010, b"PN", b"Secret^Name"),
        (0x0020000D, b"UI", study_uid.encode()),
        (0x0020000E, b"UI", b"1.2.3.4"),
    ]
    elements = [
        struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, len(value) + len(value) % 2)
        + value
        + b"\0" * (len(value) % 2)
        for tag, vr, value in values
    ]
    return b"".join(elements) + struct.pack("<HH2sHL", 0x7FE0, 0x0010, b"OW", 0, len(pixels)) + pixels


@dataclass
class Orthanc:
    """An Orthanc in a process of its own, which knows us by our AE title and takes part in storage commitment."""

    dicom_port: int
    url: str
    process_id: int = 0

    @property
    def peer(self) -> Peer:
        return Peer("orthanc", "ORTHANC", "127.0.0.1", self.dicom_port)

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=10) as response:
            return json.load(response)

    def post(self, path: str, body: Any) -> Any:
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)

    def is_up(self) -> bool:
        try:
            return bool(self.get("/system"))
        except OSError:
            return False


@contextmanager
def orthanc(folder: Path, our_port: int) -> Iterator[Orthanc]:
    """Orthanc on ports that were free a moment ago; everything of it is in a folder."""
    folder.mkdir()
    ours = {"AET": "TRIAGED", "Host": "127.0.0.1", "Port": our_port, "AllowStorageCommitment": True}
    with orthanc_process(folder, {"DicomModalities": {"triaged": ours}}) as there:
        yield there


@contextmanager
def orthanc_process(folder: Path, settings: dict[str, Any]) -> Iterator[Orthanc]:
    """An Orthanc with these settings besides its ports and folders, once it answers; skip where there is none."""
    program = shutil.which("Orthanc", path=f"/usr/sbin:{DCMTK_PATH}")
    if program is None:
        pytest.skip("Orthanc is not installed")
    dicom_port, http_port = free_port(), free_port()
    common = {
        "DicomAet": "ORTHANC",
        "DicomPort": dicom_port,
        "HttpPort": http_port,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
    }
    (folder / "orthanc.json").write_text(json.dumps(common | settings))
    with (folder / "orthanc.log").open("wb") as log:
        process = subprocess.Popen([program, str(folder / "orthanc.json")], stdout=log, stderr=log)
    there = Orthanc(dicom_port, f"http://127.0.0.1:{http_port}", process.pid)
    try:
        eventually(lambda: process.poll() is not None or there.is_up(), "Orthanc to answer")
        assert process.poll() is None, (folder / "orthanc.log").read_text(errors="replace")[-2000:]
        yield there
    finally:
        process.terminate()
        process.wait(20)


class RawPeer:
    """A peer on a plain socket, so that it can stop in the middle of anything; pynetdicom encodes what it says."""

    def __init__(
        self,
        port: int,
        contexts: Sequence[tuple[str, Sequence[str]]] = ((CT_IMAGE, (EXPLICIT,)),),
        *,
        calling: str = "RAW",
        called: str = "TRIAGED",
        source: str = "127.0.0.1",
    ) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S, source_address=(source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.message_id = 0
        self.socket.sendall(association_request(contexts, calling, called))
        self.answer = self.read_pdu()

    def __enter__(self) -> RawPeer:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    @property
    def is_accepted(self) -> bool:
        return self.answer[0] == 0x02

    def results(self) -> dict[int, int]:
        """The answer to each presentation context, by its number."""
        position, found = 74, {}
        while position < len(self.answer):
            kind, _, length = struct.unpack_from(">BBH", self.answer, position)
            if kind == 0x21:
                found[self.answer[position + 4]] = self.answer[position + 6]
            position += 4 + length
        return found

    def read_pdu(self) -> bytes:
        """The next PDU; empty when the other side has closed."""
        head = self._read(6)
        return head + self._read(int.from_bytes(head[2:], "big")) if len(head) == 6 else b""

    def command(
        self, *, sop_instance_uid: str = "1.2.3.4.1", sop_class_uid: str = CT_IMAGE, context_id: int = 1
    ) -> bytes:
        """The P-DATA PDU that announces an instance."""
        self.message_id += 1
        request = C_STORE()
        request.MessageID = self.message_id
        request.AffectedSOPClassUID = sop_class_uid
        request.AffectedSOPInstanceUID = sop_instance_uid
        request.Priority = 2
        request.DataSet = BytesIO(b"\0\0")
        message = C_STORE_RQ()
        message.primitive_to_message(request)
        first = next(iter(message.encode_msg(context_id, 16382)))
        return p_data(context_id, *first.presentation_data_value_list[0][1:])

    def store(self, content: bytes, *, sop_instance_uid: str = "1.2.3.4.1", fragment: int = 16_000) -> int:
        """Send an instance and return the status."""
        self.socket.sendall(self.command(sop_instance_uid=sop_instance_uid))
        for start in range(0, max(len(content), 1), fragment):
            last = start + fragment >= len(content)
            self.socket.sendall(p_data(1, bytes([2 if last else 0]) + content[start : start + fragment]))
        return self.status()

    def status(self) -> int:
        """Read a response and return its status."""
        response = self.read_pdu()
        assert response[:1] == b"\x04", f"expected P-DATA, found {response[:10]!r}"
        assert response[11] == 0x03, "expected the whole command set in one value"
        return int(pydicom.dcmread(BytesIO(response[12:]), force=True)[0x00000900].value)

    def _read(self, length: int) -> bytes:
        content = b""
        while len(content) < length:
            try:
                piece = self.socket.recv(length - len(content))
            except ConnectionResetError:
                return b""
            if not piece:
                return content
            content += piece
        return content


def p_data(context_id: int, *values: bytes) -> bytes:
    """A P-DATA PDU of these values, each with its control byte in front."""
    body = b"".join(struct.pack(">LB", len(value) + 1, context_id) + value for value in values)
    return struct.pack(">BBL", 0x04, 0, len(body)) + body


def association_request(contexts: Sequence[tuple[str, Sequence[str]]], calling: str, called: str) -> bytes:
    """The A-ASSOCIATE-RQ PDU that proposes these abstract syntaxes with transfer syntaxes, as contexts 1, 3, …"""
    primitive = A_ASSOCIATE()
    primitive.application_context_name = "1.2.840.10008.3.1.1.1"
    primitive.calling_ae_title, primitive.called_ae_title = calling, called
    length, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
    length.maximum_length_received = 16382
    implementation.implementation_class_uid = pydicom.uid.UID("1.2.3.9")
    primitive.user_information = [length, implementation]
    proposed = []
    for number, (abstract_syntax, transfer_syntaxes) in enumerate(contexts):
        context = build_context(abstract_syntax, list(transfer_syntaxes))
        context.context_id = 2 * number + 1
        proposed.append(context)
    primitive.presentation_context_definition_list = proposed
    pdu = A_ASSOCIATE_RQ()
    pdu.from_primitive(primitive)
    return pdu.encode()
