"""Small valid inputs of every kind, made here: what fuzzing and mutating begin with. No file of a patient is one."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from io import BytesIO

import numpy as np
from pydicom import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import UID

from tests.breaking.targets import SYNTAXES
from tests.dicom.factory import ct_slice, enhanced_ct

_SMALL = np.full((4, 4), -1000, np.int16)


def data_sets() -> tuple[Dataset, ...]:
    """Return a CT slice, an Enhanced CT image and one with odd text."""
    odd = ct_slice(1, _SMALL)
    odd.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
    odd.PatientName = "Yamada^Tarou"
    odd.RequestAttributesSequence = [Dataset()]
    odd.RequestAttributesSequence[0].RequestedProcedurePriority = "STAT"
    return ct_slice(0, _SMALL), enhanced_ct(count=4), odd


def encoded(dataset: Dataset, syntax: str) -> bytes:
    """Return a data set without file meta information."""
    uid = UID(syntax)
    stream = DicomBytesIO()
    stream.is_implicit_VR, stream.is_little_endian = uid.is_implicit_VR, uid.is_little_endian
    write_dataset(stream, dataset)
    content = stream.getvalue()
    if uid.is_deflated:
        import zlib

        compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        content = compressor.compress(content) + compressor.flush()
    return content


def part10(dataset: Dataset) -> bytes:
    """Return a data set as a file."""
    stream = BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def _headers() -> Iterator[bytes]:
    for number, syntax in enumerate(SYNTAXES[:2]):
        for dataset in data_sets():
            yield bytes([number]) + encoded(dataset, syntax)
    yield bytes([3]) + encoded(data_sets()[0], SYNTAXES[3])


def _files() -> Iterator[bytes]:
    for dataset in data_sets():
        yield part10(dataset)


def _associations() -> Iterator[bytes]:
    from pynetdicom import AE
    from pynetdicom.pdu import A_ASSOCIATE_RQ
    from pynetdicom.pdu_primitives import A_ASSOCIATE, MaximumLengthNotification, SCP_SCU_RoleSelectionNegotiation

    ae = AE("FUZZER")
    ae.add_requested_context("1.2.840.10008.5.1.4.1.1.2")
    ae.add_requested_context("1.2.840.10008.1.1")
    request = A_ASSOCIATE()
    request.application_context_name = "1.2.840.10008.3.1.1.1"
    request.calling_ae_title, request.called_ae_title = "FUZZER", "TRIAGED"
    longest = MaximumLengthNotification()
    longest.maximum_length_received = 16382
    role = SCP_SCU_RoleSelectionNegotiation()
    role.sop_class_uid, role.scu_role, role.scp_role = UID("1.2.840.10008.1.20.1"), False, True
    request.user_information = [longest, role]
    for number, context in enumerate(ae.requested_contexts):
        context.context_id = 2 * number + 1
    request.presentation_context_definition_list = ae.requested_contexts
    pdu = A_ASSOCIATE_RQ()
    pdu.from_primitive(request)
    yield pdu.encode()[6:]


def _commands() -> Iterator[bytes]:
    for field in (0x0001, 0x8001, 0x0020, 0x0130, 0x0FFF):
        values = [
            (0x0002, b"1.2.840.10008.5.1.4.1.1.2\0"),
            (0x0100, struct.pack("<H", field)),
            (0x0110, b"\1\0"),
            (0x0120, b"\1\0"),
            (0x0800, b"\1\0"),
            (0x0900, b"\0\0"),
            (0x1000, b"1.2.3\0"),
        ]
        yield b"".join(struct.pack("<HHL", 0, element, len(value)) + value for element, value in values)


def _configurations() -> Iterator[bytes]:
    yield b"web:\n  port: 8080\ndicom:\n  ae_title: TRIAGED\n  peers:\n    - {ae_title: A, host: h, port: 104}\n"
    yield b"triage: &a\n  scheme: severity\n  cut_offs: [0.01, 0.25, 0.5, 0.75]\nstorage: {path: x}\n"
    yield b"destinations:\n  - name: pacs\n    host: h\n    port: 11112\n    ae_title: PACS\n    objects: [seg, sr]\n"


def _acknowledgements() -> Iterator[bytes]:
    yield b"MSH|^~\\&|A|B|C|D|20260101||ACK|1|P|2.5.1\rMSA|AA|1\r"
    yield b"MSH|^~\\&|A|B|C|D|20260101||ACK|1|P|2.5.1\rMSA|AE|1|no \\T\\ thanks\r"


_SEEDS: Mapping[str, Callable[[], Iterator[bytes]]] = {
    "header": _headers,
    "elements": lambda: (seed for seed in _headers()),
    "association": _associations,
    "command": _commands,
    "file": _files,
    "configuration": _configurations,
    "acknowledgement": _acknowledgements,
}


def seeds_of(target: str) -> list[bytes]:
    """Return the valid inputs of a target."""
    return list(_SEEDS[target]())
