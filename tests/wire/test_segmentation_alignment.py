"""The segmentation lies where the regions lie in the CT, as told by readers that are neither pydicom nor highdicom.

The CT is read by our own reader, as the daemon does, and its regions are written as a Segmentation. What is compared is
independent of that: ITK and GDCM decode and place the source CT, DCMTK and GDCM the Segmentation (`tests.wire.places`),
and the region is found in the source by its values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.results.ct_study import provenance, standard_study
from tests.wire import ct_files
from tests.wire.ct_files import Scan, write_classic, write_enhanced
from tests.wire.judges import needs_dcmtk
from tests.wire.peers import real
from tests.wire.places import Extent, Flags, Pick, classic_slices, multi_frame_slices, picked, segments
from triaged.exams.ct.decoding.series import DecodedSeries, decode_series
from triaged.exams.ct.finding import LungAnalysis
from triaged.exams.ct.objects import SEGMENTATION
from triaged.exams.ct.objects import segments as described_segments
from triaged.imaging.volume import Mask
from triaged.results.seg import segmentation
from triaged.results.source import source_series

Values = NDArray[Any]

pytestmark = needs_dcmtk
sitk = pytest.importorskip("SimpleITK")

TURN = np.deg2rad(13.0)
SCANS = {
    "HFS": Scan((1, 0, 0), (0, 1, 0)),
    "HFP": Scan((-1, 0, 0), (0, -1, 0)),
    "FFS": Scan((-1, 0, 0), (0, 1, 0), feet_first=True),
    "FFP": Scan((1, 0, 0), (0, -1, 0), feet_first=True),
    "oblique": Scan((1, 0, 0), (0, np.cos(TURN), np.sin(TURN))),
    "twice oblique": Scan((np.cos(TURN), np.sin(TURN), 0), (-np.sin(TURN) * 0.8, np.cos(TURN) * 0.8, 0.6)),
    "coronal": Scan((1, 0, 0), (0, 0, -1)),
}
DENSE = "Consolidation"
MIDDLE_MM = 3.217
"""Where real chests are cut into right and left; no voxel's centre lies there, so that rounding moves none."""
TOLERANCE_MM = 0.05
"""Half a voxel is promised; the finest voxels here measure 0.7 mm, so this is stricter."""


@pytest.mark.parametrize("position", SCANS)
def test_the_segments_of_a_classic_series_lie_where_the_tissue_lies(position: str, tmp_path: Path) -> None:
    read = decode_series(write_classic(SCANS[position], tmp_path / "ct"))
    _assert_in_place(segments(_written(read, _generated(read), tmp_path), sitk), _in_classic(tmp_path / "ct", REGIONS))


@pytest.mark.parametrize("position", ["HFS", "FFP", "oblique"])
def test_the_segments_of_an_enhanced_ct_lie_where_the_tissue_lies(position: str, tmp_path: Path) -> None:
    (path,) = write_enhanced(SCANS[position], tmp_path / "ct")
    read = decode_series([path])
    found = segments(_written(read, _generated(read), tmp_path), sitk)
    source = multi_frame_slices(path, sitk)
    _assert_in_place(found, {label: picked(source, pick) for label, pick in REGIONS.items()})


@pytest.mark.parametrize("name", ["covid_p001", "normal_001"])
def test_the_segments_of_a_real_series_lie_where_the_tissue_lies(name: str, tmp_path: Path) -> None:
    paths = real(f"ct_series/{name}")
    read = decode_series(paths)
    found = segments(_written(read, _aerated(read), tmp_path), sitk)
    _assert_in_place(found, _in_classic(paths[0].parent, AERATED))


def test_a_segmentation_one_voxel_off_would_be_noticed(tmp_path: Path) -> None:
    read = decode_series(write_classic(SCANS["HFS"], tmp_path / "ct"))
    lungs = _generated(read)
    off = {label: np.roll(voxels, 1, axis=2) for label, voxels in lungs.items()}
    found = segments(_written(read, off, tmp_path), sitk)
    with pytest.raises(AssertionError, match="Left lung"):
        _assert_in_place(found, _in_classic(tmp_path / "ct", REGIONS))


def _assert_in_place(found: Mapping[str, Extent], expected: Mapping[str, Extent]) -> None:
    off = {label: found[label].distance_mm(expected[label]) for label in expected if label in found}
    assert found.keys() == expected.keys()
    assert {label: mm for label, mm in off.items() if mm > TOLERANCE_MM} == {}
    assert {label: one.voxels for label, one in found.items()} == {label: one.voxels for label, one in expected.items()}


def _in_classic(folder: Path, picks: Mapping[str, Pick]) -> dict[str, Extent]:
    source = classic_slices(folder, sitk)
    return {label: picked(source, pick) for label, pick in picks.items()}


def _written(read: DecodedSeries, regions: Mapping[str, Flags], folder: Path) -> Path:
    """Write the regions, given on the canonical grid, and return the Segmentation's path."""
    grid = read.volume.geometry
    masks = (Mask(np.ascontiguousarray(regions[label]), grid) for label in REGIONS)
    reading = LungAnalysis(standard_study().reading.finding, *masks)
    made_by = provenance(read.headers)
    described = described_segments(reading, made_by)
    source = source_series(read.headers, read.source_geometry)
    made = segmentation(source, read.source_geometry, read.reorientation, described, made_by, SEGMENTATION)
    path = folder / "seg.dcm"
    path.write_bytes(made.part10)
    return path


def _generated(read: DecodedSeries) -> dict[str, Flags]:
    return {label: values(read.volume.voxels) for label, values in TISSUES.items()}


def _aerated(read: DecodedSeries) -> dict[str, Flags]:
    """Return what is as dense as lung right and left of a plane; enough to have regions of a real size and form."""
    grid, hu = read.volume.geometry, read.volume.voxels
    index = np.meshgrid(*(np.arange(count) for count in grid.shape), indexing="ij", sparse=True)
    x = sum(grid.affine[0, axis] * index[axis] for axis in range(3)) + grid.affine[0, 3]
    lung = _lung_like(hu)
    return {
        "Right lung": lung & (x < MIDDLE_MM),
        "Left lung": lung & (x >= MIDDLE_MM),
        "Lung opacity": _affected(hu),
        DENSE: _affected(hu) & (hu > -300),
    }


def _lung_like(hu: Values) -> Flags:
    return np.asarray((hu > -950) & (hu < -500))


def _affected(hu: Values) -> Flags:
    return np.asarray((hu > -600) & (hu < -250))


TISSUES: Mapping[str, Callable[[Values], Flags]] = {
    "Right lung": lambda hu: np.isin(hu, (ct_files.RIGHT_HU, ct_files.LESION_HU, ct_files.CORE_HU)),
    "Left lung": lambda hu: hu == ct_files.LEFT_HU,
    "Lung opacity": lambda hu: np.isin(hu, (ct_files.LESION_HU, ct_files.CORE_HU)),
    DENSE: lambda hu: hu == ct_files.CORE_HU,
}
REGIONS: Mapping[str, Pick] = {
    label: (lambda one, values=values: values(one.pixels))  # type: ignore[misc]
    for label, values in TISSUES.items()
}
AERATED: Mapping[str, Pick] = {
    "Right lung": lambda one: _lung_like(one.pixels) & (one.x_mm() < MIDDLE_MM),
    "Left lung": lambda one: _lung_like(one.pixels) & (one.x_mm() >= MIDDLE_MM),
    "Lung opacity": lambda one: _affected(one.pixels),
    DENSE: lambda one: _affected(one.pixels) & (one.pixels > -300),
}
