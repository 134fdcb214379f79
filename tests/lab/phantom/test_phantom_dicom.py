"""A phantom study is valid DICOM and says in patient coordinates what the phantom says."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray

from triaged.lab.phantom.dicom_modules import Position
from triaged.lab.phantom.dicom_writer import Extra, Kind, write_study
from triaged.lab.phantom.generate import generate
from triaged.lab.phantom.options import Phantom, PhantomOptions, Scanner
from triaged.lab.phantom.study import phantom_study

OPTIONS = PhantomOptions(seed=4, matrix=64, pixel_mm=5.6, slice_mm=2.0, increment_mm=14.0)


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return generate(OPTIONS)


def patient_volume(paths: list[Path]) -> NDArray[np.int64]:
    """Return stored HU sorted and flipped to head-ward, posterior and left by the coordinates in the files."""
    slices = [pydicom.dcmread(p) for p in paths]
    slices.sort(key=lambda ds: float(ds.ImagePositionPatient[2]))
    volume = np.stack([ds.pixel_array.astype(np.int64) for ds in slices]) + int(slices[0].RescaleIntercept)
    cosines = [float(v) for v in slices[0].ImageOrientationPatient]
    volume = volume[:, :, ::-1] if cosines[0] < 0 else volume
    return volume[:, ::-1] if cosines[4] < 0 else volume


@pytest.mark.parametrize("position", ["HFS", "HFP", "FFS", "FFP"])
def test_every_position_keeps_the_patient_coordinates(phantom: Phantom, position: Position, tmp_path: Path) -> None:
    paths = write_study(phantom, tmp_path, position=position)
    assert len(paths) == len(phantom.voxels_hu)
    np.testing.assert_array_equal(patient_volume(paths), phantom.voxels_hu)
    first, last = (pydicom.dcmread(p) for p in (paths[0], paths[-1]))
    rises = float(last.ImagePositionPatient[2]) > float(first.ImagePositionPatient[2])
    assert rises == position.startswith("HF")
    assert first.PatientPosition == position


def test_the_first_pixel_lies_on_the_side_that_the_orientation_says(phantom: Phantom, tmp_path: Path) -> None:
    ds = pydicom.dcmread(write_study(phantom, tmp_path, position="FFS")[0])
    assert float(ds.ImagePositionPatient[0]) == pytest.approx(63 / 2 * 5.6)
    assert float(ds.ImagePositionPatient[1]) == pytest.approx(-63 / 2 * 5.6)


def test_padding_below_the_air_is_stored_signed_and_declared(tmp_path: Path) -> None:
    padded = generate(replace(OPTIONS, scanner=Scanner(padding_hu=-3024)))
    paths = write_study(padded, tmp_path)
    ds = pydicom.dcmread(paths[0])
    assert ds.PixelRepresentation == 1
    assert ds.PixelPaddingValue == -2000
    np.testing.assert_array_equal(patient_volume(paths), padded.voxels_hu)


def test_the_same_phantom_gives_the_same_files(phantom: Phantom, tmp_path: Path) -> None:
    first, second = (write_study(phantom, tmp_path / name) for name in "ab")
    assert first[0].read_bytes() == second[0].read_bytes()
    assert first[-1].read_bytes() == second[-1].read_bytes()


def test_different_studies_share_no_uid(phantom: Phantom, tmp_path: Path) -> None:
    other = generate(replace(OPTIONS, severity="mild"))
    a = pydicom.dcmread(write_study(phantom, tmp_path / "a")[0])
    b = pydicom.dcmread(write_study(other, tmp_path / "b")[0])
    assert {a.StudyInstanceUID, a.SeriesInstanceUID, a.SOPInstanceUID}.isdisjoint(
        {b.StudyInstanceUID, b.SeriesInstanceUID, b.SOPInstanceUID}
    )
    assert a.StudyInstanceUID.startswith("2.25.")


def test_the_multi_frame_image_holds_the_same_voxels(phantom: Phantom, tmp_path: Path) -> None:
    (path,) = write_study(phantom, tmp_path, kind="enhanced-ct")
    ds = pydicom.dcmread(path)
    np.testing.assert_array_equal(ds.pixel_array.astype(int) - 1024, phantom.voxels_hu)
    heights = [float(f.PlanePositionSequence[0].ImagePositionPatient[2]) for f in ds.PerFrameFunctionalGroupsSequence]
    assert np.diff(heights) == pytest.approx(14.0)


def test_extras_are_other_series_of_the_same_study(phantom: Phantom, tmp_path: Path) -> None:
    every: tuple[Extra, ...] = ("localizer", "dose_report", "thick_duplicate_kernel", "duplicate_kernel", "coronal")
    paths = write_study(phantom, tmp_path, extras=every)
    headers = [pydicom.dcmread(p, stop_before_pixels=True) for p in paths]
    assert len({h.StudyInstanceUID for h in headers}) == 1
    assert {(int(h.SeriesNumber), h.Modality) for h in headers} == {
        (1, "CT"),
        (2, "CT"),
        (3, "CT"),
        (4, "CT"),
        (5, "CT"),
        (99, "SR"),
    }
    assert headers[0].ImageType[2] == "LOCALIZER"
    by_series = {int(h.SeriesNumber): [x for x in headers if x.SeriesNumber == h.SeriesNumber] for h in headers}
    sharp, soft, reformatted = by_series[2], by_series[4], by_series[5]
    assert [x.ImagePositionPatient for x in sharp] == [x.ImagePositionPatient for x in soft]
    assert sharp[0].ConvolutionKernel != soft[0].ConvolutionKernel
    assert reformatted[0].ImageType[0] == "DERIVED"


def test_a_leaning_gantry_says_so_in_its_images(tmp_path: Path) -> None:
    leaning = generate(replace(OPTIONS, scanner=Scanner(tilt_deg=10.0)))
    images = [pydicom.dcmread(path) for path in write_study(leaning, tmp_path)]
    assert images[0].GantryDetectorTilt == 10
    assert [float(v) for v in images[0].ImageOrientationPatient] == pytest.approx([1, 0, 0, 0, 0.98480775, 0.17364818])
    steps = np.diff([[float(v) for v in ds.ImagePositionPatient] for ds in images], axis=0)
    assert steps == pytest.approx(np.tile([0, 0, 14.0], (len(images) - 1, 1)))


def test_a_lost_slice_is_a_gap_between_positions(tmp_path: Path) -> None:
    gapped = generate(replace(OPTIONS, missing=(2,)))
    images = [pydicom.dcmread(path) for path in write_study(gapped, tmp_path)]
    steps = np.diff([float(ds.ImagePositionPatient[2]) for ds in images])
    assert steps.tolist() == [14.0, 28.0] + [14.0] * (len(images) - 3)


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (Debian package dicom3tools) is not installed")
@pytest.mark.parametrize("kind", ["ct", "enhanced-ct"])
def test_dciodvfy_finds_no_error(phantom: Phantom, kind: Kind, tmp_path: Path) -> None:
    extras: tuple[Extra, ...] = ("localizer", "dose_report", "duplicate_kernel", "coronal")
    paths = write_study(phantom, tmp_path, kind=kind, extras=extras)
    for path in (paths[0], paths[1], paths[-2], paths[-1]):
        report = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, text=True, check=False)
        assert "Error" not in report.stdout + report.stderr, (path.name, report.stderr)


def test_a_study_is_named_after_its_severity(tmp_path: Path) -> None:
    paths = phantom_study(3, "severe", tmp_path, matrix=64, pixel_mm=5.6, slice_mm=2.0, increment_mm=14.0)
    ds = pydicom.dcmread(paths[1], stop_before_pixels=True)
    assert str(ds.PatientName) == "PHANTOM^SEVERE"
    assert len(paths) > 12
