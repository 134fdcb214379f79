"""Result objects over the headers of real scanners; skipped where the images are not at hand."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.unit.results.ct_study import placement, provenance
from tests.wire.test_objects import complaints
from triaged.imaging.geometry import Geometry, canonical_reorientation
from triaged.imaging.volume import Mask, Volume
from triaged.results.instance import ResultObject
from triaged.results.objects import result_objects
from triaged.study.finding import Finding, Reading
from triaged.study.records import ObjectKind

SERIES = Path(__file__).resolve().parents[3] / "shared" / "data" / "ct_series"


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (dicom3tools) is not installed")
@pytest.mark.parametrize("name", ["covid_p001", "normal_001"])
def test_objects_over_a_real_series_hold_no_error_and_lie_in_place(name: str, tmp_path: Path) -> None:
    if not (SERIES / name).is_dir():
        pytest.skip(f"real series {name} is not at hand")
    images = sorted((dcmread(path) for path in (SERIES / name).glob("*.dcm")), key=_height)[::-1]
    geometry = _geometry(images)
    voxels = np.stack([image.pixel_array.astype(np.int16) + np.int16(image.RescaleIntercept) for image in images])
    headers = [dcmread(path, stop_before_pixels=True) for path in (str(image.filename) for image in images)]
    objects = _objects(headers, geometry, voxels)
    assert complaints(objects, tmp_path) == []
    assert sum(len(one.part10) for one in objects if one.kind is ObjectKind.SC) < 3_000_000
    seg = hd.seg.segread(str(tmp_path / "seg.dcm"))
    air = _lung_like(voxels)
    right = air & (np.arange(air.shape[2]) < air.shape[2] // 2)
    found = seg.get_pixels_by_source_instance(
        [str(header.SOPInstanceUID) for header in headers[60:64]], segment_numbers=[1]
    )
    np.testing.assert_array_equal(found[..., 0] > 0, right[60:64])


def _objects(
    headers: Sequence[Dataset], geometry: Geometry, voxels: np.typing.NDArray[np.int16]
) -> tuple[ResultObject, ...]:
    reorientation = canonical_reorientation(geometry)
    grid = reorientation.geometry(geometry)
    canonical = np.ascontiguousarray(reorientation.apply(voxels))
    lungs = _lung_like(canonical)
    half = np.arange(lungs.shape[2]) < lungs.shape[2] // 2
    right, left = Mask(lungs & half, grid), Mask(lungs & ~half, grid)
    lesion = Mask(lungs & (canonical > -600), grid)
    finding = Finding(
        identification=0.5,
        severity=0.2,
        severity_right=0.2,
        severity_left=0.1,
        severity_total=0.15,
        right_lung_ml=right.volume_ml,
        left_lung_ml=left.volume_ml,
        lungs_ml=right.volume_ml + left.volume_ml,
        lesion_ml=lesion.volume_ml,
        dense_share=0.1,
        grade=1,
        engine="threshold",
        identification_threshold=None,
    )
    reading = Reading(finding, right, left, lesion)
    volume = Volume(canonical, grid)
    made_by = provenance(tuple(headers))
    return result_objects(headers, geometry, reorientation, volume, reading, placement(), made_by).objects


def _lung_like(voxels: np.typing.NDArray[np.int16]) -> np.typing.NDArray[np.bool_]:
    """Return voxels as dense as lung in the middle of the picture; enough to have masks of a real size."""
    middle = np.zeros(voxels.shape, bool)
    middle[:, 80:-80, 40:-40] = True
    return np.asarray(middle & (voxels > -950) & (voxels < -500))


def _geometry(images: Sequence[Dataset]) -> Geometry:
    first, last = (np.array(image.ImagePositionPatient, float) for image in (images[0], images[-1]))
    cosines = np.array(images[0].ImageOrientationPatient, float).reshape(2, 3)
    row_mm, column_mm = (float(mm) for mm in images[0].PixelSpacing)
    affine = np.eye(4)
    affine[:3, 0] = (last - first) / (len(images) - 1)
    affine[:3, 1], affine[:3, 2] = cosines[1] * row_mm, cosines[0] * column_mm
    affine[:3, 3] = first
    return Geometry(
        affine, (len(images), int(images[0].Rows), int(images[0].Columns)), str(images[0].FrameOfReferenceUID)
    )


def _height(image: Dataset) -> float:
    return float(image.ImagePositionPatient[2])
