"""A series becomes Hounsfield units at their place in the patient, or ends with its own reason."""

from __future__ import annotations

import contextlib
import math
import struct
import tempfile
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, MRImageStorage, RLELossless

from tests.dicom.factory import (
    BODY_HU,
    MARK,
    MARK_HU,
    ORIENTATIONS,
    SHAPE,
    SPACING_MM,
    Change,
    enhanced_ct,
    picture,
    position_mm,
    set_pixels,
    write_series,
)
from triaged.errors import UnreadableStudy
from triaged.exams.ct.choice import ScopeOptions
from triaged.exams.ct.decoding.series import DecodedSeries, decode_series
from triaged.study.assessment import ReasonCode
from triaged.study.finding import QualityFlag


def mark_of(series: DecodedSeries) -> tuple[float, float, float]:
    (index,) = np.argwhere(series.volume.voxels == MARK_HU)
    x, y, z = series.volume.geometry.position_mm(tuple(index))
    return float(x), float(y), float(z)


def refusal(paths: list[Path], options: ScopeOptions | None = None) -> UnreadableStudy:
    with pytest.raises(UnreadableStudy) as caught:
        decode_series(paths, options)
    assert "Phantom" not in caught.value.detail
    return caught.value


class TestPlace:
    @pytest.mark.parametrize("patient_position", ORIENTATIONS)
    def test_a_marked_voxel_lies_where_the_header_puts_it_for_every_patient_position(
        self, tmp_path: Path, patient_position: str
    ) -> None:
        orientation = ORIENTATIONS[patient_position]
        series = decode_series(write_series(tmp_path, orientation=orientation))
        assert mark_of(series) == pytest.approx(tuple(position_mm(MARK, orientation)))

    @pytest.mark.parametrize("patient_position", ORIENTATIONS)
    def test_the_volume_is_canonical_for_every_patient_position(self, tmp_path: Path, patient_position: str) -> None:
        series = decode_series(write_series(tmp_path, orientation=ORIENTATIONS[patient_position]))
        geometry = series.volume.geometry
        directions = geometry.affine[:3, :3] / np.asarray(geometry.spacing_mm)
        np.testing.assert_allclose(directions, [[0, 0, 1], [0, 1, 0], [1, 0, 0]], atol=1e-9)
        assert series.volume.voxels.flags.c_contiguous

    @pytest.mark.parametrize("patient_position", ORIENTATIONS)
    def test_undoing_the_reorientation_gives_the_slices_of_the_headers(
        self, tmp_path: Path, patient_position: str
    ) -> None:
        series = decode_series(write_series(tmp_path, orientation=ORIENTATIONS[patient_position]))
        source = series.reorientation.undo(series.volume.voxels)
        assert source.shape == series.source_geometry.shape
        for index, header in enumerate(series.headers):
            expected = picture()[header.InstanceNumber - 1]
            np.testing.assert_array_equal(source[index], expected)
            assert list(header.ImagePositionPatient) == pytest.approx(
                list(series.source_geometry.position_mm((index, 0, 0)))
            )

    def test_instance_numbers_and_slice_locations_are_not_believed(self, tmp_path: Path) -> None:
        def lie(image: Dataset, number: int) -> None:
            image.InstanceNumber = (number * 7) % SHAPE[0]
            image.SliceLocation = float((number * 3) % SHAPE[0])

        series = decode_series(write_series(tmp_path, change=lie))
        assert mark_of(series) == pytest.approx(tuple(position_mm(MARK)))

    def test_spacing_is_that_of_the_positions_not_of_the_thickness(self, tmp_path: Path) -> None:
        def thick(image: Dataset, number: int) -> None:
            image.SliceThickness = 5.0
            image.SpacingBetweenSlices = 4.0

        series = decode_series(write_series(tmp_path, change=thick))
        assert series.volume.geometry.spacing_mm == pytest.approx(SPACING_MM)
        assert series.acquisition.slice_thickness_mm == 5.0

    def test_headers_come_without_pixels(self, tmp_path: Path) -> None:
        series = decode_series(write_series(tmp_path))
        assert len(series.headers) == SHAPE[0]
        assert all("PixelData" not in header for header in series.headers)
        assert series.frame_numbers == (1,) * SHAPE[0]

    def test_an_invalid_frame_of_reference_becomes_a_valid_one(self, tmp_path: Path) -> None:
        def uuid_text(image: Dataset, number: int) -> None:
            image.add_new("FrameOfReferenceUID", "UI", "a1b2c3d4-0000")

        with pytest.warns(UserWarning, match="Invalid value for VR UI"):
            paths = write_series(tmp_path, change=uuid_text)
        assert decode_series(paths).volume.geometry.frame_of_reference_uid.startswith("2.25.")


