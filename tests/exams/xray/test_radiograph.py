"""What of a radiograph was exposed, how it lies, what is said against it, and which files are refused."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.exams.xray.files import SHAPE, image_of, lookup, ramp, written
from triaged.errors import UnreadableStudy
from triaged.exams.xray.decoding.field import borders
from triaged.exams.xray.decoding.radiograph import Radiograph, decode_radiograph
from triaged.exams.xray.decoding.turning import Turn
from triaged.exams.xray.views import Position, View
from triaged.study.finding import QualityFlag

WIDE = {"WindowCenter": 2000, "WindowWidth": 4001}
"""In which no value of the patient is black or white."""
ROWS, COLUMNS = 120, 100


def patient(rows: int = ROWS, columns: int = COLUMNS) -> NDArray[np.uint16]:
    """Return values that are neither black nor white, and no two of which are alike in a line."""
    row, column = np.ogrid[:rows, :columns]
    return np.asarray(1000 + 7 * row + 5 * column + 300 * np.sin(row / 9) * np.cos(column / 7), np.uint16)


def decoded(folder: Path, stored: NDArray[Any], **attributes: Any) -> Radiograph:
    return decode_radiograph(written(folder, image_of(stored, **(WIDE | attributes))))


def test_an_image_without_borders_is_field_to_its_edges(tmp_path: Path) -> None:
    found = decoded(tmp_path, patient())
    assert found.field.all()
    assert not found.field.flags.writeable
    assert not found.grey.flags.writeable


@given(
    top=st.integers(0, 40),
    bottom=st.integers(0, 40),
    left=st.integers(0, 30),
    right=st.integers(0, 30),
    white=st.booleans(),
)
def test_bars_at_the_edges_are_found_to_the_pixel(top: int, bottom: int, left: int, right: int, white: bool) -> None:
    stored = patient().astype(np.float32) / 4000.0
    inside = np.zeros(stored.shape, np.bool_)
    inside[top : ROWS - bottom, left : COLUMNS - right] = True
    rows, columns = borders(np.where(inside, stored, 1.0 if white else 0.0), None)
    found = np.zeros_like(inside)
    found[rows, columns] = True
    np.testing.assert_array_equal(found, inside)


def test_letters_in_a_bar_do_not_hide_it(tmp_path: Path) -> None:
    stored = patient()
    stored[:20] = 0
    stored[5:9, 40:42] = 3000
    assert np.flatnonzero(decoded(tmp_path, stored).field.all(axis=1)).tolist() == list(range(20, ROWS))


def test_a_white_lung_at_the_edge_is_no_border(tmp_path: Path) -> None:
    stored = patient()
    stored[30:90, :50] = 4000
    assert decoded(tmp_path, stored).field.all()


def test_padding_is_no_field_and_is_black(tmp_path: Path) -> None:
    stored = patient()
    stored[:, :30] = 4095
    stored[60, 60] = 4095
    found = decoded(tmp_path, stored, PixelPaddingValue=4095)
    assert not found.field[:, :30].any()
    assert found.field[:, 30:].all(), "one pixel within the patient that has the same value is none"
    assert (found.grey[:, :30] == 0.0).all()
    assert found.grey[60, 60] == 1.0


@pytest.mark.parametrize(("value", "limit"), [(-2000, None), (-2000, -1990), (-1990, -2000)])
def test_padding_may_be_negative_and_a_range(tmp_path: Path, value: int, limit: int | None) -> None:
    stored = patient().astype(np.int16)
    stored[:, -20:] = -2000
    image = image_of(stored, **WIDE)
    image.add_new("PixelPaddingValue", "SS", value)
    if limit is not None:
        image.add_new("PixelPaddingRangeLimit", "SS", limit)
    found = decode_radiograph(written(tmp_path, image))
    assert np.flatnonzero(~found.field.all(axis=0)).tolist() == list(range(COLUMNS - 20, COLUMNS))


def test_padding_beyond_the_bits_stored_does_not_make_the_header_wrong(tmp_path: Path) -> None:
    stored = patient()
    stored[:10] = 0xFFFF
    found = decoded(tmp_path, stored, BitsStored=12, PixelPaddingValue=0xFFFF)
    np.testing.assert_allclose(found.grey[10:], stored[10:] / 4000.0, atol=2e-4)
    assert not found.field[:10].any()


def test_a_padding_value_that_is_all_of_the_image_is_a_mistake(tmp_path: Path) -> None:
    assert decoded(tmp_path, patient(), PixelPaddingValue=0, PixelPaddingRangeLimit=4000).field.all()


@pytest.mark.parametrize("kind", ["Shutter", "Collimator"])
def test_what_a_shutter_hides_is_no_field(tmp_path: Path, kind: str) -> None:
    edges = {"LeftVertical": 11, "RightVertical": 90, "UpperHorizontal": 21, "LowerHorizontal": 100}
    said = {f"{kind}{side}Edge": value for side, value in edges.items()}
    found = decoded(tmp_path, patient(), **{f"{kind}Shape": "RECTANGULAR"}, **said)
    expected = np.zeros((ROWS, COLUMNS), np.bool_)
    expected[20:100, 10:90] = True
    np.testing.assert_array_equal(found.field, expected)


def test_a_round_and_a_cornered_shutter_are_followed(tmp_path: Path) -> None:
    row, column = np.ogrid[1 : ROWS + 1, 1 : COLUMNS + 1]
    disc = decoded(
        tmp_path, patient(), ShutterShape="CIRCULAR", CenterOfCircularShutter=[60, 50], RadiusOfCircularShutter=45
    )
    expected = (row - 60) ** 2 + (column - 50) ** 2 <= 45**2
    assert not (disc.field & ~expected).any()
    assert np.count_nonzero(expected & ~disc.field) <= 4, "the four tips are lines of one pixel"
    triangle = decoded(
        tmp_path, patient(), ShutterShape="POLYGONAL", VerticesOfThePolygonalShutter=[1, 1, 1, 100, 120, 1]
    )
    assert triangle.field[5, 5]
    assert not triangle.field[110, 95]
    assert triangle.field.mean() == pytest.approx(0.5, abs=0.02)


def test_a_shutter_that_leaves_nothing_is_passed_over(tmp_path: Path) -> None:
    edges = {"LeftVertical": 50, "RightVertical": 50, "UpperHorizontal": 60, "LowerHorizontal": 60}
    said = {f"Shutter{side}Edge": value for side, value in edges.items()}
    assert decoded(tmp_path, patient(), ShutterShape="RECTANGULAR", **said).field.all()


def test_the_picture_stays_as_stored_and_says_how_to_turn_it(tmp_path: Path) -> None:
    found = decoded(tmp_path, patient(), PatientOrientation=["F", "R"])
    np.testing.assert_allclose(found.grey, patient() / 4000.0, atol=2e-4)
    assert found.upright == Turn(3, mirrored=False)
    assert {QualityFlag.TURNED, QualityFlag.MIRRORED} & set(found.quality) == {QualityFlag.TURNED}
    mirrored = decoded(tmp_path, patient(), PatientOrientation=["R", "F"])
    assert mirrored.upright == Turn(0, mirrored=True)
    assert {QualityFlag.TURNED, QualityFlag.MIRRORED} & set(mirrored.quality) == {QualityFlag.MIRRORED}
    assert decoded(tmp_path, patient()).upright == Turn()


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"ImagerPixelSpacing": [0.2, 0.1]}, (0.2, 0.1)),
        ({"ImagerPixelSpacing": [0.2, 0.1], "PixelSpacing": [0.18, 0.09]}, (0.2, 0.1)),
        (
            {"ImagerPixelSpacing": [0.2, 0.1], "PixelSpacing": [0.18, 0.09], "PixelSpacingCalibrationType": "GEOMETRY"},
            (0.18, 0.09),
        ),
        ({"NominalScannedPixelSpacing": [0.17, 0.17]}, (0.17, 0.17)),
        ({"ImagerPixelSpacing": [0, 0], "PixelSpacing": [0.18, 0.09]}, (0.18, 0.09)),
        ({"PixelSpacing": [1000, 1000]}, None),
        ({}, None),
    ],
)
def test_spacing_is_calibrated_or_else_that_of_the_detector(
    tmp_path: Path, attributes: dict[str, Any], expected: tuple[float, float] | None
) -> None:
    assert decoded(tmp_path, patient(), **attributes).spacing_mm == expected


@pytest.mark.parametrize(
    ("attributes", "flag"),
    [
        ({"ViewPosition": "AP"}, QualityFlag.AP_VIEW),
        ({"ViewPosition": None}, QualityFlag.VIEW_NOT_SAID),
        ({"PatientPosition": "SUPINE"}, QualityFlag.SUPINE),
        ({"PatientAge": "017Y"}, QualityFlag.PAEDIATRIC),
        ({"LossyImageCompression": "01"}, QualityFlag.LOSSY),
        ({"WindowCenter": 1000, "WindowWidth": 100000}, QualityFlag.LOW_CONTRAST),
        ({"ImagerPixelSpacing": [1.5, 2.0]}, QualityFlag.FIELD_CUT),
    ],
)
def test_what_makes_numbers_less_certain_is_said(tmp_path: Path, attributes: dict[str, Any], flag: QualityFlag) -> None:
    sound = {"PatientAge": "040Y", "ImagerPixelSpacing": [3.0, 3.0]}
    assert decoded(tmp_path, patient(), **sound).quality == ()
    assert decoded(tmp_path, patient(), **(sound | attributes)).quality == (flag,)


def test_a_field_that_is_mostly_black_and_white_is_said_to_be_of_low_contrast(tmp_path: Path) -> None:
    stored = np.random.default_rng(1).integers(0, 4000, (ROWS, COLUMNS)).astype(np.uint16)
    assert QualityFlag.LOW_CONTRAST in decoded(tmp_path, stored, WindowCenter=2000, WindowWidth=1600).quality
    assert QualityFlag.LOW_CONTRAST not in decoded(tmp_path, stored, WindowCenter=2000, WindowWidth=2400).quality


def test_the_field_of_a_child_may_be_small(tmp_path: Path) -> None:
    found = decoded(tmp_path, patient(), PatientAge="003Y", ImagerPixelSpacing=[1.0, 1.0])
    assert found.quality == (QualityFlag.PAEDIATRIC,)


def chest() -> NDArray[np.uint16]:
    """Return values of a body with two dark lungs, a bright spine and belly, in dark air."""
    row, column = np.mgrid[:ROWS, :COLUMNS] / np.array([ROWS, COLUMNS])[:, None, None]
    values = 2400 + 300 * np.sin(9 * row) * np.cos(7 * column)
    for middle in (0.28, 0.72):
        values = np.where(((row - 0.42) / 0.3) ** 2 + ((column - middle) / 0.16) ** 2 < 1, values - 1200, values)
    values = np.where(np.abs(column - 0.5) < 0.08, values + 600, values)
    values = np.where(row < 0.12 - 0.5 * np.abs(np.abs(column - 0.5) - 0.5), 300 + 100 * column, values)
    return np.asarray(np.where(row > 0.8, values + 700, values), np.uint16)


@pytest.mark.parametrize("orientation", [["L", "F"], ["F", "R"]])
def test_a_chest_with_air_bright_and_bone_dark_is_turned_round_and_said(tmp_path: Path, orientation: list[str]) -> None:
    stored = chest() if orientation[0] == "L" else np.rot90(chest(), 1)
    sound = decoded(tmp_path, stored, PatientOrientation=orientation)
    wrong = decoded(tmp_path, stored, PatientOrientation=orientation, PhotometricInterpretation="MONOCHROME1")
    assert QualityFlag.WAS_INVERSE not in sound.quality
    assert QualityFlag.WAS_INVERSE in wrong.quality
    np.testing.assert_allclose(wrong.grey, sound.grey, atol=1e-6)


def test_view_and_position_come_with_the_picture(tmp_path: Path) -> None:
    found = decoded(tmp_path, patient(), ViewPosition="AP", PatientPosition="SUPINE")
    assert (found.view, found.position) == (View.AP, Position.SUPINE)


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"ViewPosition": "LL"}, "no-frontal-chest"),
        ({"ViewPosition": None, "PatientOrientation": ["A", "F"]}, "no-frontal-chest"),
        ({"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}, "not-a-radiograph"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "not-a-radiograph"),
        ({"NumberOfFrames": 2}, "not-a-radiograph"),
        ({"Rows": ROWS - 1}, "undecodable-pixels"),
        ({"Rows": ROWS + 1}, "undecodable-pixels"),
        ({"Rows": 0}, "undecodable-pixels"),
        ({"BitsAllocated": 32, "BitsStored": 32}, "undecodable-pixels"),
    ],
)
def test_what_cannot_be_a_frontal_radiograph_is_refused_with_its_reason(
    tmp_path: Path, attributes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(UnreadableStudy, match=reason):
        decoded(tmp_path, patient(), **attributes)


def test_rows_and_columns_that_are_swapped_are_noticed(tmp_path: Path) -> None:
    with pytest.raises(UnreadableStudy, match="rows that go on in the next ones"):
        decoded(tmp_path, patient(), Rows=COLUMNS, Columns=ROWS)


@pytest.mark.parametrize("value", [0, 1500, 65535])
def test_an_image_of_one_grey_is_no_radiograph(tmp_path: Path, value: int) -> None:
    with pytest.raises(UnreadableStudy, match="not-a-radiograph: expected an exposed image"):
        decoded(tmp_path, np.full(SHAPE, value, np.uint16))


def test_a_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, image_of(ramp()))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UnreadableStudy, match="undecodable-pixels"):
        decode_radiograph(path)
    path.write_bytes(b"no DICOM")
    with pytest.raises(UnreadableStudy, match="corrupt"):
        decode_radiograph(path)


def test_more_pixels_than_fit_are_refused_before_any_is_read(tmp_path: Path) -> None:
    image = image_of(ramp(), **WIDE)
    image.Rows, image.Columns, image.PixelData = 8193, 8193, b"\0\0"
    path = written(tmp_path, image)
    size = 2 * 8193 * 8193
    content = path.read_bytes()
    path.write_bytes(content[:-6] + size.to_bytes(4, "little"))
    with path.open("r+b") as stream:
        stream.truncate(len(content) - 2 + size)  # a hole, which takes no space
    tracemalloc.start()
    with pytest.raises(UnreadableStudy, match="too-large"):
        decode_radiograph(path)
    assert tracemalloc.get_traced_memory()[1] < 32 * 1024 * 1024
    tracemalloc.stop()


@given(st.data())
def test_no_damage_to_a_file_ends_in_another_way_than_with_a_picture_or_a_reason(data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        image = image_of(
            patient(),
            **WIDE,
            VOILUTSequence=[lookup(900, np.arange(64) * 60, 12)],
            PixelPaddingValue=0,
            PatientOrientation=["L", "F"],
        )
        path = written(Path(folder), image)
        content = bytearray(path.read_bytes())
        beginning = len(content) - 2 * ROWS * COLUMNS
        for _ in range(data.draw(st.integers(1, 6))):
            content[data.draw(st.integers(132, beginning + 20))] = data.draw(st.integers(0, 255))
        path.write_bytes(content)
        try:
            found = decode_radiograph(path)
        except UnreadableStudy:
            return
        assert found.grey.shape == found.field.shape
        assert found.grey.min() >= 0.0
        assert found.grey.max() <= 1.0
