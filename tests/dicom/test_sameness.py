"""The same image in another transfer syntax is the same; with one pixel or one attribute changed it is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from tests.dicom.factory import ct_slice
from triaged.daemon.comparing import is_same_image
from triaged.dicom.sameness import same_image

SYNTAXES = (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)
_row, _column = np.mgrid[:64, :64]
PICTURE = np.where((_row - 32) ** 2 + (_column - 32) ** 2 < 24**2, 40 + _row % 11, -1000).astype(np.int16)


def a_slice() -> Dataset:
    image = ct_slice(0, PICTURE)
    image.PixelRepresentation = 0
    image.add_new(0x00090010, "LO", "A MAKER")
    image.add_new(0x00091001, "DS", ["1.5", "2.5"])
    image.add_new(0x00091002, "OB", b"\1\2\3\4")
    image.add_new(0x00091003, "SS", [-5, 7])
    image.RequestAttributesSequence = [Dataset()]
    image.RequestAttributesSequence[0].RequestedProcedureID = "7"
    return image


def written(path: Path, image: Dataset, syntax: str) -> Path:
    uid = UID(syntax)
    if uid.is_encapsulated:
        image.compress(uid, generate_instance_uid=False)
        image.save_as(path, enforce_file_format=True)
    else:
        image.file_meta.TransferSyntaxUID = uid
        if uid == ExplicitVRBigEndian:
            image.PixelData = np.frombuffer(image.PixelData, "<u2").astype(">u2").tobytes()
        image.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    return written(tmp_path / "plain", a_slice(), "1.2.840.10008.1.2.1")


@pytest.mark.slow
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_the_syntax_alone_makes_no_difference(plain: Path, tmp_path: Path, syntax: str) -> None:
    other = written(tmp_path / "other", a_slice(), syntax)
    assert dcmread(other, stop_before_pixels=True).file_meta.TransferSyntaxUID == syntax
    assert same_image(plain, other)
    assert same_image(other, plain)


@pytest.mark.slow
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_one_pixel_or_one_attribute_makes_one(plain: Path, tmp_path: Path, syntax: str) -> None:
    image = a_slice()
    pixels = np.frombuffer(image.PixelData, np.uint16).copy()
    pixels[77] += 1
    image.PixelData = pixels.tobytes()
    assert not same_image(plain, written(tmp_path / "pixel", image, syntax))
    image = a_slice()
    image.PatientID = "another"
    assert not same_image(plain, written(tmp_path / "attribute", image, syntax))
    image = a_slice()
    image.RequestAttributesSequence[0].RequestedProcedureID = "8"
    assert not same_image(plain, written(tmp_path / "item", image, syntax))


@pytest.mark.slow
def test_a_process_of_its_own_judges_the_same(plain: Path, tmp_path: Path) -> None:
    other = written(tmp_path / "other", a_slice(), RLELossless)
    assert is_same_image(plain, other)
    other.write_bytes(other.read_bytes()[:-2000])
    assert not is_same_image(plain, other)
    assert not is_same_image(plain, tmp_path / "nothing")
