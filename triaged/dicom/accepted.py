"""What the daemon accepts from a sender: the transfer syntaxes it can decode, and which SOP classes are storage.

Knows no sockets: the wire negotiates with these two answers. A transfer syntax is in the table only while a test
decodes a real file of it; accepting what cannot be read would move the failure from the sender, who could send it
otherwise, to the reader, who could not.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pydicom._uid_dict import UID_dictionary
from pydicom.uid import UID

ACCEPTED_TRANSFER_SYNTAXES: Mapping[str, str] = MappingProxyType(
    {
        "1.2.840.10008.1.2.1": "Explicit VR Little Endian",
        "1.2.840.10008.1.2": "Implicit VR Little Endian",
        "1.2.840.10008.1.2.2": "Explicit VR Big Endian",
        "1.2.840.10008.1.2.1.99": "Deflated Explicit VR Little Endian",
        "1.2.840.10008.1.2.5": "RLE Lossless",
        "1.2.840.10008.1.2.4.50": "JPEG Baseline (Process 1)",
        "1.2.840.10008.1.2.4.51": "JPEG Extended (Process 2 and 4)",
        "1.2.840.10008.1.2.4.57": "JPEG Lossless, Non-Hierarchical (Process 14)",
        "1.2.840.10008.1.2.4.70": (
            "JPEG Lossless, Non-Hierarchical, First-Order Prediction (Process 14 [Selection Value 1])"
        ),
        "1.2.840.10008.1.2.4.80": "JPEG-LS Lossless Image Compression",
        "1.2.840.10008.1.2.4.81": "JPEG-LS Lossy (Near-Lossless) Image Compression",
        "1.2.840.10008.1.2.4.90": "JPEG 2000 Image Compression (Lossless Only)",
        "1.2.840.10008.1.2.4.91": "JPEG 2000 Image Compression",
        "1.2.840.10008.1.2.4.201": "High-Throughput JPEG 2000 Image Compression (Lossless Only)",
        "1.2.840.10008.1.2.4.202": "High-Throughput JPEG 2000 with RPCL Options Image Compression (Lossless Only)",
        "1.2.840.10008.1.2.4.203": "High-Throughput JPEG 2000 Image Compression",
    }
)
"""Transfer Syntax UID -> its name in PS3.6 table A-1."""

_STANDARD_ROOT = "1.2.840.10008."
_STORAGE_ROOT = "1.2.840.10008.5.1.4.1.1."
_NOT_INSTANCES = frozenset(
    {
        "1.2.840.10008.1.3.10",  # Media Storage Directory: describes files on media, never sent by C-STORE
        "1.2.840.10008.1.20.1",  # Storage Commitment Push Model: a DIMSE-N service
        "1.2.840.10008.1.20.2",  # Storage Commitment Pull Model (retired)
        "1.2.840.10008.5.1.4.1.1.200.4",  # from here on: queries that were numbered among the storage classes
        "1.2.840.10008.5.1.4.1.1.200.5",
        "1.2.840.10008.5.1.4.1.1.200.6",
        "1.2.840.10008.5.1.4.1.1.201.2",
        "1.2.840.10008.5.1.4.1.1.201.3",
        "1.2.840.10008.5.1.4.1.1.201.4",
        "1.2.840.10008.5.1.4.1.1.201.5",
        "1.2.840.10008.5.1.4.1.1.201.6",
    }
)


def is_storage(sop_class_uid: str) -> bool:
    """Tell whether objects of this SOP class arrive by C-STORE.

    Besides the listed storage classes (PS3.4 table B.5-1) this takes retired and private ones, and ones newer than
    our dictionary: an object of an unknown kind is kept and not scored, which loses nothing.
    """
    if sop_class_uid in _NOT_INSTANCES:
        return False
    if not sop_class_uid.startswith(_STANDARD_ROOT):
        return True
    if sop_class_uid in UID_dictionary:
        uid = UID(sop_class_uid)
        return uid.type == "SOP Class" and "Storage" in uid.name
    return sop_class_uid.startswith(_STORAGE_ROOT)
