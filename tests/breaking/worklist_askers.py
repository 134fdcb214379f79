"""Who asks the receiver for the worklist by C-FIND: with good, odd and undecodable identifiers. Knows no trial."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import BytesIO

import pydicom
from pydicom import Dataset
from pydicom.datadict import tag_for_keyword
from pynetdicom.dimse_messages import C_FIND_RQ
from pynetdicom.dimse_primitives import C_FIND

from tests.wire.peers import IMPLICIT, RawPeer, p_data

UPS_QUERY = "1.2.840.10008.5.1.4.34.6.5"
_PENDING = (0xFF00, 0xFF01)
_ASKED = ("PatientName", "PatientID", "PatientBirthDate", "StudyInstanceUID")


def identifiers(mark: str) -> Iterator[bytes]:
    """Return identifiers with a mark in them: two that are understood, then ones that are not, or need not be."""
    yield _identifier("PatientName", f"{mark}*")
    yield _identifier("PatientID", f"{mark}ID")
    for keyword in (
        "PatientBirthDate",
        "ScheduledProcedureStepStartDateTime",
        "StudyInstanceUID",
        "InstanceNumber",
        "PatientWeight",
        "TimezoneOffsetFromUTC",
        "SpecificCharacterSet",
        "InputInformationSequence",
    ):
        yield _identifier(keyword, mark)
    yield _identifier("Rows", f"{mark}{'x' * (len(mark) % 2 == 0)}")  # an odd number of bytes, which no number has
    yield _identifier("PatientName", mark)[:-3]


def asked(port: int, title: str, identifier: bytes) -> tuple[int, list[Dataset]] | None:
    """Return the last status and what was found; None where the peer may not even ask."""
    with RawPeer(port, [(UPS_QUERY, [IMPLICIT])], calling=title) as peer:
        if not peer.is_accepted or peer.results() != {1: 0}:
            return None
        peer.socket.sendall(_question(identifier))
        found: list[Dataset] = []
        while (status := peer.status()) in _PENDING:
            found.append(pydicom.dcmread(BytesIO(_data_set(peer)), force=True))
        return status, found


def _data_set(peer: RawPeer) -> bytes:
    content, is_last = b"", False
    while not is_last:
        pdu = peer.read_pdu()
        content += pdu[12:]
        is_last = bool(pdu[11] & 2)
    return content


def _question(identifier: bytes) -> bytes:
    """Return the PDUs of a C-FIND request with this identifier, whatever it is."""
    primitive = C_FIND()
    primitive.MessageID, primitive.AffectedSOPClassUID, primitive.Priority = 1, UPS_QUERY, 2
    primitive.Identifier = BytesIO(identifier)
    message = C_FIND_RQ()
    message.primitive_to_message(primitive)
    parts = message.encode_msg(1, 16382)
    return b"".join(p_data(1, *(item[1] for item in part.presentation_data_value_list)) for part in parts)


def _identifier(keyword: str, value: str) -> bytes:
    """Return an identifier in implicit VR that asks for names, with one value as it is."""
    values = {**dict.fromkeys(_ASKED, b""), keyword: value.encode()}
    by_tag = {tag_for_keyword(each) or 0: content for each, content in values.items()}
    return b"".join(
        struct.pack("<HHL", tag >> 16, tag & 0xFFFF, len(content)) + content for tag, content in sorted(by_tag.items())
    )
