"""Encodes what stands in front of a data set in a DICOM file: preamble, prefix, file meta information (PS3.10 7.1).

Knows no files: it returns bytes, and the data set itself is never touched.
"""

from __future__ import annotations

import struct
from importlib.metadata import PackageNotFoundError, version

from triaged.study.uids import derived_uid, is_valid_uid

IMPLEMENTATION_CLASS_UID = derived_uid("triaged", "implementation class")
"""Identifies our implementation to peers and in the files that we write (PS3.7 D.3.3.2)."""


def _implementation_version_name() -> str:
    try:
        return f"TRIAGED_{version('triaged')}"[:16]
    except PackageNotFoundError:
        return "TRIAGED"


IMPLEMENTATION_VERSION_NAME = _implementation_version_name()


def file_meta(*, sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str, source_ae_title: str) -> bytes:
    """Return preamble, prefix and file meta information; the encoded data set follows directly.

    A UID that a reader could not take as one is replaced by one derived from it; the data set keeps what was sent.
    """
    elements = b"".join(
        (
            _long(0x0001, b"OB", b"\0\1"),
            _short(0x0002, b"UI", _uid(sop_class_uid)),
            _short(0x0003, b"UI", _uid(sop_instance_uid)),
            _short(0x0010, b"UI", _uid(transfer_syntax_uid)),
            _short(0x0012, b"UI", _uid(IMPLEMENTATION_CLASS_UID)),
            _short(0x0013, b"SH", _padded(IMPLEMENTATION_VERSION_NAME)),
            _short(0x0016, b"AE", _padded(_ae_title(source_ae_title))),
        )
    )
    return b"\0" * 128 + b"DICM" + _short(0x0000, b"UL", struct.pack("<L", len(elements))) + elements


def _short(element: int, vr: bytes, value: bytes) -> bytes:
    return struct.pack("<HH2sH", 0x0002, element, vr, len(value)) + value


def _long(element: int, vr: bytes, value: bytes) -> bytes:
    return struct.pack("<HH2sHL", 0x0002, element, vr, 0, len(value)) + value


def _uid(text: str) -> bytes:
    uid = text if is_valid_uid(text) else derived_uid("file meta", text)
    return uid.encode("ascii") + b"\0" * (len(uid) % 2)


def _padded(text: str) -> bytes:
    return text.encode("ascii") + b" " * (len(text) % 2)


def _ae_title(text: str) -> str:
    return "".join(c for c in text if " " <= c <= "~" and c != "\\").strip()[:16] or "UNKNOWN"
