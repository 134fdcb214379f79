"""Stored values to light: windows and tables by hand, and pydicom's own lookup as a second opinion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from tests.exams.xray.files import CR, DX, RAW, SHAPE, image_of, lookup, ramp, written
from triaged.errors import UnreadableStudy
from triaged.exams.xray.decoding.light import scale_of
from triaged.exams.xray.decoding.radiograph import Radiograph, decode_radiograph
from triaged.exams.xray.decoding.tables import DamagedTable, table_of, window
from triaged.study.finding import QualityFlag


def decoded(folder: Path, stored: NDArray[Any], **attributes: Any) -> Radiograph:
    return decode_radiograph(written(folder, image_of(stored, **attributes)))


@pytest.mark.parametrize(
    ("function", "center", "width", "expected"),
    [
        ("LINEAR", 100.0, 101.0, {49: 0.0, 49.5: 0.0, 99.5: 0.5, 124.5: 0.75, 149.5: 1.0, 200: 1.0}),
        ("LINEAR", 2048.0, 4096.0, {0: 0.0, 4095: 1.0, 2047.5: 0.5}),
        ("LINEAR", 100.0, 1.0, {99: 0.0, 99.5: 0.0, 100: 1.0}),
        ("LINEAR_EXACT", 100.0, 100.0, {49: 0.0, 50: 0.0, 100: 0.5, 125: 0.75, 150: 1.0, 151: 1.0}),
        ("SIGMOID", 100.0, 40.0, {100: 0.5, 110: 1 / (1 + np.exp(-1)), -1e9: 0.0, 1e9: 1.0}),
    ],
)
def test_a_window_maps_values_as_the_standard_says(
    function: str, center: float, width: float, expected: dict[float, float]
) -> None:
    light = window(center, width, function)(np.array(list(expected), np.float64))
    np.testing.assert_allclose(light, list(expected.values()), atol=1e-12)


@pytest.mark.parametrize(
    ("function", "width"), [("LINEAR", 0.5), ("LINEAR_EXACT", 0.0), ("SIGMOID", -1.0), ("BENT", 9.0)]
)
def test_a_window_that_cannot_be_is_refused(function: str, width: float) -> None:
    with pytest.raises(DamagedTable):
        window(100.0, width, function)


def test_a_table_gives_its_first_entry_below_and_its_last_one_above() -> None:
    table = table_of(lookup(100, np.array([5, 300, 1023]), 10), is_signed=False)
    assert table(np.array([0.0, 100.0, 101.0, 102.0, 9000.0])).tolist() == [5, 5, 300, 1023, 1023]
    assert table.top == 1023


def test_a_first_value_is_signed_where_values_are() -> None:
    item = lookup(0xFFFE, np.array([0, 1000, 2000, 4095]), 12)
    assert table_of(item, is_signed=True)(np.array([-3.0, -2.0, -1.0, 0.0])).tolist() == [0, 0, 1000, 2000]
    assert table_of(item, is_signed=False)(np.array([-3.0, 65534.0, 65535.0])).tolist() == [0, 0, 1000]


def test_zero_entries_mean_65536_and_a_few_of_them_packed_in_bytes_are_read_too() -> None:
    whole = lookup(0, np.arange(65536), 16)
    assert whole.LUTDescriptor[0] == 0
    assert table_of(whole, is_signed=False)(np.array([4711.0])).tolist() == [4711]
    packed = Dataset()
    packed.add_new("LUTDescriptor", "US", [3, 0, 8])
    packed.add_new("LUTData", "OW", bytes([10, 20, 255, 0]))
    assert table_of(packed, is_signed=False)(np.array([0.0, 1.0, 2.0])).tolist() == [10, 20, 255]


def test_sixteen_bits_that_are_said_of_twelve_do_not_make_the_picture_dark() -> None:
    assert table_of(lookup(0, np.array([0, 2000, 4095]), 16), is_signed=False).top == 4095


@pytest.mark.parametrize("change", [{"count": 4}, {"count": 2}, {"bits": 7}, {"bits": 17}])
def test_a_table_of_the_wrong_length_or_width_is_refused(change: dict[str, int]) -> None:
    options = {"first": 0, "entries": np.array([1, 2, 3]), "bits": 8} | change
    with pytest.raises(DamagedTable, match="expected"):
        table_of(lookup(**options), is_signed=False)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "attributes",
    [
        {"RescaleSlope": 0.5, "RescaleIntercept": -700, "WindowCenter": -100, "WindowWidth": 700},
        {"WindowCenter": [1500, 40], "WindowWidth": [2000, 80], "VOILUTFunction": "LINEAR_EXACT"},
        {"WindowCenter": 1500, "WindowWidth": 800, "VOILUTFunction": "SIGMOID"},
        {"VOILUTSequence": [lookup(200, np.arange(1024) ** 2 // 1024, 10), lookup(0, np.array([0, 1]), 8)]},
    ],
)
def test_light_is_what_pydicom_makes_of_the_same_header(tmp_path: Path, attributes: dict[str, Any]) -> None:
    stored = ramp()
    image = dcmread(written(tmp_path, image_of(stored, BitsStored=12, **attributes)))
    values = apply_modality_lut(stored, image)
    if "VOILUTSequence" in attributes:
        expected = apply_voi_lut(values.astype(np.uint16), image) / 1023
    else:  # pydicom spreads a window over what the values can be
        shown = apply_voi_lut(values, image)
        expected = (shown - _lowest(image)) / (_highest(image) - _lowest(image))
    found = decode_radiograph(tmp_path / "image.dcm")
    np.testing.assert_allclose(found.grey, np.clip(expected, 0.0, 1.0), atol=1e-6)


def _lowest(image: Dataset) -> float:
    slope, intercept = float(image.get("RescaleSlope", 1)), float(image.get("RescaleIntercept", 0))
    return min(intercept, 4095 * slope + intercept)


def _highest(image: Dataset) -> float:
    slope, intercept = float(image.get("RescaleSlope", 1)), float(image.get("RescaleIntercept", 0))
    return max(intercept, 4095 * slope + intercept)


@pytest.mark.parametrize(
    "attributes",
    [{"RescaleSlope": -1, "RescaleIntercept": 3000}, {"ModalityLUTSequence": [lookup(0, np.arange(3000, -1, -1), 16)]}],
)
def test_values_of_a_modality_that_fall_with_the_stored_ones_are_shown_as_they_fall(
    tmp_path: Path, attributes: dict[str, Any]
) -> None:
    image = dcmread(written(tmp_path, image_of(ramp(), **attributes)))
    values = apply_modality_lut(ramp(), image)
    np.testing.assert_array_equal(values, 3000.0 - ramp())
    found = decoded(tmp_path, ramp(), WindowCenter=1000, WindowWidth=2001, **attributes)
    np.testing.assert_allclose(found.grey, np.clip((values - 999.5) / 2000 + 0.5, 0.0, 1.0), atol=1e-6)


WINDOW = {"WindowCenter": 1500.5, "WindowWidth": 3001}
"""Stored values from 0 to 3000, from black to white."""


def light_of(stored: NDArray[Any]) -> NDArray[Any]:
    return np.clip(stored.astype(np.float64) / 3000.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("attributes", "inverse"),
    [
        ({"PhotometricInterpretation": "MONOCHROME1"}, True),
        ({"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"}, True),
        ({"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "IDENTITY"}, True),
        ({"PresentationLUTShape": "INVERSE"}, True),
        ({"PresentationLUTShape": "IDENTITY"}, False),
        ({"PhotometricInterpretation": None}, False),
    ],
)
def test_dense_tissue_is_bright_however_the_header_says_it(
    tmp_path: Path, attributes: dict[str, Any], inverse: bool
) -> None:
    found = decoded(tmp_path, ramp(), **WINDOW, **attributes)
    light = light_of(ramp())
    np.testing.assert_allclose(found.grey, 1.0 - light if inverse else light, atol=1e-6)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_every_byte_order_gives_the_same_light(tmp_path: Path, syntax: str) -> None:
    image = image_of(ramp(), **WINDOW)
    if syntax == ExplicitVRBigEndian:
        image.PixelData = ramp().astype(">u2").tobytes()
        image["PixelData"].VR = "OW"
    found = decode_radiograph(written(tmp_path, image, syntax))
    np.testing.assert_allclose(found.grey, light_of(ramp()), atol=1e-6)


@pytest.mark.parametrize("sign_bits", [0, 0xF000])
def test_negative_values_of_twelve_bits_are_negative_with_and_without_their_sign(
    tmp_path: Path, sign_bits: int
) -> None:
    values = ramp(-1500, kind="i2")
    stored = (values.view(np.uint16) & 0x0FFF) | np.where(values < 0, sign_bits, 0).astype(np.uint16)
    image = image_of(stored, BitsStored=12, PixelRepresentation=1, WindowCenter=0.5, WindowWidth=3001)
    found = decode_radiograph(written(tmp_path, image))
    np.testing.assert_allclose(found.grey, np.clip((values + 1500.0) / 3000.0, 0.0, 1.0), atol=1e-6)


def test_values_at_the_upper_end_of_their_words_are_shifted_down(tmp_path: Path) -> None:
    found = decoded(tmp_path, ramp() << 4, BitsStored=12, HighBit=15, **WINDOW)
    np.testing.assert_allclose(found.grey, light_of(ramp()), atol=1e-6)


def test_a_high_bit_that_the_values_contradict_is_passed_over(tmp_path: Path) -> None:
    found = decoded(tmp_path, ramp(), BitsStored=12, HighBit=15, **WINDOW)
    np.testing.assert_allclose(found.grey, light_of(ramp()), atol=1e-6)


def test_fewer_bits_than_the_values_have_are_passed_over(tmp_path: Path) -> None:
    found = decoded(tmp_path, ramp(), BitsStored=10, **WINDOW)
    np.testing.assert_allclose(found.grey, light_of(ramp()), atol=1e-6)


def test_an_overlay_in_the_upper_bits_is_no_part_of_a_value(tmp_path: Path) -> None:
    image = image_of(ramp() | 0x8000, BitsStored=12, **WINDOW)
    image.add_new(0x60000100, "US", 16)
    image.add_new(0x60000102, "US", 15)
    found = decode_radiograph(written(tmp_path, image))
    np.testing.assert_allclose(found.grey, light_of(ramp()), atol=1e-6)


def test_eight_bits_are_enough(tmp_path: Path) -> None:
    stored = (ramp() % 251).astype(np.uint8)
    found = decoded(tmp_path, stored, WindowCenter=128, WindowWidth=256)
    np.testing.assert_allclose(found.grey, stored / 255.0, atol=1e-6)


def test_without_a_window_the_field_is_spread_from_black_to_white(tmp_path: Path) -> None:
    stored = np.random.default_rng(1).permutation(ramp().ravel()).reshape(SHAPE)
    darkest, brightest = 14.0, 2984.0  # 0.5 % and 99.5 % of 3000 values
    found = decoded(tmp_path, stored)
    np.testing.assert_allclose(found.grey, np.clip((stored - darkest) / (brightest - darkest), 0.0, 1.0), atol=1e-6)


@pytest.mark.parametrize(
    ("attributes", "rises"),
    [
        ({"PixelIntensityRelationshipSign": 1}, False),
        ({"PixelIntensityRelationshipSign": -1}, True),
        ({"PhotometricInterpretation": "MONOCHROME1"}, False),
        ({}, True),
        ({"PixelIntensityRelationshipSign": -1, "PhotometricInterpretation": "MONOCHROME1"}, True),
    ],
)
def test_raw_pixels_are_bright_where_rays_were_stopped(tmp_path: Path, attributes: dict[str, Any], rises: bool) -> None:
    said: dict[str, Any] = {"SOPClassUID": RAW, "PixelIntensityRelationship": "LOG"} | attributes
    found = decoded(tmp_path, ramp(), **said)
    assert QualityFlag.RAW in found.quality
    assert (found.grey[-1, -1] > found.grey[0, 0]) == rises


def test_raw_pixels_that_count_rays_are_shown_by_the_tissue_on_the_way(tmp_path: Path) -> None:
    """Rays fall by a factor with each step of tissue, so light has to rise by the same amount."""
    tissue = np.linspace(0.0, 4.0, 60)[:, None] + np.linspace(0.0, 1.0, 50)
    stored = np.rint(60000.0 * np.exp(-tissue)).astype(np.uint16)
    found = decoded(
        tmp_path,
        stored,
        SOPClassUID=DX,
        PresentationIntentType="FOR PROCESSING",
        PixelIntensityRelationship="LIN",
        PixelIntensityRelationshipSign=1,
    )
    darkest, brightest = np.percentile(tissue, [0.5, 99.5])
    np.testing.assert_allclose(found.grey, np.clip((tissue - darkest) / (brightest - darkest), 0.0, 1.0), atol=2e-3)


def test_a_voi_table_of_the_wrong_length_is_set_aside_and_said(tmp_path: Path) -> None:
    found = decoded(tmp_path, ramp(), VOILUTSequence=[lookup(0, np.arange(100), 10, count=4096)])
    assert QualityFlag.LOOKUP_SET_ASIDE in found.quality
    assert found.grey[-1, -1] == 1.0 > found.grey[30, 25] > found.grey[0, 0] == 0.0
    assert QualityFlag.LOOKUP_SET_ASIDE not in decoded(tmp_path, ramp(), **WINDOW).quality


@pytest.mark.parametrize(
    "attributes",
    [
        {"ModalityLUTSequence": [lookup(0, np.arange(100), 10, count=4096)]},
        {"RescaleSlope": 0, "RescaleIntercept": 0},
        {"RescaleSlope": 1e30, "RescaleIntercept": 0},
    ],
)
def test_values_that_mean_nothing_are_refused(tmp_path: Path, attributes: dict[str, Any]) -> None:
    with pytest.raises(UnreadableStudy, match="corrupt"):
        decoded(tmp_path, ramp(), **attributes)


def test_a_long_table_in_a_sequence_of_known_length_is_not_lost(tmp_path: Path) -> None:
    image = image_of(ramp(), VOILUTSequence=[lookup(0, np.arange(65536)[::-1], 16)])
    image["VOILUTSequence"].is_undefined_length = False
    found = decode_radiograph(written(tmp_path, image))
    np.testing.assert_allclose(found.grey, 1.0 - ramp() / 65535.0, atol=1e-6)
    assert "VOILUTSequence" in found.header, "the presentation state shows the image by it"


@given(center=st.integers(-200, 3200), width=st.integers(2, 5000), inverse=st.booleans())
def test_light_stays_within_its_bounds_and_rises_or_falls_with_the_value(
    center: int, width: int, inverse: bool
) -> None:
    header = Dataset()
    header.WindowCenter, header.WindowWidth = center, width
    header.PhotometricInterpretation = "MONOCHROME1" if inverse else "MONOCHROME2"
    light = scale_of(header, np.ones(65536, np.int64), is_native=True).shown
    assert light is not None
    assert light.min() >= 0.0
    assert light.max() <= 1.0
    steps = np.diff(light)
    assert (steps <= 0.0).all() if inverse else (steps >= 0.0).all()


def test_the_class_says_that_pixels_are_raw_only_where_no_intent_does(tmp_path: Path) -> None:
    assert QualityFlag.RAW not in decoded(tmp_path, ramp(), SOPClassUID=CR, **WINDOW).quality
    shown = decoded(tmp_path, ramp(), SOPClassUID=RAW, PresentationIntentType="FOR PRESENTATION", **WINDOW)
    assert QualityFlag.RAW not in shown.quality
