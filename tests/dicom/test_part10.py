"""What stands in front of a data set in a file, against pydicom."""

from __future__ import annotations

from io import BytesIO

import pydicom
import pytest

from triaged.dicom.part10 import file_meta

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"


@pytest.mark.parametrize("uid", ["1.2", "1.2.3", "1.2.840." + "1" * 56, "2.25." + "9" * 38, "no UID"])
@pytest.mark.parametrize("sop_class_uid", [CT_IMAGE, "1.2.3", "nothing"])
def test_pydicom_reads_what_was_written_whatever_was_written_before(uid: str, sop_class_uid: str) -> None:
    for sent in ("1.2.3.4", uid):
        content = file_meta(
            sop_class_uid=sop_class_uid, sop_instance_uid=sent, transfer_syntax_uid=EXPLICIT, source_ae_title="CT\\9 "
        )
    meta = pydicom.dcmread(BytesIO(content)).file_meta
    valid = {"no UID": meta.MediaStorageSOPInstanceUID, "nothing": meta.MediaStorageSOPClassUID}
    assert meta.MediaStorageSOPInstanceUID == valid.get(uid, uid)
    assert meta.MediaStorageSOPInstanceUID.is_valid
    assert meta.MediaStorageSOPClassUID == valid.get(sop_class_uid, sop_class_uid)
    assert (meta.TransferSyntaxUID, meta.SourceApplicationEntityTitle) == (EXPLICIT, "CT9")
    again = BytesIO()
    pydicom.filewriter.write_file_meta_info(pydicom.filebase.DicomFileLike(again), meta)
    assert content == b"\0" * 128 + b"DICM" + again.getvalue()