class TestValues:
    def test_whole_rescale_gives_int16_hounsfield_units(self, tmp_path: Path) -> None:
        series = decode_series(write_series(tmp_path))
        assert series.volume.voxels.dtype == np.int16
        np.testing.assert_array_equal(series.volume.voxels, picture())

    def test_rescale_is_applied_slice_by_slice(self, tmp_path: Path) -> None:
        def own_scale(image: Dataset, number: int) -> None:
            slope, intercept = 1 + number % 2, -1000 - 2 * number
            set_pixels(image, (picture()[number].astype(np.int32) - intercept) // slope)
            image.RescaleSlope, image.RescaleIntercept = slope, intercept

        np.testing.assert_array_equal(decode_series(write_series(tmp_path, change=own_scale)).volume.voxels, picture())

    def test_a_rescale_with_fractions_gives_float32(self, tmp_path: Path) -> None:
        def halves(image: Dataset, number: int) -> None:
            set_pixels(image, picture()[number] * np.int16(2) + np.int16(2001))
            image.RescaleSlope, image.RescaleIntercept = 0.5, -1000.5

        series = decode_series(write_series(tmp_path, change=halves))
        assert series.volume.voxels.dtype == np.float32
        np.testing.assert_allclose(series.volume.voxels, picture(), atol=1e-3)

    def test_padding_and_what_lies_outside_the_field_of_view_become_air(self, tmp_path: Path) -> None:
        def corners(image: Dataset, number: int) -> None:
            stored = picture()[number] + 1024
            stored[0, :3] = (-976, -1024, -2000)  # -2000, -2048 and -3024 HU
            stored[1, :2] = 30000
            image.PixelPaddingValue, image.PixelPaddingRangeLimit = 29000, 31000
            set_pixels(image, stored)

        voxels = decode_series(write_series(tmp_path, change=corners)).volume.voxels
        assert (voxels[:, 0, :3] == -1024).all()
        assert (voxels[:, 1, :2] == -1024).all()
        assert voxels.min() == -1024

    def test_a_padding_value_that_tissue_has_punches_no_holes(self, tmp_path: Path) -> None:
        def body_is_padding(image: Dataset, number: int) -> None:
            image.PixelPaddingValue = BODY_HU + 1024

        np.testing.assert_array_equal(
            decode_series(write_series(tmp_path, change=body_is_padding)).volume.voxels, picture()
        )

    def test_stored_values_beyond_16_signed_bits_do_not_wrap(self, tmp_path: Path) -> None:
        def bright(image: Dataset, number: int) -> None:
            stored = (picture()[number] + 1024).astype(np.uint16)
            stored[0, 0] = 65535
            set_pixels(image, stored)

        voxels = decode_series(write_series(tmp_path, change=bright)).volume.voxels
        assert (voxels[:, 0, 0] == 32767).all()

    def test_values_of_32_bits_do_not_wrap(self, tmp_path: Path) -> None:
        def wide(image: Dataset, number: int) -> None:
            stored = (picture()[number].astype(np.int64) + 1024).astype(np.uint32)
            stored[0, :2] = (2**32 - 1, 2**31)
            set_pixels(image, stored)

        voxels = decode_series(write_series(tmp_path, change=wide)).volume.voxels
        assert (voxels[:, 0, :2] == 32767).all()
        np.testing.assert_array_equal(voxels[:, 1:], picture()[:, 1:])

    @pytest.mark.parametrize("syntax", [RLELossless, DeflatedExplicitVRLittleEndian])
    def test_encoding_does_not_change_values(self, tmp_path: Path, syntax: str) -> None:
        paths = write_series(tmp_path)
        for path in paths:
            image = dcmread(path)
            if syntax == RLELossless:
                image.compress(syntax, generate_instance_uid=False)
            else:
                image.file_meta.TransferSyntaxUID = UID(syntax)
            image.save_as(path)
        np.testing.assert_array_equal(decode_series(paths).volume.voxels, picture())


class TestEnhanced:
    def write(self, folder: Path, image: Dataset) -> list[Path]:
        image.save_as(folder / "enhanced.dcm", enforce_file_format=True)
        return [folder / "enhanced.dcm"]

    @pytest.mark.parametrize("patient_position", ORIENTATIONS)
    def test_frames_become_the_same_volume_as_single_images(self, tmp_path: Path, patient_position: str) -> None:
        orientation = ORIENTATIONS[patient_position]
        classic = decode_series(write_series(tmp_path, orientation=orientation))
        enhanced = decode_series(
            self.write(tmp_path, enhanced_ct(orientation=orientation, order=(4, 1, 0, *range(9, 4, -1), 3, 2)))
        )
        np.testing.assert_array_equal(enhanced.volume.voxels, classic.volume.voxels)
        assert enhanced.volume.geometry.shape == classic.volume.geometry.shape
        np.testing.assert_allclose(enhanced.volume.geometry.affine, classic.volume.geometry.affine, atol=1e-3)

    def test_one_header_and_the_frame_number_of_each_slice_are_given(self, tmp_path: Path) -> None:
        series = decode_series(self.write(tmp_path, enhanced_ct(order=range(9, -1, -1))))
        assert len(series.headers) == 1
        assert series.frame_numbers == tuple(range(10, 0, -1))
        assert series.acquisition.convolution_kernel == "B60f"
        assert series.acquisition.slice_thickness_mm == SPACING_MM[0]

    def test_attributes_may_stand_in_the_per_frame_groups(self, tmp_path: Path) -> None:
        image = enhanced_ct()
        shared = image.SharedFunctionalGroupsSequence[0]
        for frame in image.PerFrameFunctionalGroupsSequence:
            frame.PixelMeasuresSequence = shared.PixelMeasuresSequence
            frame.PixelValueTransformationSequence = shared.PixelValueTransformationSequence
        del shared.PixelMeasuresSequence, shared.PixelValueTransformationSequence
        np.testing.assert_array_equal(decode_series(self.write(tmp_path, image)).volume.voxels, picture())

    def test_two_stacks_in_one_image_are_mixed_frames(self, tmp_path: Path) -> None:
        image = enhanced_ct()
        image.PerFrameFunctionalGroupsSequence[9].FrameContentSequence[0].StackID = "2"
        assert refusal(self.write(tmp_path, image)).code == ReasonCode.MIXED_FRAMES

    def test_fewer_descriptions_than_frames_are_corrupt(self, tmp_path: Path) -> None:
        image = enhanced_ct()
        image.PerFrameFunctionalGroupsSequence.pop()
        assert refusal(self.write(tmp_path, image)).code == ReasonCode.CORRUPT

    def test_fewer_pixels_than_frames_cannot_be_decoded(self, tmp_path: Path) -> None:
        image = enhanced_ct()
        image.PixelData = image.PixelData[: 7 * 2 * SHAPE[1] * SHAPE[2]]
        assert refusal(self.write(tmp_path, image)).code == ReasonCode.UNDECODABLE

    def test_two_multi_frame_images_are_mixed_frames(self, tmp_path: Path) -> None:
        (path,) = self.write(tmp_path, enhanced_ct())
        assert refusal([path, path]).code == ReasonCode.MIXED_FRAMES


def drop_rescale(image: Dataset, number: int) -> None:
    del image.RescaleSlope, image.RescaleIntercept


def rescale_of_unknown_type(image: Dataset, number: int) -> None:
    image.RescaleType = "US"


def eight_bits(image: Dataset, number: int) -> None:
    set_pixels(image, np.full(SHAPE[1:], 100, np.uint8))


def without_intercept(image: Dataset, number: int) -> None:
    image.RescaleIntercept = None


def zero_slope(image: Dataset, number: int) -> None:
    image.RescaleSlope = 0


def no_air(image: Dataset, number: int) -> None:
    image.RescaleIntercept = 0


def blank(image: Dataset, number: int) -> None:
    set_pixels(image, np.zeros(SHAPE[1:], np.int16))


def intercept_out_of_reach(image: Dataset, number: int) -> None:
    image.RescaleIntercept = "-9e15"


def slope_out_of_reach(image: Dataset, number: int) -> None:
    image.RescaleSlope = "70000"


def scaled_too_high(image: Dataset, number: int) -> None:
    image.RescaleSlope = 50


def other_class(image: Dataset, number: int) -> None:
    image.SOPClassUID = MRImageStorage


def moved(number_to_move: int, by_mm: float, axis: int = 2) -> Change:
    def change(image: Dataset, number: int) -> None:
        if number == number_to_move:
            position = list(image.ImagePositionPatient)
            position[axis] = float(position[axis]) + by_mm
            image.ImagePositionPatient = position

    return change


def upon_the_next(image: Dataset, number: int) -> None:
    moved(4, 2.0)(image, number)
    if number == 4:
        set_pixels(image, picture()[4] + 1030)


def wide(image: Dataset, number: int) -> None:
    image.ImagePositionPatient = [-150.0, -160.0, number * 10.5]


def tilted(image: Dataset, number: int) -> None:
    tilt = math.radians(12.0)
    image.ImageOrientationPatient = [1.0, 0.0, 0.0, 0.0, math.cos(tilt), -math.sin(tilt)]


def one_is_coronal(image: Dataset, number: int) -> None:
    if number == 4:
        image.ImageOrientationPatient = [1.0, 0.0, 0.0, 0.0, 0.0, -1.0]


def one_is_larger(image: Dataset, number: int) -> None:
    if number == 4:
        set_pixels(image, np.zeros((SHAPE[1], SHAPE[2] + 2), np.int16))


def one_has_other_pixels(image: Dataset, number: int) -> None:
    if number == 4:
        image.PixelSpacing = [0.9, 0.9]


def one_has_another_frame_of_reference(image: Dataset, number: int) -> None:
    if number == 4:
        image.FrameOfReferenceUID = "1.2.3.33"


def no_spacing(image: Dataset, number: int) -> None:
    del image.PixelSpacing


def no_position(image: Dataset, number: int) -> None:
    del image.ImagePositionPatient


def no_orientation(image: Dataset, number: int) -> None:
    del image.ImageOrientationPatient


def degenerate_orientation(image: Dataset, number: int) -> None:
    image.ImageOrientationPatient = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0]


