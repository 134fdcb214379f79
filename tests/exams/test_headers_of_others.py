"""Headers as anonymisers and sequential scans leave them: what is geometrically one stack is read, and says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import UID, SecondaryCaptureImageStorage

from tests.dicom.factory import MARK, MARK_HU, SHAPE, SPACING_MM, Change, picture, position_mm, set_pixels, write_series
from triaged.errors import UnreadableStudy
from triaged.exams.ct.decoding.series import DecodedSeries, decode_series
from triaged.exams.ct.decoding.slices import read_slices
from triaged.lab.evaluation.images import read_images
from triaged.study.assessment import ReasonCode
from triaged.study.finding import QualityFlag
from triaged.study.uids import is_valid_uid


def without(*keywords: str) -> Change:
    def change(image: Dataset, number: int) -> None:
        for keyword in keywords:
            image[keyword].value = ""

    return change


def class_in_the_meta_alone(folder: Path) -> list[Path]:
    paths = write_series(folder)
    for path in paths:
        image = dcmread(path)
        del image.SOPClassUID
        image.save_as(path)
    return paths


def identity_in_the_meta_alone(folder: Path) -> list[Path]:
    paths = write_series(folder)
    for path in paths:
        image = dcmread(path)
        image.SOPInstanceUID = ""
        image.save_as(path, enforce_file_format=False)
    return paths


def without_identity(folder: Path) -> list[Path]:
    paths = identity_in_the_meta_alone(folder)
    for path in paths:
        image = dcmread(path)
        image.file_meta.MediaStorageSOPInstanceUID = UID("")
        image.file_meta.MediaStorageSOPClassUID = UID("")
        del image.SOPClassUID
        image.save_as(path, enforce_file_format=False)
    return paths


def guids_as_study(folder: Path) -> list[Path]:
    def guid(image: Dataset, number: int) -> None:
        image.add_new("StudyInstanceUID", "UI", "3f2504e0-4f89-11d3-9a0c-0305e82c3301")

    with pytest.warns(UserWarning, match="Invalid value for VR UI"):
        write_series(folder, change=guid)
    paths = sorted(folder.iterdir())
    for path in paths:
        image = dcmread(path)
        image.SOPInstanceUID = ""
        image.save_as(path, enforce_file_format=False)
    return paths


def test_a_class_in_the_file_meta_alone_is_taken_from_there(tmp_path: Path) -> None:
    paths = class_in_the_meta_alone(tmp_path)
    series = decode_series(paths)
    np.testing.assert_array_equal(series.volume.voxels, picture())
    assert series.acquisition.repairs == (QualityFlag.CLASS_FROM_META,)
    assert read_images(tmp_path).acquisition.repairs == (QualityFlag.CLASS_FROM_META,)


def test_an_identity_in_the_file_meta_alone_is_taken_from_there(tmp_path: Path) -> None:
    series = decode_series(identity_in_the_meta_alone(tmp_path))
    assert series.acquisition.repairs == (QualityFlag.IDENTITY_FROM_META,)
    assert [header.SOPInstanceUID for header in series.headers] == [f"1.2.3.4.{number + 1}" for number in range(10)]
    assert len({one.key for one in read_slices(sorted(tmp_path.iterdir())).slices}) == SHAPE[0]


def test_class_and_identity_that_nobody_names_are_derived_from_what_the_header_says(tmp_path: Path) -> None:
    paths = without_identity(tmp_path)
    first, again = decode_series(paths), decode_series(paths)
    uids = [header.SOPInstanceUID for header in first.headers]
    assert len(set(uids)) == SHAPE[0]
    assert all(map(is_valid_uid, uids))
    assert uids == [header.SOPInstanceUID for header in again.headers]
    np.testing.assert_array_equal(read_images(tmp_path).volume.voxels, picture())


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_a_folder_of_slices_with_empty_uids_and_guids_is_one_series(tmp_path: Path) -> None:
    guids_as_study(tmp_path)
    np.testing.assert_array_equal(read_images(tmp_path).volume.voxels, picture())


class TestFramesOfReference:
    def read(self, folder: Path, distinct: int) -> DecodedSeries:
        def own(image: Dataset, number: int) -> None:
            image.FrameOfReferenceUID = f"1.2.3.33.{number % distinct + 1}"

        return decode_series(write_series(folder, change=own))

    def test_one_for_each_slice_becomes_one_for_the_stack(self, tmp_path: Path) -> None:
        series = self.read(tmp_path, distinct=SHAPE[0])
        np.testing.assert_array_equal(series.volume.voxels, picture())
        derived = series.volume.geometry.frame_of_reference_uid
        assert is_valid_uid(derived)
        assert derived not in {header.FrameOfReferenceUID for header in series.headers}
        assert derived == decode_series(sorted(tmp_path.iterdir())).volume.geometry.frame_of_reference_uid
        assert series.acquisition.repairs == (QualityFlag.FRAME_PER_SLICE,)

    def test_a_few_are_places_in_which_the_patient_lay_and_are_not_mixed(self, tmp_path: Path) -> None:
        with pytest.raises(UnreadableStudy, match="one Frame of Reference UID"):
            self.read(tmp_path, distinct=2)

    def test_one_for_each_slice_makes_no_stack_of_slices_that_are_none(self, tmp_path: Path) -> None:
        def own(image: Dataset, number: int) -> None:
            image.FrameOfReferenceUID = f"1.2.3.33.{number + 1}"
            image.ImagePositionPatient = [-150.0, -160.0, 2.0 * (number % 5)]

        with pytest.raises(UnreadableStudy) as caught:
            decode_series(write_series(tmp_path, change=own))
        assert caught.value.code == ReasonCode.DUPLICATE_POSITIONS

    def test_one_that_some_slices_do_not_name_is_that_of_all(self, tmp_path: Path) -> None:
        def unnamed(image: Dataset, number: int) -> None:
            if number in (0, 3, 9):
                del image.FrameOfReferenceUID

        series = decode_series(write_series(tmp_path, change=unnamed))
        np.testing.assert_array_equal(series.volume.voxels, picture())
        assert series.acquisition.repairs == (QualityFlag.FRAME_PER_SLICE,)


def absent(*keywords: str) -> Change:
    def change(image: Dataset, number: int) -> None:
        for keyword in keywords:
            del image[keyword]

    return change


def capture(image: Dataset, number: int) -> None:
    image.SOPClassUID = SecondaryCaptureImageStorage


def shown_inverted(image: Dataset, number: int) -> None:
    image.PhotometricInterpretation = "MONOCHROME1"


def counted_downwards(image: Dataset, number: int) -> None:
    set_pixels(image, 3000 - picture()[number])
    image.RescaleSlope, image.RescaleIntercept = -1, 3000


def in_twelve_bits(image: Dataset, number: int) -> None:
    """An unsigned value in the lower twelve of sixteen bits, and an overlay in the highest, as old scanners had it."""
    set_pixels(image, (picture()[number] + 1024).astype(np.uint16) | 0x8000)
    image.BitsStored, image.HighBit = 12, 11


def with_few_digits(image: Dataset, number: int) -> None:
    image.ImageOrientationPatient = ["0.98", "-0", "-0.0", "0", "1.02", "-0"]


def square(image: Dataset, number: int) -> None:
    image.PixelSpacing = [1.5]


@pytest.mark.parametrize(
    ("change", "flags"),
    [
        (without("RescaleSlope"), (QualityFlag.SLOPE_ASSUMED,)),
        (absent("RescaleSlope"), (QualityFlag.SLOPE_ASSUMED,)),
        (capture, (QualityFlag.CLASS_NOT_CT,)),
        (shown_inverted, ()),
        (counted_downwards, ()),
        (in_twelve_bits, ()),
        (with_few_digits, ()),
        (absent("SamplesPerPixel"), ()),
        (absent("PhotometricInterpretation"), ()),
        (absent("BitsStored", "HighBit"), ()),
        (absent("PatientID", "PatientName", "PatientBirthDate"), ()),
        (absent("InstanceNumber", "SliceThickness"), ()),
        (absent("Modality", "ImageType"), ()),
    ],
)
def test_what_a_header_lacks_or_says_in_another_way_is_read_as_meant(
    tmp_path: Path, change: Change, flags: tuple[QualityFlag, ...]
) -> None:
    series = decode_series(write_series(tmp_path, change=change))
    np.testing.assert_array_equal(series.volume.voxels, picture())
    assert series.volume.geometry.spacing_mm == pytest.approx(SPACING_MM)
    assert series.acquisition.repairs == flags


def test_a_comma_in_place_of_the_decimal_point_is_read_as_meant(tmp_path: Path) -> None:
    for path in write_series(tmp_path):
        content = path.read_bytes()
        assert b"1.5\\1.25" in content
        path.write_bytes(content.replace(b"1.5\\1.25", b"1,5\\1,25"))
    series = decode_series(sorted(tmp_path.iterdir()))
    assert series.volume.geometry.spacing_mm == pytest.approx(SPACING_MM)
    np.testing.assert_array_equal(series.volume.voxels, picture())


def test_one_number_for_the_spacing_of_pixels_is_that_of_rows_and_columns(tmp_path: Path) -> None:
    series = decode_series(write_series(tmp_path, change=square))
    assert series.volume.geometry.spacing_mm == pytest.approx((2.0, 1.5, 1.5))
    assert series.acquisition.repairs == (QualityFlag.SQUARE_PIXELS,)


def at(*z_mm: float) -> Change:
    def change(image: Dataset, number: int) -> None:
        image.ImagePositionPatient = [*position_mm((0, 0, 0))[:2], z_mm[number]]
        image.SliceThickness = 1.0

    return change


PAIRS = tuple(10.0 * (number // 2) + number % 2 for number in range(10))
"""Slices 1 and 9 mm apart in turns, as sequential scans of the lungs are made."""


class TestUnevenSteps:
    def test_every_slice_fills_half_the_way_to_its_neighbours(self, tmp_path: Path) -> None:
        series = decode_series(write_series(tmp_path, change=at(*PAIRS)))
        assert series.volume.geometry.shape[0] == 42
        assert series.volume.geometry.spacing_mm == pytest.approx((1.0, *SPACING_MM[1:]))
        assert series.acquisition.repairs == (QualityFlag.IRREGULAR_SPACING,)
        marked = np.flatnonzero((series.volume.voxels == MARK_HU).any(axis=(1, 2)))
        assert marked.tolist() == [11, 12, 13, 14, 15], "slice 3 at 11 mm, half the way to those at 10 and 20 mm"
        assert series.spread is not None
        for number, layer in enumerate(series.spread.layers):
            np.testing.assert_array_equal(series.volume.voxels[layer], picture()[number])
            assert series.headers[layer].InstanceNumber == number + 1

    def test_the_grid_lies_where_the_slices_do(self, tmp_path: Path) -> None:
        series = decode_series(write_series(tmp_path, change=at(*PAIRS)))
        first, last = (series.volume.geometry.position_mm((index, 0, 0))[2] for index in (0, 41))
        assert (first, last) == pytest.approx((0.0, 41.0))

    def test_a_slice_that_did_not_come_is_filled_by_its_neighbours_and_flagged(self, tmp_path: Path) -> None:
        paths = write_series(tmp_path)
        paths.remove(tmp_path / "0005.dcm")
        series = decode_series(paths)
        assert series.acquisition.repairs == (QualityFlag.SLICES_MISSING,)
        assert series.volume.geometry.shape == SHAPE
        assert series.volume.voxels[MARK] == MARK_HU

    def test_a_step_beyond_12_mm_is_a_hole(self, tmp_path: Path) -> None:
        with pytest.raises(UnreadableStudy) as caught:
            decode_series(write_series(tmp_path, change=at(*PAIRS[:4], *(z + 3.5 for z in PAIRS[4:]))))
        assert caught.value.code == ReasonCode.IRREGULAR_SPACING

    def test_slices_that_lie_aside_are_no_stack(self, tmp_path: Path) -> None:
        def aside(image: Dataset, number: int) -> None:
            at(*PAIRS)(image, number)
            if number == 4:
                image.ImagePositionPatient = [-141.0, *image.ImagePositionPatient[1:]]

        with pytest.raises(UnreadableStudy) as caught:
            decode_series(write_series(tmp_path, change=aside))
        assert caught.value.code == ReasonCode.IRREGULAR_SPACING

    def test_viewers_still_see_the_slices_that_there_are(self, tmp_path: Path) -> None:
        stack = read_slices(write_series(tmp_path, change=at(*PAIRS)))
        assert [one.position_mm for one in stack.slices] == list(PAIRS[::-1])
