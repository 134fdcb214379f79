"""Asking other lists how urgent an order is: DCMTK's worklist, pynetdicom, our own list, and what misbehaves."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE, evt

from tests.ports import free_port
from tests.store.making import Studies, admit, instance, ranking, study_uid
from tests.wire.peers import DCMTK_PATH, clock, eventually, receiving
from triaged.config.settings import Config
from triaged.daemon.progress import Progress
from triaged.daemon.rooms import open_rooms, policy
from triaged.daemon.ticking import tick
from triaged.dimse.priority_scu import MODALITY_WORKLIST, OrderPriorities, Source
from triaged.steps.ports import ImagingRequest, Peer, Unreachable
from triaged.steps.worklist_query import WorklistQuery
from triaged.store.listing.worklist import Worklist
from triaged.store.tables.database import open_database
from triaged.study.ranking import RequestPriority, TriageClass

UPS_PULL = "1.2.840.10008.5.1.4.34.6.3"
NOBODY = ImagingRequest("", "")


def dataset(**values: Any) -> Dataset:
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def scheduled(accession_number: str, study_instance_uid: str, priority: str) -> Dataset:
    """An item of a modality worklist, with all that DCMTK demands of one."""
    step = dataset(
        ScheduledStationAETitle="CT1",
        ScheduledProcedureStepStartDate="20260301",
        ScheduledProcedureStepStartTime="120000",
        Modality="CT",
        ScheduledPerformingPhysicianName="",
        ScheduledProcedureStepDescription="CT thorax",
        ScheduledProcedureStepID="1",
    )
    return dataset(
        SpecificCharacterSet="ISO_IR 192",
        AccessionNumber=accession_number,
        ReferringPhysicianName="",
        PatientName="Müller^Jürgen",
        PatientID="P-1",
        PatientBirthDate="19560412",
        PatientSex="M",
        StudyInstanceUID=study_instance_uid,
        RequestedProcedureDescription="CT thorax",
        ScheduledProcedureStepSequence=[step],
        RequestedProcedureID="1",
        RequestedProcedurePriority=priority,
    )


ITEMS = [
    scheduled("A-1", "1.2.3.1", "STAT"),
    scheduled("A-2", "1.2.3.2", "ROUTINE"),
    scheduled("A-3", "1.2.3.3", ""),
    scheduled("A-4", "1.2.3.40", "LOW"),
    scheduled("A-4", "1.2.3.41", "HIGH"),
    scheduled("A-12", "1.2.3.12", "STAT"),
]

ANSWERS = [
    ("by accession number", ImagingRequest("A-1", "1.2.9.9"), RequestPriority.STAT),
    ("spaces around it mean nothing", ImagingRequest(" A-1 ", ""), RequestPriority.STAT),
    ("a longer number is another one", ImagingRequest("A-", ""), None),
    ("a routine order", ImagingRequest("A-2", ""), RequestPriority.ROUTINE),
    ("an order without a priority", ImagingRequest("A-3", ""), None),
    ("by the study", ImagingRequest("", "1.2.3.1"), RequestPriority.STAT),
    ("by the study where the number is not known", ImagingRequest("X-9", "1.2.3.1"), RequestPriority.STAT),
    ("of several studies the one that was asked for", ImagingRequest("A-4", "1.2.3.40"), RequestPriority.LOW),
    ("of several other studies the most urgent", ImagingRequest("A-4", "1.2.9.9"), RequestPriority.HIGH),
    ("a pattern asks for nothing", ImagingRequest("A-*", ""), None),
    ("neither does a list", ImagingRequest("A-1\\A-2", ""), None),
    ("nothing known", ImagingRequest("A-99", "1.2.9.9"), None),
    ("nothing to ask for", NOBODY, None),
]
CASES = pytest.mark.parametrize(
    ("order", "expected"), [case[1:] for case in ANSWERS], ids=[case[0] for case in ANSWERS]
)


@pytest.fixture(scope="module")
def mwl() -> OrderPriorities:
    return OrderPriorities("TRIAGED", Source.MODALITY_WORKLIST, timeout_s=5.0)


@pytest.fixture(scope="module")
def ups() -> OrderPriorities:
    return OrderPriorities("TRIAGED", Source.UNIFIED_PROCEDURE_STEPS, timeout_s=5.0)


def is_open(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def dcmtk_worklist(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """DCMTK's worklist server over files."""
    if shutil.which("wlmscpfs", path=DCMTK_PATH) is None:
        pytest.skip("DCMTK is not installed: wlmscpfs")
    folder = tmp_path_factory.mktemp("dcmtk")
    (folder / "RIS").mkdir()
    (folder / "RIS" / "lockfile").touch()
    for number, item in enumerate(ITEMS):
        item.file_meta = FileMetaDataset()
        item.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        item.file_meta.MediaStorageSOPClassUID = UID(MODALITY_WORKLIST)
        item.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        dcmwrite(folder / "RIS" / f"{number}.wl", item, enforce_file_format=True)
    port = free_port()
    environment = {**os.environ, "PATH": DCMTK_PATH, "TCP_NODELAY": "1"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["wlmscpfs", "-dfp", str(folder), "-s", str(port)], env=environment, stdout=log, stderr=log
        )
    try:
        eventually(lambda: is_open(port), "wlmscpfs to listen")
        yield Peer("ris", "RIS", "127.0.0.1", port)
    finally:
        process.terminate()
        process.wait(20)


