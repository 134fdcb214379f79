"""Objects go to peers over real associations, and every one of them gets the peer's own answer."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from pynetdicom import AE, evt
from pynetdicom.association import Association

from tests.ports import free_port
from tests.wire.peers import CT_IMAGE, DCMTK_PATH, EXPLICIT, IMPLICIT, a_slice, dcmtk, eventually, real
from triaged.dicom.part10 import file_meta
from triaged.dimse.requestor import Requestor, outcome_of
from triaged.dimse.scu import DimseSender
from triaged.steps.ports import Outgoing, Peer, Refused, Sent, Unreachable

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
VERIFICATION = "1.2.840.10008.1.1"
Answer = Callable[[evt.Event], int | Dataset]


@pytest.fixture
def sender() -> DimseSender:
    return DimseSender("TRIAGED", timeout_s=10.0, connect_timeout_s=5.0)


@pytest.fixture
def objects(tmp_path: Path) -> list[Outgoing]:
    """Three slices on disk."""
    return [an_object(tmp_path, number) for number in (1, 2, 3)]


def an_object(folder: Path, number: int = 1) -> Outgoing:
    uid = f"1.2.3.4.{number}"
    meta = file_meta(sop_class_uid=CT_IMAGE, sop_instance_uid=uid, transfer_syntax_uid=EXPLICIT, source_ae_title="X")
    path = folder / f"{number}.dcm"
    path.write_bytes(meta + a_slice(number))
    return Outgoing(path, CT_IMAGE, uid, EXPLICIT)


@contextmanager
def peer_that(
    answer: Answer, contexts: Sequence[tuple[str, Sequence[str]]] = ((CT_IMAGE, (EXPLICIT, IMPLICIT)),), **settings: Any
) -> Iterator[Peer]:
    """An SCP by pynetdicom that answers every instance as told."""
    ae = AE("PACS")
    for name, value in settings.items():
        setattr(ae, name, value)
    for abstract_syntax, transfer_syntaxes in contexts:
        ae.add_supported_context(abstract_syntax, list(transfer_syntaxes))
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, answer)])
    assert server is not None
    try:
        yield Peer("pacs", "PACS", "127.0.0.1", server.server_address[1])
    finally:
        server.shutdown()


def status(code: int, comment: str = "") -> Dataset:
    dataset = Dataset()
    dataset.Status = code
    if comment:
        dataset.ErrorComment = comment
    return dataset


@contextmanager
def storescp(folder: Path, *options: str) -> Iterator[Peer]:
    """DCMTK's receiver, writing what comes into a folder."""
    if shutil.which("storescp", path=DCMTK_PATH) is None:
        pytest.skip("DCMTK is not installed: storescp")
    port = free_port()
    folder.mkdir()
    process = subprocess.Popen(
        ["storescp", *options, "-od", str(folder), str(port)], env={"TCP_NODELAY": "1", "PATH": DCMTK_PATH}
    )
    try:
        eventually(lambda: dcmtk("echoscu", "127.0.0.1", port).returncode == 0, "storescp to listen")
        yield Peer("dcmtk", "STORESCP", "127.0.0.1", port)
    finally:
        process.kill()
        process.wait()


