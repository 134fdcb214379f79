"""Radiographs as they are written come out as they went in, and are valid DICOM, as dciodvfy judges them."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread

from tests.wire.judges import needs_dciodvfy, needs_dcmtk, verdict
from tests.wire.peers import dcmtk
from triaged.dicom.files import read_image_header
from triaged.exams.xray.decoding.radiograph import decode_radiograph
from triaged.exams.xray.views import Position, View
from triaged.lab.radiographs.dicom_writer import Compression, Kind, Voi, Writing, write_radiograph
from triaged.study.finding import QualityFlag


def grey() -> NDArray[np.float64]:
    """Light between black and white, no two lines of which are alike."""
    row, column = np.mgrid[0:96, 0:80]
    return np.asarray(0.5 - 0.2 * np.sin(row / 17) - 0.2 * np.cos(column / 11) + 0.05 * np.sin(row * column / 300))


@pytest.mark.parametrize("voi", ["window", "exact", "sigmoid", "table"])
@pytest.mark.parametrize("kind", ["cr", "dx"])
@pytest.mark.parametrize("inverse", [False, True])
def test_light_comes_out_again_whatever_makes_it(tmp_path: Path, kind: Kind, voi: Voi, inverse: bool) -> None:
    for bits, signed in itertools.product((8, 10, 12, 16), (False, True)):
        writing = Writing(kind=kind, voi=voi, inverse=inverse, bits=bits, signed=signed)
        found = decode_radiograph(write_radiograph(grey(), tmp_path / "image.dcm", writing))
        assert np.abs(found.grey - grey()).max() <= 1.5 / 2**bits, (bits, signed)


@pytest.mark.parametrize("compression", ["none", "rle", "jpeg-ls", "jpeg2000"])
@pytest.mark.parametrize(("bits", "signed"), [(8, False), (12, False), (12, True), (16, False)])
def test_no_compression_changes_a_value(tmp_path: Path, compression: Compression, bits: int, signed: bool) -> None:
    plain, packed = (Writing(bits=bits, signed=signed, compression=each) for each in ("none", compression))
    expected = decode_radiograph(write_radiograph(grey(), tmp_path / "plain.dcm", plain))
    found = decode_radiograph(write_radiograph(grey(), tmp_path / "packed.dcm", packed))
    np.testing.assert_array_equal(found.grey, expected.grey)


@needs_dcmtk
@pytest.mark.parametrize("process", ["+e1", "+el"])
def test_lossless_jpeg_of_another_maker_changes_no_value_either(tmp_path: Path, process: str) -> None:
    plain = write_radiograph(grey(), tmp_path / "plain.dcm", Writing(bits=12))
    assert dcmtk("dcmcjpeg", process, plain, tmp_path / "packed.dcm").returncode == 0
    found = decode_radiograph(tmp_path / "packed.dcm")
    np.testing.assert_array_equal(found.grey, decode_radiograph(plain).grey)
    assert QualityFlag.LOSSY not in found.quality


@needs_dcmtk
@pytest.mark.parametrize(("voi", "options"), [("window", "+Wi 1"), ("table", "+Wl 1"), ("sigmoid", "+Wi 1 +Wfs")])
@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize(("bits", "signed"), [(12, False), (12, True), (16, False)])
def test_light_is_what_dcmtk_shows(
    tmp_path: Path, voi: Voi, options: str, inverse: bool, bits: int, signed: bool
) -> None:
    writing = Writing(voi=voi, inverse=inverse, bits=bits, signed=signed)
    path = write_radiograph(grey(), tmp_path / "image.dcm", writing)
    assert dcmtk("dcm2pnm", *options.split(), "+opn", 16, path, tmp_path / "shown.pgm").returncode == 0
    _, columns, rows, top, *shown = (tmp_path / "shown.pgm").read_text().split()
    light = np.array(shown, np.float64).reshape(int(rows), int(columns)) / int(top)
    np.testing.assert_allclose(decode_radiograph(path).grey, light, atol=1.1 / 65535)


@needs_dcmtk
def test_lossy_jpeg_is_read_and_said(tmp_path: Path) -> None:
    plain = write_radiograph(grey(), tmp_path / "plain.dcm", Writing(bits=8))
    assert dcmtk("dcmcjpeg", "+eb", plain, tmp_path / "packed.dcm").returncode == 0
    found = decode_radiograph(tmp_path / "packed.dcm")
    assert np.abs(found.grey - grey()).max() < 0.05
    assert QualityFlag.LOSSY in found.quality


def test_raw_pixels_fall_with_the_tissue_and_come_out_bright_where_it_is(tmp_path: Path) -> None:
    found = decode_radiograph(write_radiograph(grey(), tmp_path / "image.dcm", Writing(kind="raw", bits=16)))
    stored = dcmread(tmp_path / "image.dcm").pixel_array
    assert np.corrcoef(stored.ravel(), grey().ravel())[0, 1] < -0.9
    darkest, brightest = np.percentile(grey(), [0.5, 99.5])
    expected = np.clip((grey() - darkest) / (brightest - darkest), 0.0, 1.0)
    np.testing.assert_allclose(found.grey, expected, atol=2e-3)


@needs_dciodvfy
@pytest.mark.parametrize("kind", ["cr", "dx", "raw"])
@pytest.mark.parametrize("view", ["PA", "AP", "LL"])
@pytest.mark.parametrize("voi", ["window", "sigmoid", "table"])
def test_what_is_written_is_valid(tmp_path: Path, kind: Kind, view: str, voi: Voi) -> None:
    for inverse, position in itertools.product((False, True), ("", "erect", "supine")):
        writing = Writing(kind=kind, view=view, voi=voi, inverse=inverse, position=position, age="041Y")
        assert verdict(write_radiograph(grey(), tmp_path / "image.dcm", writing)) == []


@pytest.mark.parametrize("kind", ["cr", "dx", "raw"])
def test_what_the_header_is_to_say_is_said(tmp_path: Path, kind: Kind) -> None:
    writing = Writing(kind=kind, view="AP", position="supine", orientation=("R", "F"), spacing_mm=(0.2, 0.1))
    found = decode_radiograph(write_radiograph(grey(), tmp_path / "image.dcm", writing))
    assert (found.view, found.position, found.spacing_mm) == (View.AP, Position.SUPINE, (0.2, 0.1))
    assert found.upright.mirrored
    silent = Writing(kind=kind, view="", orientation=(), spacing_mm=None, body_part="")
    header = read_image_header(write_radiograph(grey(), tmp_path / "silent.dcm", silent))
    assert header.radiography is not None
    assert header.radiography.view_position is None
    assert header.radiography.patient_orientation == ()
    assert header.body_part_examined is None


def test_images_of_one_key_are_one_study_and_those_of_one_number_one_series(tmp_path: Path) -> None:
    first, second, other = (
        dcmread(write_radiograph(grey(), tmp_path / f"{number}.dcm", writing))
        for number, writing in enumerate([Writing(), Writing(number=2), Writing(key="other", series=2)])
    )
    assert first.StudyInstanceUID == second.StudyInstanceUID != other.StudyInstanceUID
    assert first.SeriesInstanceUID == second.SeriesInstanceUID != other.SeriesInstanceUID
    assert len({each.SOPInstanceUID for each in (first, second, other)}) == 3