@CASES
def test_dcmtk_is_asked(
    mwl: OrderPriorities, dcmtk_worklist: Peer, order: ImagingRequest, expected: RequestPriority | None
) -> None:
    assert mwl.ask(order, dcmtk_worklist) is expected


@contextmanager
def answering(handler: Callable[[evt.Event], Any], sop_class: str = MODALITY_WORKLIST) -> Iterator[Peer]:
    """pynetdicom as a list."""
    ae = AE("RIS")
    ae.add_supported_context(sop_class)
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_FIND, handler)])
    assert server is not None
    try:
        yield Peer("ris", "RIS", "127.0.0.1", server.server_address[1])
    finally:
        server.shutdown()


def step(accession_number: str, study_instance_uid: str, priority: str, state: str = "SCHEDULED") -> Dataset:
    """A Unified Procedure Step as a RIS may answer it."""
    request = dataset(AccessionNumber=accession_number, StudyInstanceUID=study_instance_uid)
    return dataset(
        StudyInstanceUID="",
        ProcedureStepState=state,
        ScheduledProcedureStepPriority=priority,
        ReferencedRequestSequence=[request],
    )


def test_a_list_that_takes_no_notice_of_the_keys_is_understood(mwl: OrderPriorities) -> None:
    def everything(_event: evt.Event) -> Iterator[tuple[int, Dataset]]:
        yield from ((0xFF01, item) for item in ITEMS)

    with answering(everything) as peer:
        assert mwl.ask(ImagingRequest("A-2", "1.2.3.2"), peer) is RequestPriority.ROUTINE
        assert mwl.ask(ImagingRequest("A-77", "1.2.3.77"), peer) is None


def test_procedure_steps_are_asked_and_those_that_were_cancelled_say_nothing(ups: OrderPriorities) -> None:
    steps = [
        step("A-1", "1.2.3.1", "MEDIUM"),
        step("A-1", "1.2.3.1", "HIGH", state="CANCELED"),
        step("A-2", "1.2.3.2", "HIGH"),
        step("A-5", "1.2.3.5", "NONSENSE"),
    ]

    def everything(_event: evt.Event) -> Iterator[tuple[int, Dataset]]:
        yield from ((0xFF00, item) for item in steps)

    with answering(everything, UPS_PULL) as peer:
        assert ups.ask(ImagingRequest("A-1", ""), peer) is RequestPriority.MEDIUM
        assert ups.ask(ImagingRequest("", "1.2.3.2"), peer) is RequestPriority.HIGH
        assert ups.ask(ImagingRequest("A-5", ""), peer) is None


