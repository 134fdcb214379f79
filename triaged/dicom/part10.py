"""Writes and reads what is in front of a data set in a file: preamble, prefix, file meta information (PS3.10 7.1).

The data set itself is never touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from struct import pack, unpack_from

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_file_meta_info
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import UID

from triaged.dicom.attributes import DAMAGED
from triaged.errors import UnreadableInstance
from triaged.study.uids import derived_uid, is_valid_uid

_PREAMBLE = b"\0" * 128 + b"DICM" + b"\x02\x00\x00\x00UL\x04\x00"
_GROUP_LENGTH_BYTES = 12
_INSTANCE_UID = b"\x02\x00\x03\x00UI"
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
    before, after = _around_instance_uid(_uid(sop_class_uid), _uid(transfer_syntax_uid), _ae_title(source_ae_title))
    value = _uid(sop_instance_uid).encode("ascii")
    value += b"\0" * (len(value) % 2)
    group_length = len(before) + 2 + len(value) + len(after)
    return b"".join((_PREAMBLE, pack("<L", group_length), before, pack("<H", len(value)), value, after))


@lru_cache(maxsize=256)
def _around_instance_uid(sop_class_uid: UID, transfer_syntax_uid: UID, source_ae_title: str) -> tuple[bytes, bytes]:
    """Return what stands between the group length and the length of (0002,0003), and what follows its value.

    Thousands of instances have the same, and pydicom takes longer for it than the disk for their bytes.
    """
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class_uid
    meta.MediaStorageSOPInstanceUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.TransferSyntaxUID = transfer_syntax_uid
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    meta.SourceApplicationEntityTitle = source_ae_title
    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, False
    write_file_meta_info(stream, meta)
    content = stream.getvalue()[_GROUP_LENGTH_BYTES:]
    at = content.index(_INSTANCE_UID) + len(_INSTANCE_UID)
    (length,) = unpack_from("<H", content, at)
    return content[:at], content[at + 2 + length :]


@dataclass(frozen=True, slots=True)
class FileMeta:
    """What the file meta information says; empty where it does not."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    source_ae_title: str


def read_file_meta(path: Path) -> FileMeta:
    """Return the file meta information of a file; `UnreadableInstance` where there is none."""
    try:
        meta = read_file_meta_info(path)
    except (*DAMAGED, InvalidDicomError) as error:
        raise UnreadableInstance(f"expected file meta information, found {type(error).__name__}") from error
    return meta_of(meta)


def meta_of(meta: Dataset) -> FileMeta:
    """Return the values of file meta information that was read."""
    keywords = ("MediaStorageSOPClassUID", "MediaStorageSOPInstanceUID", "TransferSyntaxUID")
    named = [str(meta.get(keyword, "")) for keyword in (*keywords, "SourceApplicationEntityTitle")]
    return FileMeta(*named)


def _uid(text: str) -> UID:
    return UID(text if is_valid_uid(text) else derived_uid("file meta", text))


def _ae_title(text: str) -> str:
    return "".join(c for c in text if " " <= c <= "~" and c != "\\").strip()[:16] or "UNKNOWN"
