"""Reads real chest CT with the engine that is always there; the truth is other people's labels.

The images are not part of the project: where `../shared/data` is absent, these tests skip.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from tests.exams.pipelines.bodies import ADULT
from triaged.exams.ct.decoding.series import decode_series
from triaged.exams.ct.finding import CtNumbers, LungAnalysis
from triaged.exams.ct.options import CtOptions
from triaged.exams.ct.pipelines.threshold import ThresholdPipeline
from triaged.imaging.geometry import Geometry
from triaged.imaging.volume import Volume
from triaged.study.assessment import Assessed
from triaged.study.finding import Finding, QualityFlag
from triaged.study.ranking import RequestPriority, TriageClass
from triaged.triage.scheme import TriageOptions, classify

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
LEFT_THIRDS, RIGHT_THIRDS = (9, 10, 11), (12, 13, 14)
"""Regions in the label maps of the Chest Imaging Platform."""


def present(path: Path) -> Path:
    if not path.exists():
        pytest.skip(f"real images are not here: {path.relative_to(DATA.parent.parent)}")
    return path


def axial_volume(folder: Path) -> Volume:
    """Return an axial series, read without the project's own reader; slices rise to the head."""
    slices = sorted(map(pydicom.dcmread, folder.glob("*.dcm")), key=lambda s: float(s.ImagePositionPatient[2]))
    first, step_mm = slices[0], float(slices[1].ImagePositionPatient[2]) - float(slices[0].ImagePositionPatient[2])
    voxels = np.stack([s.pixel_array * float(s.RescaleSlope) + float(s.RescaleIntercept) for s in slices])
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = step_mm, *map(float, first.PixelSpacing), 1.0
    affine[:3, 3] = first.ImagePositionPatient
    return Volume(voxels.astype(np.int16), Geometry(affine, voxels.shape, str(first.FrameOfReferenceUID)))


def read(volume: Volume) -> LungAnalysis:
    return ThresholdPipeline(CtOptions()).read(volume, ADULT)


@pytest.fixture(scope="module")
def covid() -> LungAnalysis:
    return read(axial_volume(present(DATA / "ct_series" / "covid_p001")))


@pytest.fixture(scope="module")
def normal() -> LungAnalysis:
    return read(axial_volume(present(DATA / "ct_series" / "normal_001")))


def test_covid_is_more_severe_than_a_normal_chest(covid: LungAnalysis, normal: LungAnalysis) -> None:
    assert covid.finding.urgency > 0.01 > normal.finding.urgency


def test_lesions_lie_on_the_slices_that_readers_marked(covid: LungAnalysis) -> None:
    with present(DATA / "ct_series" / "covid_p001_slices.csv").open() as table:
        from_head = [row["infected"] == "1" for row in csv.DictReader(table)]
    marked = np.array(from_head[::-1])
    found = covid.lesion.voxels.any(axis=(1, 2))
    assert found.sum() > 20
    assert (found & marked).sum() >= 0.95 * found.sum()


def test_neither_is_said_to_hold_something_solid_or_little_air(covid: LungAnalysis, normal: LungAnalysis) -> None:
    """The data set gives one COVID-19 and the other nothing, and both breathed in."""
    for reading in (covid, normal):
        assert not {QualityFlag.SOLID_OR_FLUID, QualityFlag.SHALLOW_BREATH}.intersection(reading.finding.quality)


def test_the_left_lung_leaves_room_for_the_heart(covid: LungAnalysis, normal: LungAnalysis) -> None:
    for reading in (covid, normal):
        right_ml, left_ml = CtNumbers.of(reading.finding).right_lung_ml, CtNumbers.of(reading.finding).left_lung_ml
        assert right_ml is not None
        assert left_ml is not None
        assert 0.75 * right_ml < left_ml < right_ml


def test_lungs_agree_with_a_label_map_made_by_others() -> None:
    folder = present(DATA / "interop" / "cip_copdgene")
    image: Any = sitk.ReadImage(folder / "ct-64.nrrd")
    affine = np.zeros((4, 4))
    directions = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine[:3, :3], affine[:3, 3], affine[3, 3] = directions[:, ::-1], image.GetOrigin(), 1.0
    voxels = sitk.GetArrayFromImage(image).astype(np.int16)
    reading = read(Volume(voxels, Geometry(affine, voxels.shape, "1.2")))
    right, left = reading.right_lung.voxels, reading.left_lung.voxels
    lungs = sitk.GetArrayFromImage(sitk.ReadImage(folder / "wholeLung-64.nrrd")) > 0
    thirds = sitk.GetArrayFromImage(sitk.ReadImage(folder / "lm-64.nrrd"))
    assert 2 * np.sum((right | left) & lungs) / (np.sum(right | left) + np.sum(lungs)) > 0.96
    assert right[np.isin(thirds, RIGHT_THIRDS)].mean() > 0.99
    assert left[np.isin(thirds, LEFT_THIRDS)].mean() > 0.99


def in_order(folder: Path) -> list[Path]:
    """Return the slices of a series from the feet to the head."""
    return sorted(
        folder.glob("*.dcm"), key=lambda p: float(pydicom.dcmread(p, stop_before_pixels=True).ImagePositionPatient[2])
    )


def read_of(paths: list[Path]) -> Finding:
    series = decode_series(paths)
    return ThresholdPipeline(CtOptions()).read(series.volume, series.acquisition).finding


def test_slices_in_pairs_give_the_volume_of_the_whole_scan() -> None:
    """2 and 8 mm apart in turns, of a scan every 2 mm: a plain count of voxels would be a third of it."""
    paths = in_order(present(DATA / "ct_series" / "normal_001"))
    whole, pairs = read_of(paths), read_of([path for index, path in enumerate(paths) if index % 5 in (0, 1)])
    assert CtNumbers.of(pairs).lungs_ml == pytest.approx(CtNumbers.of(whole).lungs_ml, rel=0.03)
    assert QualityFlag.IRREGULAR_SPACING in pairs.quality
    assert whole.quality == ()


@pytest.mark.parametrize("kept", [slice(73, 82), slice(0, 77), slice(77, None)])
def test_a_part_of_the_lungs_is_cut_off_and_never_not_flagged(kept: slice) -> None:
    found = read_of(in_order(present(DATA / "ct_series" / "normal_001"))[kept])
    assert QualityFlag.LUNGS_CUT_OFF in found.quality
    assert classify(Assessed(found), RequestPriority.ROUTINE, TriageOptions()) is TriageClass.UNSCORED


def test_a_frame_of_reference_for_every_slice_is_one_stack() -> None:
    found = read_of(in_order(present(DATA / "ct_series" / "lidc_0314")))
    assert found.quality == (QualityFlag.FRAME_PER_SLICE,)
