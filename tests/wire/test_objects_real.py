"""Result objects over the headers of real scanners; skipped where the images are not at hand."""

from __future__ import annotations

from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread

from tests.findings import finding_of
from tests.results.ct_study import provenance, ranking
from tests.wire.judges import complaints, needs_dciodvfy, needs_dcmtk
from tests.wire.peers import real
from triaged.exams.ct.choice import ScopeOptions
from triaged.exams.ct.decoding.series import DecodedSeries, decode_series
from triaged.exams.ct.finding import LungAnalysis
from triaged.exams.ct.objects import result_objects
from triaged.exams.exam import Results
from triaged.imaging.volume import Mask
from triaged.study.kinds import ObjectKind

pytestmark = [needs_dciodvfy, needs_dcmtk]


@pytest.mark.parametrize("name", ["covid_p001", "normal_001"])
def test_objects_over_a_real_series_hold_no_error_and_lie_in_place(name: str, tmp_path: Path) -> None:
    read = decode_series(real(f"ct_series/{name}"))
    reading = _reading(read)
    results = _results(read, reading)
    assert complaints(results.objects, tmp_path) == []
    for kind in (ObjectKind.SC, ObjectKind.SC_MULTIFRAME):
        assert sum(len(one.part10) for one in results.objects if one.kind is kind) < 3_500_000
    seg = hd.seg.segread(str(tmp_path / "seg.dcm"))
    found = seg.get_pixels_by_source_instance(
        [str(header.SOPInstanceUID) for header in read.headers[60:64]], segment_numbers=[1]
    )
    right = read.reorientation.undo(reading.right_lung.voxels)
    np.testing.assert_array_equal(found[..., 0] > 0, right[60:64])


def test_objects_over_a_real_enhanced_ct_hold_no_error(tmp_path: Path) -> None:
    """Two slices in units unknown, which the daemon would decline: here they are called Hounsfield units."""
    files = real("interop/dicomParser_testImages/encapsulated/multi-frame")
    image = dcmread(next(path for path in files if path.name == "CT0012.explicit_little_endian.dcm"))
    groups = [*image.SharedFunctionalGroupsSequence, *image.PerFrameFunctionalGroupsSequence]
    for transformation in (
        one.PixelValueTransformationSequence[0] for one in groups if "PixelValueT" in str(one.dir())
    ):
        transformation.RescaleType = "HU"
    image.save_as(tmp_path / "enhanced.dcm")
    read = decode_series([tmp_path / "enhanced.dcm"], ScopeOptions(min_slices=2, max_spacing_mm=20.0))
    assert complaints(_results(read, _reading(read)).objects, tmp_path) == []


def _results(read: DecodedSeries, reading: LungAnalysis) -> Results:
    made_by = provenance(read.headers)
    return result_objects(read, reading, ranking(), made_by)


def _reading(read: DecodedSeries) -> LungAnalysis:
    """Return regions of a real size and form, and numbers that need not fit them."""
    grid, hu = read.volume.geometry, read.volume.voxels
    lungs = _lung_like(hu)
    half = np.arange(lungs.shape[2]) < lungs.shape[2] // 2
    right, left = Mask(lungs & half, grid), Mask(lungs & ~half, grid)
    lesion = Mask(lungs & (hu > -600), grid)
    finding = finding_of(
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
    return LungAnalysis(finding, right, left, lesion, lesion)


def _lung_like(voxels: NDArray[np.int16] | NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return voxels as dense as lung in the middle of the picture."""
    middle = np.zeros(voxels.shape, bool)
    middle[:, 80:-80, 40:-40] = True
    return np.asarray(middle & (voxels > -950) & (voxels < -250))
