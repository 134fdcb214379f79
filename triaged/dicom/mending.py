"""Sets a few attributes of an instance whose header keeps it from being filed; everything else stays as it was sent.

Knows no files and no store.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from io import BytesIO
from typing import Final

from pydicom import Dataset, dcmread
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import UID

from triaged.dicom.elements import DAMAGED
from triaged.dicom.quiet import without_warnings
from triaged.errors import UnreadableInstance

MENDABLE: Final = (
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SOPInstanceUID",
    "SOPClassUID",
    "Modality",
    "PatientID",
    "PatientName",
    "AccessionNumber",
    "InstanceNumber",
)
"""What may be set."""


@without_warnings()
def mended(content: bytes, changes: Mapping[str, str], *, transfer_syntax_uid: str) -> bytes:
    """Return the encoded data set of `content`, a file as it is kept, with attributes set by their keywords.

    Raises:
        UnreadableInstance: the bytes cannot be read as a data set, or a value cannot be written.
    """
    try:
        found = dcmread(BytesIO(content), force=True)
        for keyword, value in changes.items():
            setattr(found, keyword, value)
        return _encoded(found, transfer_syntax_uid)
    except DAMAGED as error:
        raise UnreadableInstance(f"expected a data set that can be mended, found {type(error).__name__}") from None


def _encoded(found: Dataset, transfer_syntax_uid: str) -> bytes:
    syntax = UID(transfer_syntax_uid)
    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = syntax.is_little_endian, syntax.is_implicit_VR
    write_dataset(stream, found)
    content: bytes = stream.getvalue()
    if not syntax.is_deflated:
        return content
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packing.compress(content) + packing.flush()
