"""The Dice coefficient between the masks of one engine and the Segmentation of another, by numbers of voxels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.dicom.written import written_study
from tests.results.ct_study import CtStudy, ct_study, enhanced_ct_study
from triaged.exams.ct.decoding.series import DecodedSeries, decode_series
from triaged.exams.ct.overlap import overlap
from triaged.imaging.volume import Mask


def _read(study: CtStudy, folder: Path) -> tuple[DecodedSeries, Path]:
    """Return a study decoded from files as a worker does, and the Segmentation that was made of it."""
    segmentation = folder / "result.seg"
    segmentation.write_bytes(study.segmentation().part10)
    return decode_series(written_study(study, folder)), segmentation


def _mask(read: DecodedSeries, voxels: NDArray[np.bool_]) -> Mask:
    return Mask(voxels, read.volume.geometry)


@pytest.mark.parametrize(
    "study",
    [ct_study(), ct_study("FFP"), ct_study("HFP"), enhanced_ct_study()],
    ids=["HFS", "FFP", "HFP", "one file of many frames"],
)
def test_outlines_are_compared_voxel_by_voxel_however_the_patient_lay(study: CtStudy, tmp_path: Path) -> None:
    read, segmentation = _read(study, tmp_path)
    lesion = study.reading.lesion.voxels
    assert overlap(read, _mask(read, lesion), segmentation) == 1.0
    assert overlap(read, _mask(read, ~lesion), segmentation) == 0.0
    half = lesion.copy()
    half[: int(np.median(np.flatnonzero(lesion.any(axis=(1, 2)))))] = False
    expected = 2 * half.sum() / (half.sum() + lesion.sum())
    assert 0 < expected < 1
    assert overlap(read, _mask(read, half), segmentation) == pytest.approx(expected)
    mirrored = np.ascontiguousarray(lesion[:, :, ::-1])
    expected = 2 * (mirrored & lesion).sum() / (2 * lesion.sum())
    assert overlap(read, _mask(read, mirrored), segmentation) == pytest.approx(expected)


def test_where_only_one_engine_outlined_something_nothing_overlaps(tmp_path: Path) -> None:
    read, segmentation = _read(ct_study(), tmp_path)
    nothing = np.zeros(read.volume.geometry.shape, np.bool_)
    assert overlap(read, _mask(read, nothing), segmentation) == 0.0
    assert overlap(read, _mask(read, ~nothing), None) == 0.0


def test_where_nobody_outlined_anything_there_is_nothing_to_compare(tmp_path: Path) -> None:
    read, segmentation = _read(ct_study(lesion_radius_mm=0.0), tmp_path)
    nothing = _mask(read, np.zeros(read.volume.geometry.shape, np.bool_))
    assert overlap(read, nothing, segmentation) is None
    assert overlap(read, nothing, None) is None


@pytest.mark.parametrize("content", [None, b"", b"no DICOM"])
def test_a_segmentation_that_is_lost_costs_the_comparison_only(content: bytes | None, tmp_path: Path) -> None:
    read, segmentation = _read(ct_study(), tmp_path)
    segmentation.unlink()
    if content is not None:
        segmentation.write_bytes(content)
    assert overlap(read, _mask(read, np.ones(read.volume.geometry.shape, np.bool_)), segmentation) is None