def test_objects_arrive_at_dcmtk_as_they_are(sender: DimseSender, tmp_path: Path, objects: list[Outgoing]) -> None:
    with storescp(tmp_path / "in", "+xa", "-B") as peer:
        assert sender.send(objects, peer) == [Sent()] * 3
    received = {str(d.SOPInstanceUID): d for d in map(pydicom.dcmread, (tmp_path / "in").iterdir())}
    for sent in objects:
        original, arrived = pydicom.dcmread(sent.path), received[sent.sop_instance_uid]
        assert arrived == original
        assert arrived.file_meta.TransferSyntaxUID == EXPLICIT


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_real_objects_in_many_transfer_syntaxes_arrive_at_dcmtk(sender: DimseSender, tmp_path: Path) -> None:
    files = [path for path in real("interop/cornerstone3D_testImages") if path.name.startswith("CTImage")]
    # DCMTK takes neither a deflated stream of odd length, as this one is (PS3.5 A.5 wants it padded), nor these three.
    not_taken = ("Deflated", "Process6_8", "Process10_12", "Process14T")
    files = [path for path in files if not any(word in path.name for word in not_taken)]
    objects = []
    for path in files:
        header = pydicom.dcmread(path, stop_before_pixels=True)
        syntax = str(header.file_meta.TransferSyntaxUID)
        objects.append(Outgoing(path, str(header.SOPClassUID), str(header.SOPInstanceUID), syntax))
    with storescp(tmp_path / "in", "+xa", "-B", "+uf") as peer:
        assert sender.send(objects, peer) == [Sent()] * len(objects)
    arrived = {
        (str(d.file_meta.TransferSyntaxUID), bytes(d.PixelData))
        for d in map(pydicom.dcmread, (tmp_path / "in").iterdir())
    }
    for path in files:
        sent = pydicom.dcmread(path)
        assert (str(sent.file_meta.TransferSyntaxUID), bytes(sent.PixelData)) in arrived, path.name


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (status(0x0000), Sent()),
        (status(0xB000, "coerced"), Sent("warning 0xb000 coerced")),
        (status(0xB007), Sent("warning 0xb007")),
        (status(0x0111), Sent("the peer had the object already")),
        (status(0xA700, "disk full"), Refused("status 0xa700 disk full", final=False)),
        (status(0x0110), Refused("status 0x0110", final=False)),
        (status(0x0124), Refused("status 0x0124", final=False)),
        (status(0xA900), Refused("status 0xa900", final=True)),
        (status(0xC123), Refused("status 0xc123", final=True)),
        (status(0x0122), Refused("status 0x0122", final=True)),
    ],
    ids=str,
)
def test_a_status_means_what_the_standard_says(
    sender: DimseSender, tmp_path: Path, answer: Dataset, outcome: Sent | Refused
) -> None:
    with peer_that(lambda event: answer) as peer:
        assert sender.send([an_object(tmp_path)], peer) == [outcome]


def test_one_refused_object_says_nothing_about_the_others(sender: DimseSender, objects: list[Outgoing]) -> None:
    def answer(event: evt.Event) -> int:
        return 0xA700 if event.file_meta.MediaStorageSOPInstanceUID == "1.2.3.4.2" else 0x0000

    with peer_that(answer) as peer:
        outcomes = sender.send(objects, peer)
    assert outcomes == [Sent(), Refused("status 0xa700", final=False), Sent()]


def test_a_sop_class_that_the_peer_does_not_take_is_refused_and_the_rest_sent(
    sender: DimseSender, tmp_path: Path, objects: list[Outgoing]
) -> None:
    strange = Outgoing(objects[0].path, SECONDARY_CAPTURE, "1.2.3.4.1", EXPLICIT)
    with peer_that(lambda event: 0x0000) as peer:
        outcomes = sender.send([strange, objects[1]], peer)
    why = (
        "Secondary Capture Image Storage is not accepted "
        "(SOP class not supported; offered as Explicit VR Little Endian, Implicit VR Little Endian)"
    )
    assert outcomes == [Refused(why, final=True), Sent()]


def test_a_transfer_syntax_that_the_peer_does_not_take_is_refused(sender: DimseSender, tmp_path: Path) -> None:
    jpeg = Outgoing(tmp_path / "never read", CT_IMAGE, "1.2.3.4.1", "1.2.840.10008.1.2.4.70")
    with peer_that(lambda event: 0x0000) as peer:
        (outcome,) = sender.send([jpeg], peer)
    assert isinstance(outcome, Refused)
    assert outcome.final
    assert outcome.reason.startswith("CT Image Storage is not accepted as JPEG Lossless")


