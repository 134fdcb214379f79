"""What a peer takes is found out by asking, and every result reaches it in a way that it takes, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, RLELossless
from pynetdicom import evt

from tests.wire.peers import dcmtk
from tests.wire.test_send import peer_that, storescp
from triaged.dimse.scu import VERIFICATION, DimseSender
from triaged.dimse.syntaxes import NAMES
from triaged.steps.ports import Negotiation, Outgoing, Peer, Refused, Sent, Unreachable
from triaged.study.commitment import STORAGE_COMMITMENT_PUSH_MODEL
from triaged.study.kinds import DEFLATED, EXPLICIT, IMPLICIT, KINDS, RLE

WANTED = {kind.sop_class_uid: kind.transfer_syntaxes for kind in KINDS.values()}
PICTURE, PICTURES = "1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.7.4"
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
REPORT, TEXT = "1.2.840.10008.5.1.4.1.1.88.34", "1.2.840.10008.5.1.4.1.1.88.11"
KEY_OBJECTS = "1.2.840.10008.5.1.4.1.1.88.59"
OUTLINES = "1.2.840.10008.5.1.4.1.1.11.1"


@pytest.fixture(scope="module")
def sender() -> DimseSender:
    return DimseSender("TRIAGED", timeout_s=10.0, connect_timeout_s=5.0)


@pytest.fixture
def results(tmp_path: Path) -> dict[str, Outgoing]:
    """One object of each kind, stored as ours are."""
    return {
        PICTURE: a_picture(tmp_path / "picture.dcm", PICTURE, frames=1),
        PICTURES: a_picture(tmp_path / "pictures.dcm", PICTURES, frames=3),
        SEGMENTATION: a_segmentation(tmp_path / "segmentation.dcm"),
        REPORT: a_report(tmp_path / "report.dcm", REPORT),
        TEXT: a_report(tmp_path / "text.dcm", TEXT),
        KEY_OBJECTS: a_report(tmp_path / "kos.dcm", KEY_OBJECTS),
        OUTLINES: a_report(tmp_path / "outlines.dcm", OUTLINES),
    }


def an_object(sop_class_uid: str, number: int) -> pydicom.Dataset:
    dataset = pydicom.Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class_uid, f"1.2.3.4.{number}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3", f"1.2.3.{number}"
    dataset.PatientName, dataset.PatientID = "Иванов^Иван", "1"
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(EXPLICIT)
    return dataset


def a_picture(path: Path, sop_class_uid: str, *, frames: int) -> Outgoing:
    dataset = an_object(sop_class_uid, 10 + frames)
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel, dataset.PlanarConfiguration = 24, 17, 3, 0
    if frames > 1:
        dataset.NumberOfFrames = frames
    dataset.PhotometricInterpretation, dataset.PixelRepresentation = "RGB", 0
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit = 7
    dataset.PixelData = np.random.default_rng(3).integers(0, 256, frames * 24 * 17 * 3, dtype=np.uint8).tobytes()
    dataset.compress(RLELossless, generate_instance_uid=False)
    dataset.save_as(path, enforce_file_format=True)
    return Outgoing(path, sop_class_uid, str(dataset.SOPInstanceUID), RLE)


def a_segmentation(path: Path) -> Outgoing:
    """Frames of bits whose number is no multiple of eight, so that frames begin within a byte."""
    dataset = an_object(SEGMENTATION, 20)
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames, dataset.SamplesPerPixel = 5, 7, 3, 1
    dataset.PhotometricInterpretation, dataset.PixelRepresentation = "MONOCHROME2", 0
    dataset.BitsAllocated = dataset.BitsStored = 1
    dataset.HighBit = 0
    bits = np.random.default_rng(4).integers(0, 2, 105, dtype=np.uint8)
    dataset.PixelData = np.packbits(bits, bitorder="little").tobytes()
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.save_as(path, enforce_file_format=True)
    return Outgoing(path, SEGMENTATION, str(dataset.SOPInstanceUID), DEFLATED)


def a_report(path: Path, sop_class_uid: str) -> Outgoing:
    dataset = an_object(sop_class_uid, 30 + (REPORT, TEXT, KEY_OBJECTS, OUTLINES).index(sop_class_uid))
    dataset.ValueType = "CONTAINER"
    item = pydicom.Dataset()
    item.ValueType, item.TextValue = "TEXT", "両肺"
    dataset.ContentSequence = [item, item]
    dataset.save_as(path, enforce_file_format=True)
    return Outgoing(path, sop_class_uid, str(dataset.SOPInstanceUID), EXPLICIT)


def wishing(outgoing: Outgoing, *syntaxes: str) -> Outgoing:
    return Outgoing(
        outgoing.path,
        outgoing.sop_class_uid,
        outgoing.sop_instance_uid,
        outgoing.transfer_syntax_uid,
        transfer_syntaxes=syntaxes,
    )


def the_same(arrived: pydicom.Dataset, outgoing: Outgoing) -> bool:
    """Whether two objects say the same, however their pixels are encoded."""
    stored = pydicom.dcmread(outgoing.path)
    if "PixelData" in stored:
        assert np.array_equal(arrived.pixel_array, stored.pixel_array)
        del arrived.PixelData, stored.PixelData
    return bool(arrived == stored)


@pytest.mark.parametrize(
    ("option", "syntaxes"),
    [
        ("+xi", {IMPLICIT}),
        ("+xe", {EXPLICIT, IMPLICIT}),
        ("+xd", {DEFLATED, EXPLICIT, IMPLICIT}),
        ("+xr", {RLE, EXPLICIT, IMPLICIT}),
    ],
)
def test_every_result_arrives_at_dcmtk_whatever_it_prefers(
    sender: DimseSender, tmp_path: Path, results: dict[str, Outgoing], option: str, syntaxes: set[str]
) -> None:
    with storescp(tmp_path / "in", option) as peer:
        assert sender.send(list(results.values()), peer) == [Sent()] * len(results)
    arrived = {str(d.SOPClassUID): d for d in map(pydicom.dcmread, (tmp_path / "in").iterdir())}
    assert set(arrived) == set(results)
    assert {str(dataset.file_meta.TransferSyntaxUID) for dataset in arrived.values()} <= syntaxes
    stored_as = {uid: results[uid].transfer_syntax_uid for uid in results}
    for uid, dataset in arrived.items():
        if stored_as[uid] in syntaxes:
            assert str(dataset.file_meta.TransferSyntaxUID) == stored_as[uid], "converted without need"
        assert the_same(dataset, results[uid])


@pytest.mark.parametrize("sop_class_uid", WANTED)
@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, DEFLATED, RLE])
def test_a_result_goes_in_each_transfer_syntax_that_a_destination_may_want(
    sender: DimseSender, results: dict[str, Outgoing], sop_class_uid: str, syntax: str
) -> None:
    arrived: list[pydicom.Dataset] = []

    def keep(event: evt.Event) -> int:
        arrived.append(event.dataset)
        arrived[0].file_meta = event.file_meta
        return 0x0000

    outgoing = wishing(results[sop_class_uid], syntax)
    with peer_that(keep, [(sop_class_uid, [RLE, DEFLATED, EXPLICIT, IMPLICIT])]) as peer:
        (outcome,) = sender.send([outgoing], peer)
    if syntax in WANTED[sop_class_uid]:
        assert outcome == Sent()
        assert arrived[0].file_meta.TransferSyntaxUID == syntax
        assert the_same(arrived[0], outgoing)
    else:
        assert isinstance(outcome, Refused)
        assert outcome.reason.endswith("cannot go as RLE Lossless, and nothing else is wanted for this destination")
        assert not arrived


@pytest.mark.parametrize("wished", [(EXPLICIT, DEFLATED), (DEFLATED, EXPLICIT), (RLE, IMPLICIT, EXPLICIT)])
def test_the_first_wish_that_the_peer_can_take_is_granted(
    sender: DimseSender, results: dict[str, Outgoing], wished: tuple[str, ...]
) -> None:
    seen: list[str] = []

    def keep(event: evt.Event) -> int:
        seen.append(str(event.context.transfer_syntax))
        return 0x0000

    with peer_that(keep, [(SEGMENTATION, [IMPLICIT, EXPLICIT, DEFLATED])]) as peer:
        assert sender.send([wishing(results[SEGMENTATION], *wished)], peer) == [Sent()]
    assert seen == [next(syntax for syntax in wished if syntax != RLE)]


def test_nothing_goes_in_a_transfer_syntax_that_is_not_wished(
    sender: DimseSender, results: dict[str, Outgoing]
) -> None:
    with peer_that(lambda event: 0x0000, [(SEGMENTATION, [IMPLICIT])]) as peer:
        (outcome,) = sender.send([wishing(results[SEGMENTATION], DEFLATED, EXPLICIT)], peer)
    assert outcome == Refused(
        "Segmentation Storage is accepted only as Implicit VR Little Endian; "
        "wanted is Deflated Explicit VR Little Endian, Explicit VR Little Endian",
        final=True,
    )


def test_a_peer_that_refuses_segmentations_gets_the_rest_and_the_reason_has_words(
    sender: DimseSender, results: dict[str, Outgoing]
) -> None:
    rest = [uid for uid in results if uid != SEGMENTATION]
    with peer_that(lambda event: 0x0000, [(uid, [EXPLICIT]) for uid in rest]) as peer:
        outcomes = dict(zip(results, sender.send(list(results.values()), peer), strict=True))
    assert outcomes.pop(SEGMENTATION) == Refused(
        "Segmentation Storage is not accepted (SOP class not supported; offered as "
        "Deflated Explicit VR Little Endian, Explicit VR Little Endian, Implicit VR Little Endian)",
        final=True,
    )
    assert set(outcomes.values()) == {Sent()}


def test_what_a_peer_accepts_is_found_out_without_sending_anything(sender: DimseSender) -> None:
    received: list[evt.Event] = []

    def keep(event: evt.Event) -> int:
        received.append(event)
        return 0x0000

    takes = [(PICTURE, [RLE, IMPLICIT]), (REPORT, [EXPLICIT]), (VERIFICATION, [IMPLICIT])]
    with peer_that(keep, takes) as peer:
        answer = sender.negotiate(WANTED, peer)
    assert answer == Negotiation(
        {
            VERIFICATION: (IMPLICIT,),
            STORAGE_COMMITMENT_PUSH_MODEL: (),
            PICTURE: (RLE, IMPLICIT),
            PICTURES: (),
            SEGMENTATION: (),
            REPORT: (EXPLICIT,),
            TEXT: (),
            KEY_OBJECTS: (),
            OUTLINES: (),
        }
    )
    assert not received


def test_a_peer_that_accepts_nothing_has_answered(sender: DimseSender) -> None:
    with peer_that(lambda event: 0x0000, [("1.2.3.4", [IMPLICIT])]) as peer:
        answer = sender.negotiate(WANTED, peer)
    assert isinstance(answer, Negotiation)
    assert set(answer.accepted.values()) == {()}


def test_dcmtk_says_what_it_accepts(sender: DimseSender, tmp_path: Path) -> None:
    with storescp(tmp_path / "in", "+xd") as peer:
        answer = sender.negotiate(WANTED, peer)
        assert dcmtk("echoscu", peer.host, peer.port).returncode == 0
    assert isinstance(answer, Negotiation)
    assert set(answer.accepted[SEGMENTATION]) == {DEFLATED, EXPLICIT, IMPLICIT}
    assert set(answer.accepted[PICTURE]) == {DEFLATED, EXPLICIT, IMPLICIT}
    assert answer.accepted[STORAGE_COMMITMENT_PUSH_MODEL] == ()
    assert answer.accepted[VERIFICATION]


def test_more_proposals_than_one_association_holds_are_all_answered(sender: DimseSender) -> None:
    wanted: dict[str, Sequence[str]] = {f"1.2.3.{number}": (EXPLICIT, IMPLICIT) for number in range(100)}
    with peer_that(lambda event: 0x0000, [("1.2.3.99", [IMPLICIT]), ("1.2.3.61", [EXPLICIT, IMPLICIT])]) as peer:
        answer = sender.negotiate(wanted, peer)
    assert isinstance(answer, Negotiation)
    assert {uid: syntaxes for uid, syntaxes in answer.accepted.items() if syntaxes} == {
        "1.2.3.99": (IMPLICIT,),
        "1.2.3.61": (EXPLICIT, IMPLICIT),
    }
    assert len(answer.accepted) == 102


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # pynetdicom leaves its socket open
def test_a_peer_that_is_away_cannot_be_asked(sender: DimseSender) -> None:
    assert isinstance(sender.negotiate(WANTED, Peer("gone", "GONE", "no-such-host.invalid", 104)), Unreachable)


def test_names_of_settings_are_the_transfer_syntaxes_that_results_go_in() -> None:
    assert set(NAMES.values()) == {syntax for syntaxes in WANTED.values() for syntax in syntaxes}
    assert {name: UID(uid).name for name, uid in NAMES.items()} == {
        "explicit": "Explicit VR Little Endian",
        "implicit": "Implicit VR Little Endian",
        "deflated": "Deflated Explicit VR Little Endian",
        "rle": "RLE Lossless",
    }
