"""A store with whole studies in it: files through the real intake, result objects as the flow publishes them."""

from __future__ import annotations

from collections.abc import Sequence
from email import message_from_bytes
from io import BytesIO

import numpy as np
from httpx2 import Response
from numpy.typing import NDArray
from pydicom import Dataset, FileMetaDataset, dcmread
from pydicom.filewriter import dcmwrite
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
    RLELossless,
)

from tests.results.ct_study import CtStudy, ct_study, encoded
from tests.store.making import at, next_set
from tests.web.scene import OPTIONS, Scene, found
from triaged.results.instance import ResultObject
from triaged.spool.keeping import data_set_at
from triaged.steps.intake import Intake, Offer
from triaged.steps.ranking_policy import ranking_policy
from triaged.store.studies.outcomes import Found, Made
from triaged.study.assessment import Assessed
from triaged.study.ranking import RequestPriority
from triaged.study.records import Admission, DerivedObject
from triaged.study.uids import StudyUID
from triaged.triage.ordering import place
from triaged.triage.scheme import Waiting

BASE = "/dicom-web"
ALL_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'
STUDY, SERIES = "1.2.826.0.1.3680043.8.498.2", "1.2.826.0.1.3680043.8.498.3"
SLICE = "1.2.826.0.1.3680043.8.498.4.{}"
ODD_STUDY = "1.2.826.0.1.3680043.8.498.200"


def chest() -> tuple[CtStudy, list[bytes]]:
    """Return the analytic study and its files, the lowest slice first."""
    study = ct_study()
    stored = study.reorientation.undo(study.volume.voxels) + 1024
    for number, header in enumerate(study.sources):
        _add_pixels(header, stored[number].astype(np.uint16))
        header.RescaleSlope, header.RescaleIntercept = 1, -1024
    return study, [encoded(header) for header in study.sources]


def odd_image(number: int, pixels: NDArray[np.generic], **says: object) -> Dataset:
    """Return an image of a study of odd ones, each in a series of its own; `pixels` that are bool are packed."""
    header = Dataset()
    header.PatientName, header.PatientID, header.PatientBirthDate = "Odd^Ottilie", "P-200", "19500101"
    header.PatientSex, header.StudyDate, header.StudyTime, header.AccessionNumber = "O", "20260101", "101112.5", "A-200"
    header.StudyInstanceUID, header.SeriesInstanceUID = ODD_STUDY, f"{ODD_STUDY}.{number}"
    header.SOPInstanceUID, header.SOPClassUID = f"{ODD_STUDY}.{number}.1", "1.2.840.10008.5.1.4.1.1.7"
    header.Modality, header.SeriesNumber, header.InstanceNumber = "OT", number, 1
    _add_pixels(header, pixels)
    for keyword, value in says.items():
        setattr(header, keyword, value)
    return header


def _add_pixels(header: Dataset, pixels: NDArray[np.generic]) -> None:
    frames = pixels.shape[0] if pixels.ndim == 4 else 1
    rows, columns, samples = (*pixels.shape[-3:],) if pixels.ndim >= 3 else (*pixels.shape, 1)
    header.Rows, header.Columns, header.SamplesPerPixel = rows, columns, samples
    header.PhotometricInterpretation = "RGB" if samples == 3 else "MONOCHROME2"
    if samples == 3:
        header.PlanarConfiguration = 0
    if frames > 1:
        header.NumberOfFrames = frames
    bits = 1 if pixels.dtype == bool else 8 * pixels.dtype.itemsize
    header.BitsAllocated = header.BitsStored = bits
    header.HighBit, header.PixelRepresentation = bits - 1, 0
    content = (
        np.packbits(pixels.reshape(-1).astype(bool), bitorder="little").tobytes() if bits == 1 else pixels.tobytes()
    )
    header.PixelData = content + b"\0" * (len(content) % 2)
    header["PixelData"].VR = "OW" if bits == 16 else "OB"


def part10(image: Dataset, syntax: UID) -> bytes:
    """Return an image as a file in a transfer syntax: compressed here, or encoded in the byte order of the syntax."""
    image.file_meta = FileMetaDataset()
    image.file_meta.MediaStorageSOPClassUID = UID(image.SOPClassUID)
    image.file_meta.MediaStorageSOPInstanceUID = UID(image.SOPInstanceUID)
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian if syntax.is_encapsulated else syntax
    if syntax.is_encapsulated:
        image.compress(syntax, generate_instance_uid=False)
    elif not syntax.is_little_endian:
        image.PixelData = np.frombuffer(image.PixelData, "<u2").astype(">u2").tobytes()
    content = BytesIO()
    dcmwrite(content, image, enforce_file_format=True)
    return content.getvalue()