def test_a_peer_that_knows_only_the_default_transfer_syntax_gets_that(sender: DimseSender, tmp_path: Path) -> None:
    received: list[Dataset] = []

    def keep(event: evt.Event) -> int:
        received.append(event.dataset)
        assert event.context.transfer_syntax == IMPLICIT
        return 0x0000

    with peer_that(keep, ((CT_IMAGE, (IMPLICIT,)),)) as peer:
        assert sender.send([an_object(tmp_path)], peer) == [Sent()]
    assert received[0] == pydicom.dcmread(tmp_path / "1.dcm")


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_a_peer_that_takes_no_rle_gets_the_same_picture_uncompressed(
    sender: DimseSender, tmp_path: Path, syntax: str
) -> None:
    picture = _rle_picture(tmp_path / "picture.dcm")
    taken: list[Dataset] = []

    def keep(event: evt.Event) -> int:
        taken.append(event.dataset)
        taken[0].file_meta = event.file_meta
        return 0x0000

    with peer_that(keep, contexts=[(SECONDARY_CAPTURE, [syntax])]) as peer:
        assert sender.send([picture], peer) == [Sent()]

    assert taken[0].SOPInstanceUID == picture.sop_instance_uid
    assert taken[0].file_meta.TransferSyntaxUID == syntax
    assert np.array_equal(taken[0].pixel_array, pydicom.dcmread(picture.path).pixel_array)


def _rle_picture(path: Path) -> Outgoing:
    picture = Dataset()
    picture.SOPClassUID, picture.SOPInstanceUID = SECONDARY_CAPTURE, "1.2.3.4.77"
    picture.Rows, picture.Columns, picture.SamplesPerPixel, picture.PlanarConfiguration = 24, 16, 3, 0
    picture.PhotometricInterpretation, picture.PixelRepresentation = "RGB", 0
    picture.BitsAllocated = picture.BitsStored = 8
    picture.HighBit = 7
    picture.PixelData = np.arange(24 * 16 * 3, dtype=np.uint32).astype(np.uint8).tobytes()
    picture.file_meta = pydicom.dataset.FileMetaDataset()
    picture.file_meta.TransferSyntaxUID = pydicom.uid.UID(EXPLICIT)
    picture.compress(pydicom.uid.RLELossless, generate_instance_uid=False)
    picture.save_as(path, enforce_file_format=True)
    return Outgoing(path, SECONDARY_CAPTURE, "1.2.3.4.77", pydicom.uid.RLELossless)


def test_a_peer_that_breaks_off_has_not_got_the_rest(sender: DimseSender, objects: list[Outgoing]) -> None:
    seen: list[str] = []

    def break_off(event: evt.Event) -> int:
        seen.append(str(event.file_meta.MediaStorageSOPInstanceUID))
        if len(seen) == 2:
            event.assoc.abort()
        return 0x0000

    with peer_that(break_off) as peer:
        outcomes = sender.send(objects, peer)
    assert outcomes[0] == Sent()
    assert [type(outcome) for outcome in outcomes[1:]] == [Unreachable, Unreachable]
    assert len(seen) == 2


def test_a_peer_that_does_not_know_us_is_asked_again_later(sender: DimseSender, objects: list[Outgoing]) -> None:
    with peer_that(lambda event: 0x0000, require_calling_aet=["OTHER"]) as peer:
        outcomes = sender.send(objects, peer)
    why = "association rejected by PACS: Rejected (Permanent), Calling AE title not recognised"
    assert outcomes == [Unreachable(why)] * 3


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (
            bytes([3, 0, 0, 0, 0, 4, 0, 1, 1, 7]),
            "Rejected (Permanent), Called AE title not recognised",
        ),
        (bytes([7, 0, 0, 0, 0, 4, 0, 0, 0, 0]), "association aborted by RAW"),
        (b"", "gave no answer to the request for an association"),
    ],
)
def test_an_answer_is_told_though_the_connection_is_closed_before_anybody_looks(answer: bytes, outcome: str) -> None:
    def until_it_is_closed(event: evt.Event) -> None:
        event.assoc.dul.join(10)

    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as answering:
        answering.submit(answer_once, listening, answer)
        peer = Peer("raw", "RAW", "127.0.0.1", listening.getsockname()[1])
        requestor = Requestor("TRIAGED", timeout_s=10.0, connect_timeout_s=5.0)
        handlers = [(evt.EVT_REQUESTED, until_it_is_closed)]
        with requestor.association(peer, {VERIFICATION: (IMPLICIT,)}, handlers=handlers) as association:
            assert isinstance(association, Unreachable)
    assert outcome in association.reason