def test_our_own_list_can_be_asked(ups: OrderPriorities, tmp_path: Path, sqlite_url: str) -> None:
    database = open_database(sqlite_url)
    for number, triage_class in ((1, TriageClass.SEVERE), (2, TriageClass.NOT_FLAGGED)):
        where = ranking(number, study_uid(number), triage_class=triage_class)
        admit(Studies(database), instance(number, 1), minutes=number, where=where)
    with receiving(tmp_path, sqlite_url, worklist=WorklistQuery(Worklist(database))) as ours:
        peer = Peer("other", "TRIAGED", "127.0.0.1", ours.port)
        asked = [ups.ask(ImagingRequest("", study_uid(number).value), peer) for number in (1, 2, 3)]
    database.close()
    assert asked == [RequestPriority.HIGH, RequestPriority.LOW, None]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # pynetdicom leaves its socket open
def test_a_list_that_fails_is_not_one_that_knows_nothing(mwl: OrderPriorities, ups: OrderPriorities) -> None:
    def failing(_event: evt.Event) -> Iterator[tuple[int, None]]:
        yield 0xA700, None

    with answering(failing) as peer:
        assert mwl.ask(ImagingRequest("A-1", ""), peer) == Unreachable("status 0xa700")
        assert isinstance(ups.ask(ImagingRequest("A-1", ""), peer), Unreachable), (
            "it accepts no class of the other list"
        )
    assert isinstance(mwl.ask(ImagingRequest("A-1", ""), peer), Unreachable), "nobody listens any more"


def test_a_list_without_end_is_cut_off(mwl: OrderPriorities) -> None:
    def endless(_event: evt.Event) -> Iterator[tuple[int, Dataset]]:
        while True:
            yield 0xFF00, dataset(AccessionNumber="A-1", RequestedProcedurePriority="STAT")

    with answering(endless) as peer:
        answer = mwl.ask(ImagingRequest("A-1", ""), peer)
    assert isinstance(answer, Unreachable)
    assert "more than 1000" in answer.reason


def test_a_list_that_says_nothing_costs_no_more_than_the_time_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        peer = Peer("ris", "RIS", "127.0.0.1", deaf.getsockname()[1])
        impatient = OrderPriorities("TRIAGED", Source.MODALITY_WORKLIST, timeout_s=0.3)
        began = time.monotonic()
        assert isinstance(impatient.ask(ImagingRequest("A-1", ""), peer), Unreachable)
        assert time.monotonic() - began < 20.0, "a deadline, not a measurement"


def test_the_clock_looks_up_what_is_complete_and_ends_when_told(tmp_path: Path, sqlite_url: str) -> None:
    def urgent(event: evt.Event) -> Iterator[tuple[int, Dataset]]:
        asked = event.identifier
        yield 0xFF00, dataset(AccessionNumber=asked.AccessionNumber, RequestedProcedurePriority="STAT")

    with answering(urgent) as peer:
        address = {"ae_title": "RIS", "host": peer.host, "port": peer.port}
        settings = {
            "database": {"url": sqlite_url},
            "storage": {"path": tmp_path / "spool", "reserve_mb": 0},
            "order_priority": {"source": "mwl", **address},
        }
        rooms, stop = open_rooms(Config.model_validate(settings)), threading.Event()
        studies, worklist = Studies(rooms.database), Worklist(rooms.database)
        for number in (1, 2):
            admit(studies, instance(number, 1))
        studies.complete(study_uid(2), 1, ranking=policy(rooms.config), cause="whole", now=clock())
        ticking = threading.Thread(target=tick, args=(rooms, "clock", stop, Progress()))
        ticking.start()
        try:
            eventually(lambda: first_of(worklist) == (study_uid(2).value, TriageClass.EMERGENCY), "the answer")
        finally:
            stop.set()
            ticking.join()
            rooms.database.close()


def first_of(worklist: Worklist) -> tuple[str, TriageClass]:
    first = worklist.entries(1)[0]
    return first.study_instance_uid, first.triage_class