def truncated_pixels(image: Dataset, number: int) -> None:
    if number == 4:
        image.PixelData = image.PixelData[:100]


def no_pixels(image: Dataset, number: int) -> None:
    if number == 4:
        del image.PixelData


class TestRefusals:
    @pytest.mark.parametrize(
        ("change", "code"),
        [
            (drop_rescale, ReasonCode.NON_HU),
            (rescale_of_unknown_type, ReasonCode.NON_HU),
            (eight_bits, ReasonCode.NON_HU),
            (without_intercept, ReasonCode.NON_HU),
            (zero_slope, ReasonCode.NON_HU),
            (no_air, ReasonCode.NON_HU),
            (blank, ReasonCode.NON_HU),
            (scaled_too_high, ReasonCode.NON_HU),
            (intercept_out_of_reach, ReasonCode.NON_HU),
            (slope_out_of_reach, ReasonCode.NON_HU),
            (other_class, ReasonCode.NO_CT),
            (moved(9, 11.0), ReasonCode.IRREGULAR_SPACING),
            (moved(9, 12.0), ReasonCode.MISSING_SLICES),
            (moved(4, 9.0, axis=0), ReasonCode.IRREGULAR_SPACING),
            (upon_the_next, ReasonCode.DUPLICATE_POSITIONS),
            (wide, ReasonCode.SPACING_TOO_WIDE),
            (tilted, ReasonCode.GANTRY_TILT),
            (one_is_coronal, ReasonCode.MIXED_ORIENTATION),
            (one_is_larger, ReasonCode.MIXED_FRAMES),
            (one_has_other_pixels, ReasonCode.MIXED_FRAMES),
            (one_has_another_frame_of_reference, ReasonCode.MIXED_FRAMES),
            (no_spacing, ReasonCode.CORRUPT),
            (no_position, ReasonCode.CORRUPT),
            (no_orientation, ReasonCode.CORRUPT),
            (degenerate_orientation, ReasonCode.CORRUPT),
            (truncated_pixels, ReasonCode.UNDECODABLE),
            (no_pixels, ReasonCode.UNDECODABLE),
        ],
        ids=lambda value: getattr(value, "__name__", str(value)),
    )
    def test_a_series_that_is_no_volume_ends_with_its_own_reason(
        self, tmp_path: Path, change: Change, code: ReasonCode
    ) -> None:
        assert refusal(write_series(tmp_path, change=change)).code == code

    @pytest.mark.parametrize(("count", "readable"), [(7, False), (8, True)])
    def test_eight_slices_are_enough_and_seven_are_not(self, tmp_path: Path, count: int, readable: bool) -> None:
        paths = write_series(tmp_path, count=count)
        if readable:
            assert decode_series(paths).volume.voxels.shape[0] == count
        else:
            assert refusal(paths).code == ReasonCode.TOO_FEW_SLICES

    def test_slices_that_did_not_come_are_missing(self, tmp_path: Path) -> None:
        paths = write_series(tmp_path, count=20)
        for number in range(5, 11):
            paths.remove(tmp_path / f"{number:04}.dcm")
        refused = refusal(paths)
        assert refused.code == ReasonCode.MISSING_SLICES
        assert "6 missing" in refused.detail

    def test_a_slice_that_came_twice_is_read_once(self, tmp_path: Path) -> None:
        paths = write_series(tmp_path)
        series = decode_series([*paths, paths[0]])
        np.testing.assert_array_equal(series.volume.voxels, picture())
        assert series.acquisition.repairs == (QualityFlag.COPIES_LEFT_OUT,)

    def test_a_file_that_is_no_dicom_is_corrupt(self, tmp_path: Path) -> None:
        paths = write_series(tmp_path)
        paths[3].write_bytes(b"not an image" * 50)
        assert refusal(paths).code == ReasonCode.CORRUPT

    def test_a_file_cut_in_its_header_is_refused(self, tmp_path: Path) -> None:
        paths = write_series(tmp_path)
        paths[3].write_bytes(paths[3].read_bytes()[:500])
        assert refusal(paths).code in (ReasonCode.CORRUPT, ReasonCode.NO_CT, ReasonCode.NON_HU)

    def test_a_compressed_frame_overwritten_with_noise_cannot_be_decoded(self, tmp_path: Path) -> None:
        paths = write_series(tmp_path)
        image = dcmread(paths[3])
        image.compress(RLELossless, generate_instance_uid=False)
        image.PixelData = encapsulate([b"\xff" * 200])
        image.save_as(paths[3])
        assert refusal(paths).code == ReasonCode.UNDECODABLE

    def test_a_decoder_that_panics_takes_nothing_down(self, tmp_path: Path) -> None:
        paths = write_series(tmp_path)
        image = dcmread(paths[3])
        image.compress(RLELossless, generate_instance_uid=False)
        too_long = bytes([0x81, 0]) * 20  # twenty runs of 128 where 320 pixels are expected
        image.PixelData = encapsulate([struct.pack("<16L", 2, 64, 64 + len(too_long), *[0] * 13) + too_long * 2])
        image.save_as(paths[3])
        assert refusal(paths).code == ReasonCode.UNDECODABLE

    @settings(max_examples=100, deadline=None, derandomize=True)
    @given(
        damage=st.lists(st.tuples(st.integers(128, 1600), st.integers(0, 255)), min_size=1, max_size=12),
        cut=st.none() | st.integers(0, 1600),
    )
    def test_damaged_bytes_are_a_reason_or_an_image_and_never_a_crash(
        self, damage: list[tuple[int, int]], cut: int | None
    ) -> None:
        content = bytearray(_enhanced_file())
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "enhanced.dcm"
            for place, value in damage:
                content[place] = value
            path.write_bytes(content[:cut])
            with contextlib.suppress(UnreadableStudy):
                assert decode_series([path]).volume.voxels.min() >= -1024

    def test_a_file_that_is_gone_is_said_to_be_lost(self, tmp_path: Path) -> None:
        paths = write_series(tmp_path)
        paths[3].unlink()
        assert refusal(paths).code == ReasonCode.FILE_LOST


@cache
def _enhanced_file() -> bytes:
    stream = BytesIO()
    enhanced_ct().save_as(stream, enforce_file_format=True)
    return stream.getvalue()