def answer_once(listening: socket.socket, answer: bytes) -> None:
    """Take a request for an association, send some bytes, and close."""
    connection, _ = listening.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(answer)
        connection.shutdown(socket.SHUT_RDWR)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # pynetdicom leaves its socket open
@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_a_peer_that_is_not_there_is_unreachable(sender: DimseSender, objects: list[Outgoing], host: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        peer = Peer("gone", "GONE", host, free.getsockname()[1])
        outcomes = sender.send(objects, peer)
    assert [type(outcome) for outcome in outcomes] == [Unreachable] * 3
    assert isinstance(sender.echo(peer), Unreachable)


def test_a_peer_that_listens_and_says_nothing_is_unreachable(objects: list[Outgoing]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        peer = Peer("silent", "SILENT", "127.0.0.1", silent.getsockname()[1])
        outcomes = DimseSender("TRIAGED", timeout_s=0.5).send(objects, peer)
    assert {type(outcome) for outcome in outcomes} == {Unreachable}


def test_a_file_that_is_gone_is_refused_for_now(sender: DimseSender, tmp_path: Path) -> None:
    with peer_that(lambda event: 0x0000) as peer:
        (outcome,) = sender.send([Outgoing(tmp_path / "gone.dcm", CT_IMAGE, "1.2", EXPLICIT)], peer)
    assert isinstance(outcome, Refused)
    assert not outcome.final


def test_more_objects_than_one_association_can_negotiate_are_all_sent(sender: DimseSender, tmp_path: Path) -> None:
    objects = [an_object(tmp_path, number) for number in range(1, 140)]
    with peer_that(lambda event: 0x0000) as peer:
        assert sender.send(objects, peer) == [Sent()] * len(objects)


def test_an_echo_says_whether_the_peer_is_there(sender: DimseSender, tmp_path: Path) -> None:
    with storescp(tmp_path / "in") as peer:
        assert sender.echo(peer) == Sent()
    with peer_that(lambda event: 0x0000) as without_verification:
        assert sender.echo(without_verification) == Refused("Verification is not accepted", final=True)


@pytest.mark.parametrize("code", [0xC123, 0xA700, 0xB000])
def test_the_words_of_a_peer_are_for_the_status_page_and_not_for_the_log(code: int) -> None:
    """Some quote the patient in the Error Comment."""
    outcome = outcome_of(status(code, "Roe^Jane is unknown"), None, final=())  # type: ignore[arg-type]
    said = outcome.comment if isinstance(outcome, Sent) else outcome.reason
    assert said.endswith("Roe^Jane is unknown")
    assert outcome.for_log.endswith(f"{code:#06x}")


def test_the_words_of_the_library_are_for_the_status_page_and_not_for_the_log(
    sender: DimseSender, objects: list[Outgoing]
) -> None:
    quoting = mock.patch.object(Association, "send_c_store", side_effect=ValueError("found Roe^Jane"))
    with peer_that(lambda _: 0x0000) as peer, quoting:
        outcome = next(iter(sender.send(objects, peer)))
    assert isinstance(outcome, Refused)
    assert "Roe" in outcome.reason
    assert outcome.for_log == "the object cannot be sent: ValueError"