def receive(scene: Scene, files: Sequence[bytes]) -> list[Admission]:
    """Let files arrive as a sender's association brings them."""
    placing = ranking_policy(OPTIONS)
    intake = Intake(scene.studies, scene.studies, scene.spool, ranking_policy=placing, receiver="receiver-1")
    sender = intake.open_association(peer="192.0.2.1", calling_ae_title="CT1", now=scene.now)
    admitted = []
    for content in files:
        meta = dcmread(BytesIO(content), stop_before_pixels=True).file_meta
        offer = Offer(meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID, meta.TransferSyntaxUID)
        pieces = iter([content[data_set_at(content[:144]) :]])
        admitted.append(intake.receive(offer, pieces, sender, clock=lambda: scene.now))
    intake.close_association(sender, now=scene.now)
    return admitted


def publish(scene: Scene, uid: str, objects: Sequence[ResultObject]) -> None:
    """Let a study be scored, with these result objects; the second time as a new set."""
    study_uid = StudyUID.parse(uid)
    entry = scene.worklist.entry(uid)
    assert entry is not None
    pending = place(study_uid, at(0), Waiting.ANALYSIS, RequestPriority.ROUTINE, OPTIONS)
    if entry.result_revision:
        scene.studies.requeue(uid, ranking=pending, now=at(1))
    else:
        scene.studies.complete(study_uid, entry.revision, ranking=pending, cause="whole", now=at(1))
    claim = scene.studies.claim_next("worker-1", lease_s=60, now=at(1))
    assert claim is not None
    scene.studies.commit(
        claim,
        Found(
            Assessed(found(0.31, 0.0, 0.9)),
            ranking=place(
                claim.study_uid, claim.ready_at, Assessed(found(0.31, 0.0, 0.9)), claim.order_priority, OPTIONS
            ),
            chosen=claim.series[0].series_uid,
            not_chosen=(),
            model="ct-test",
            scheme="combined",
            object_set=next_set(scene.studies, claim, f"revision {claim.revision}"),
        ),
        Made(objects=[_kept(scene, uid, each) for each in objects], destinations={}),
        now=at(1.5),
    )


def _kept(scene: Scene, uid: str, made: ResultObject) -> DerivedObject:
    kept = scene.spool.keep_derived(uid, f"{made.sop_instance_uid}.dcm", made.part10)
    return DerivedObject(
        made.sop_instance_uid, made.sop_class_uid, str(UID(made.transfer_syntax_uid)), made.kind, kept.path, kept.sha256
    )


def parts(response: Response) -> list[tuple[dict[str, str], bytes]]:
    """Return header and content of each part of an answer, as Python's mail parser and a plain split see them."""
    kind = response.headers["Content-Type"]
    message = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode())
    assert message.get_content_type() == "multipart/related"
    boundary = str(message.get_boundary()).encode()
    pieces = (b"\r\n" + response.content).split(b"\r\n--" + boundary)
    assert pieces[-1].strip() == b"--"
    found = []
    for piece in pieces[1:-1]:
        head, content = piece.split(b"\r\n\r\n", 1)
        headers = message_from_bytes(head.lstrip() + b"\r\n\r\n")
        found.append(({name.lower(): str(value) for name, value in headers.items()}, content))
    return found


COLOURS = np.arange(2 * 6 * 4 * 3, dtype=np.uint8).reshape(2, 6, 4, 3)
BITS = (np.arange(3 * 5 * 5) % 3 == 0).reshape(3, 5, 5, 1)
RAMP = (np.arange(16 * 16, dtype=np.uint16) * 200).reshape(16, 16)
LONG_VALUE = b"\x01\x02" * 4000
ODD = ("colours", "bits", "rle", "jls", "implicit", "big", "inverted", "bulk")
_SYNTAXES = {"rle": RLELossless, "jls": JPEGLSLossless, "implicit": ImplicitVRLittleEndian, "big": ExplicitVRBigEndian}


def odd_path(name: str) -> str:
    """Return where an odd image is found."""
    number = ODD.index(name) + 1
    return f"{BASE}/studies/{ODD_STUDY}/series/{ODD_STUDY}.{number}/instances/{ODD_STUDY}.{number}.1"


def odd_files() -> dict[str, bytes]:
    """Return files of images, by what is odd with them."""
    two = np.stack([RAMP, RAMP + np.uint16(7)])[..., None]
    pixels = {"colours": COLOURS, "bits": BITS, "jls": two}
    says: dict[str, dict[str, object]] = {
        "inverted": {"PhotometricInterpretation": "MONOCHROME1"},
        "bulk": {"EncapsulatedDocument": LONG_VALUE},
    }
    return {
        name: part10(
            odd_image(number, pixels.get(name, RAMP), **says.get(name, {})), _SYNTAXES.get(name, ExplicitVRLittleEndian)
        )
        for number, name in enumerate(ODD, start=1)
    }
