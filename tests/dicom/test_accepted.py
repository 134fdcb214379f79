"""Every transfer syntax that is accepted decodes, shown with a real file of it against its uncompressed sibling."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.pixels.processing import apply_modality_lut
from pynetdicom import AllStoragePresentationContexts

from tests.dicom.factory import ct_slice
from triaged.dicom.accepted import ACCEPTED_TRANSFER_SYNTAXES, is_storage
from triaged.dicom.files import read_header_only
from triaged.dicom.pixels import stored_frames

INTEROP = Path(__file__).parents[3] / "shared" / "data" / "interop"
SLICE = "cornerstone3D_testImages/CTImage.dcm"
TWO_FRAMES = "dicomParser_testImages/encapsulated/multi-frame/CT0012.explicit_little_endian.dcm"
COLOUR = "cornerstone3D_testImages/TestPattern_RGB.dcm"
CLOSE = 2.0
"""Mean difference that a lossy syntax may show, in stored values or Hounsfield units."""


def compressed(name: str, uid: str) -> str:
    return f"cornerstone3D_testImages/CTImage.dcm_{name}TransferSyntax_{uid}.dcm"


def frames(encoding: str) -> str:
    return f"dicomParser_testImages/encapsulated/multi-frame/CT0012.{encoding}.dcm"


FILES = [
    ("1.2.840.10008.1.2", compressed("LittleEndianImplicit", "1.2.840.10008.1.2"), SLICE, 0.0),
    ("1.2.840.10008.1.2.1", compressed("LittleEndianExplicit", "1.2.840.10008.1.2.1"), SLICE, 0.0),
    ("1.2.840.10008.1.2.2", compressed("BigEndianExplicit", "1.2.840.10008.1.2.2"), SLICE, 0.0),
    ("1.2.840.10008.1.2.1.99", compressed("DeflatedExplicitVRLittleEndian", "1.2.840.10008.1.2.1.99"), SLICE, 0.0),
    ("1.2.840.10008.1.2.5", compressed("RLELossless", "1.2.840.10008.1.2.5"), SLICE, 0.0),
    ("1.2.840.10008.1.2.5", frames("not_fragmented_no_bot_rle"), TWO_FRAMES, 0.0),
    ("1.2.840.10008.1.2.4.50", "cornerstone3D_testImages/TestPattern_JPEG-Baseline_YBRFull.dcm", COLOUR, CLOSE),
    ("1.2.840.10008.1.2.4.51", compressed("JPEGProcess2_4", "1.2.840.10008.1.2.4.51"), SLICE, 10.0),
    ("1.2.840.10008.1.2.4.57", compressed("JPEGProcess14", "1.2.840.10008.1.2.4.57"), SLICE, 0.0),
    ("1.2.840.10008.1.2.4.57", frames("fragmented_no_bot_jpeg_lossless.57"), TWO_FRAMES, 0.0),
    ("1.2.840.10008.1.2.4.70", compressed("JPEGProcess14SV1", "1.2.840.10008.1.2.4.70"), SLICE, 0.0),
    ("1.2.840.10008.1.2.4.70", frames("fragmented_no_bot_jpeg_lossless.70"), TWO_FRAMES, 0.0),
    ("1.2.840.10008.1.2.4.80", compressed("JPEGLSLossless", "1.2.840.10008.1.2.4.80"), SLICE, 0.0),
    ("1.2.840.10008.1.2.4.80", frames("fragmented_no_bot_jpeg_ls.80"), TWO_FRAMES, 0.0),
    ("1.2.840.10008.1.2.4.81", compressed("JPEGLSLossy", "1.2.840.10008.1.2.4.81"), SLICE, CLOSE),
    ("1.2.840.10008.1.2.4.81", frames("fragmented_no_bot_jpeg_ls.81"), TWO_FRAMES, CLOSE),
    ("1.2.840.10008.1.2.4.90", compressed("JPEG2000LosslessOnly", "1.2.840.10008.1.2.4.90"), SLICE, 0.0),
    ("1.2.840.10008.1.2.4.91", compressed("JPEG2000", "1.2.840.10008.1.2.4.91"), SLICE, CLOSE),
]
"""Transfer syntax, a file of it, its uncompressed sibling, and the mean difference allowed."""
HIGH_THROUGHPUT = [
    ("1.2.840.10008.1.2.4.201", "lossless.j2c", 0),
    ("1.2.840.10008.1.2.4.202", "lossless.j2c", 0),  # its progression is RPCL
    ("1.2.840.10008.1.2.4.203", "lossy.j2c", 1),
]


def values_of(relative: str) -> np.ndarray[Any, Any]:
    path = INTEROP / relative
    if not path.is_file():
        pytest.skip(f"the real images are not here: {path.name}")
    instance = pydicom.dcmread(path)
    return apply_modality_lut(instance.pixel_array, instance).astype(np.float64)


@pytest.mark.parametrize(("uid", "file", "sibling", "allowed"), FILES, ids=lambda value: str(value).split("/")[-1])
def test_an_accepted_transfer_syntax_decodes_to_the_pixels_of_its_sibling(
    uid: str, file: str, sibling: str, allowed: float
) -> None:
    decoded, expected = values_of(file), values_of(sibling)
    assert pydicom.dcmread(INTEROP / file, stop_before_pixels=True).file_meta.TransferSyntaxUID == uid
    assert decoded.shape == expected.shape
    assert np.abs(decoded - expected).mean() <= allowed
    assert expected.std() > 10 * allowed, "the sibling has to have something in it to differ from"


@pytest.mark.parametrize(("uid", "codestream", "allowed"), HIGH_THROUGHPUT)
def test_high_throughput_jpeg_2000_decodes_to_the_pixels_that_went_in(
    tmp_path: Path, uid: str, codestream: str, allowed: int
) -> None:
    image = ct_slice(0, _disc())
    image.file_meta.TransferSyntaxUID = pydicom.uid.UID(uid)
    image.PixelRepresentation = 0
    image.PixelData = encapsulate([(Path(__file__).parent / "htj2k" / codestream).read_bytes()])
    image["PixelData"].VR = "OB"
    image["PixelData"].is_undefined_length = True
    image.save_as(tmp_path / "image", enforce_file_format=True)
    (decoded,) = stored_frames(tmp_path / "image", read_header_only(tmp_path / "image"))
    assert np.abs(decoded.astype(int) - (_disc().astype(int) + 1024)).max() <= allowed


def _disc() -> np.ndarray[Any, np.dtype[np.int16]]:
    """Return the picture that the codestreams were made of with OpenJPH 0.26, an encoder other than our decoder."""
    row, column = np.mgrid[:64, :64]
    inside = (row - 32) ** 2 + (column - 32) ** 2 < 24**2
    return np.where(inside, 40 + (7 * row + 3 * column) % 11, -1000).astype(np.int16)


def test_nothing_is_accepted_without_a_file_that_shows_it() -> None:
    assert set(ACCEPTED_TRANSFER_SYNTAXES) == {uid for uid, *_ in [*FILES, *HIGH_THROUGHPUT]}


@pytest.mark.parametrize("uid", ["1.2.840.10008.1.2.4.53", "1.2.840.10008.1.2.4.55", "1.2.840.10008.1.2.4.100"])
def test_a_transfer_syntax_that_we_cannot_decode_is_not_accepted(uid: str) -> None:
    assert uid not in ACCEPTED_TRANSFER_SYNTAXES


def test_the_names_are_those_of_the_registry() -> None:
    assert {uid: pydicom.uid.UID(uid).name for uid in ACCEPTED_TRANSFER_SYNTAXES} == ACCEPTED_TRANSFER_SYNTAXES


def test_every_storage_class_that_an_independent_list_holds_is_storage() -> None:
    missing = [context.abstract_syntax for context in AllStoragePresentationContexts]
    assert [uid for uid in missing if not is_storage(str(uid))] == []


@pytest.mark.parametrize(
    "uid",
    [
        "1.2.840.10008.5.1.4.1.1.5",  # Nuclear Medicine Image Storage, retired
        "1.2.840.10008.5.1.4.1.1.6",  # Ultrasound Image Storage, retired
        "1.2.840.10008.5.1.4.1.1.9999.7",  # a storage class of a later edition
        "1.3.12.2.1107.5.9.1",  # private, Siemens CSA Non-Image
        "1.2.840.113619.4.27",  # private, GE
        "not a UID at all",
    ],
)
def test_a_retired_private_newer_or_invalid_class_counts_as_storage(uid: str) -> None:
    assert is_storage(uid)


@pytest.mark.parametrize(
    "uid",
    [
        "1.2.840.10008.1.1",  # Verification
        "1.2.840.10008.1.20.1",  # Storage Commitment Push Model
        "1.2.840.10008.1.3.10",  # Media Storage Directory
        "1.2.840.10008.5.1.4.1.2.2.1",  # Study Root FIND
        "1.2.840.10008.5.1.4.31",  # Modality Worklist FIND
        "1.2.840.10008.5.1.4.1.1.201.6",  # Repository Query
        "1.2.840.10008.1.2.1",  # a transfer syntax
    ],
)
def test_a_service_that_is_not_storage_is_none(uid: str) -> None:
    assert not is_storage(uid)
