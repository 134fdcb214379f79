"""Real series read as an independent reader reads them, and real malformed ones are refused for the right reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread

from triaged.errors import UnreadableStudy
from triaged.exams.ct.choice import ScopeOptions
from triaged.exams.ct.decoding.series import decode_series
from triaged.study.assessment import ReasonCode

DATA = Path(__file__).parents[3] / "shared" / "data"
INTEROP = DATA / "interop"
GE_SLICE = INTEROP / "cornerstone3D_testImages"
ENHANCED = INTEROP / "dicomParser_testImages" / "encapsulated" / "multi-frame"

TWO = ScopeOptions(min_slices=2)

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="real images are not here: ../shared/data")


def slices_by_height(folder: Path) -> list[Path]:
    heights = {
        path: float(dcmread(path, specific_tags=["ImagePositionPatient"]).ImagePositionPatient[2])
        for path in folder.glob("*.dcm")
    }
    return sorted(heights, key=lambda path: heights[path])


def itk_volume(paths: list[Path]) -> Any:
    sitk: Any = pytest.importorskip("SimpleITK")
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([str(path) for path in paths])
    return sitk, reader.Execute()


@pytest.mark.parametrize("patient", ["covid_p001", "normal_001"])
def test_an_independent_reader_finds_the_same_hounsfield_units_at_the_same_places(patient: str) -> None:
    paths = slices_by_height(DATA / "ct_series" / patient)[60:84]
    series = decode_series(paths[::-1])
    sitk, expected = itk_volume(paths)
    np.testing.assert_array_equal(series.volume.voxels, sitk.GetArrayFromImage(expected))
    for index in ((0, 0, 0), (23, 511, 0), (7, 100, 400)):
        place = expected.TransformIndexToPhysicalPoint(index[::-1])
        assert series.volume.geometry.position_mm(index) == pytest.approx(place, abs=1e-3)


def test_a_whole_chest_is_read_with_its_lungs_where_the_label_map_has_them() -> None:
    sitk: Any = pytest.importorskip("SimpleITK")
    series = decode_series(sorted((INTEROP / "cip_copdgene" / "ct-64Dicom").glob("*.dcm")))
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(INTEROP / "cip_copdgene" / "wholeLung-64.nrrd")))
    assert labels.shape == series.volume.voxels.shape
    air_in_lungs = float(np.mean(series.volume.voxels[labels > 0] < -500))
    assert air_in_lungs > 0.9
    assert float(np.mean(series.volume.voxels[::-1][labels > 0] < -500)) < air_in_lungs - 0.1


@pytest.mark.parametrize(
    ("folder", "code"),
    [
        ("gantrytilting/001", ReasonCode.GANTRY_TILT),
        ("notavolume/001", ReasonCode.DUPLICATE_POSITIONS),
        ("sliceincrement/001", ReasonCode.NON_HU),
        ("sliceincrement/002", ReasonCode.GANTRY_TILT),
        ("slicecount/001", ReasonCode.NO_CT),
        ("sliceorientation/001", ReasonCode.NO_CT),
    ],
)
def test_a_malformed_series_is_refused_for_its_fault(folder: str, code: ReasonCode) -> None:
    with pytest.raises(UnreadableStudy) as caught:
        decode_series(sorted((INTEROP / "dicom2nifti_failing" / folder).glob("*.dcm")), TWO)
    assert caught.value.code == code


@pytest.mark.parametrize("folder", ["gantrytilting/001", "notavolume/001", "sliceincrement/001"])
def test_a_handful_of_slices_is_too_few(folder: str) -> None:
    with pytest.raises(UnreadableStudy) as caught:
        decode_series(sorted((INTEROP / "dicom2nifti_failing" / folder).glob("*.dcm")))
    assert caught.value.code == ReasonCode.TOO_FEW_SLICES


LOSSLESS = [
    "BigEndianExplicitTransferSyntax_1.2.840.10008.1.2.2",
    "DeflatedExplicitVRLittleEndianTransferSyntax_1.2.840.10008.1.2.1.99",
    "JPEG2000LosslessOnlyTransferSyntax_1.2.840.10008.1.2.4.90",
    "JPEGLSLosslessTransferSyntax_1.2.840.10008.1.2.4.80",
    "JPEGProcess14SV1TransferSyntax_1.2.840.10008.1.2.4.70",
    "JPEGProcess14TransferSyntax_1.2.840.10008.1.2.4.57",
    "LittleEndianImplicitTransferSyntax_1.2.840.10008.1.2",
    "RLELosslessTransferSyntax_1.2.840.10008.1.2.5",
]


def stacked(source: Path, folder: Path, count: int = 2) -> list[Path]:
    """Write copies of one slice, each a millimetre above the last, in its own transfer syntax."""
    paths = []
    for number in range(count):
        image = dcmread(source)
        position = [float(v) for v in image.ImagePositionPatient]
        image.ImagePositionPatient = [position[0], position[1], position[2] + number]
        paths.append(folder / f"{number}.dcm")
        image.save_as(paths[-1])
    return paths


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", LOSSLESS)
def test_every_lossless_syntax_of_one_slice_gives_the_same_hounsfield_units(tmp_path: Path, name: str) -> None:
    plain = dcmread(GE_SLICE / "CTImage.dcm_LittleEndianExplicitTransferSyntax_1.2.840.10008.1.2.1.dcm")
    stored = np.frombuffer(plain.PixelData, "<i2").reshape(plain.Rows, plain.Columns).astype(np.int32)
    expected = np.maximum(stored * int(plain.RescaleSlope) + int(plain.RescaleIntercept), -1024)
    series = decode_series(stacked(GE_SLICE / f"CTImage.dcm_{name}.dcm", tmp_path), TWO)
    for plane in series.volume.voxels:
        np.testing.assert_array_equal(plane, expected)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "name",
    [
        "fragmented_no_bot_jpeg_lossless.57",
        "fragmented_no_bot_jpeg_lossless.70",
        "fragmented_no_bot_jpeg_ls.80",
        "not_fragmented_bot_jpeg_ls.80",
        "not_fragmented_bot_rle",
        "not_fragmented_no_bot_jpeg_ls.80",
        "not_fragmented_no_bot_rle",
    ],
)
def test_every_encapsulation_of_an_enhanced_ct_gives_the_same_frames(tmp_path: Path, name: str) -> None:
    plain = dcmread(ENHANCED / "CT0012.explicit_little_endian.dcm")
    stored = np.frombuffer(plain.PixelData, "<u2").reshape(2, plain.Rows, plain.Columns).astype(np.int32)
    image = dcmread(ENHANCED / f"CT0012.{name}.dcm")
    shared = image.SharedFunctionalGroupsSequence[0]
    shared.PixelValueTransformationSequence[0].RescaleType = "HU"
    image.save_as(tmp_path / "enhanced.dcm")
    series = decode_series([tmp_path / "enhanced.dcm"], TWO)
    source = series.reorientation.undo(series.volume.voxels)
    for index, number in enumerate(series.frame_numbers):
        np.testing.assert_array_equal(source[index], np.maximum(stored[number - 1] - 1024, -1024))


def test_a_map_of_blood_flow_is_no_hounsfield_units() -> None:
    with pytest.raises(UnreadableStudy) as caught:
        decode_series([ENHANCED / "CT0012.explicit_little_endian.dcm"], TWO)
    assert caught.value.code == ReasonCode.NON_HU


def test_eight_bits_are_no_hounsfield_units(tmp_path: Path) -> None:
    paths = stacked(GE_SLICE / "CTImage.dcm_JPEGProcess1TransferSyntax_1.2.840.10008.1.2.4.50.dcm", tmp_path)
    with pytest.raises(UnreadableStudy) as caught:
        decode_series(paths, TWO)
    assert caught.value.code == ReasonCode.NON_HU


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_syntax_without_decoder_is_undecodable(tmp_path: Path) -> None:
    paths = stacked(GE_SLICE / "CTImage.dcm_JPEGProcess10_12TransferSyntax_1.2.840.10008.1.2.4.55.dcm", tmp_path)
    with pytest.raises(UnreadableStudy) as caught:
        decode_series(paths, TWO)
    assert caught.value.code == ReasonCode.UNDECODABLE
