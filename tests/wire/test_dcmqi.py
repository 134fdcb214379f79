"""Segmentations as dcmqi reads them, by which 3D Slicer opens them. It shares no code with us but DCMTK.

It is large (141 MB) and so no requirement: `pip install dcmqi==1.5.7` anywhere, and its folder in PATH, let these run.
"""

from __future__ import annotations

import shutil
import subprocess
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import generate_uid

from tests.results.ct_study import ORIENTATIONS, ct_study
from tests.results.xray_study import standard_xray, standard_xray_objects
from triaged.study.kinds import ObjectKind

TOOL = shutil.which("segimage2itkimage")
NO_PLACE = "Plane Orientation (Patient) is missing"

sitk: Any = pytest.importorskip("SimpleITK")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(TOOL is None, reason="dcmqi's segimage2itkimage is not in PATH")]


def _converted(part10: bytes, folder: Path) -> tuple[list[Path], str]:
    """Return the volumes that dcmqi makes of a segmentation, one for each segment, and what it says."""
    (folder / "seg.dcm").write_bytes(part10)
    named = ["--inputDICOM", folder / "seg.dcm", "--outputDirectory", folder, "--prefix", "s", "--outputType", "nrrd"]
    ran = subprocess.run([TOOL, *named], capture_output=True, text=True, timeout=120, check=False)  # type: ignore[list-item]
    return sorted(folder.glob("s-*.nrrd")), ran.stdout + ran.stderr


def _positions_mm(volume: Any) -> NDArray[np.float64]:
    """Return the LPS positions of all voxels of a segment, (voxel, 3)."""
    index = np.argwhere(sitk.GetArrayFromImage(volume) > 0)[:, ::-1]
    axes = np.array(volume.GetDirection()).reshape(3, 3) * np.array(volume.GetSpacing())
    return np.asarray(index @ axes.T + np.array(volume.GetOrigin()))


@pytest.mark.parametrize("position", ORIENTATIONS)
def test_each_segment_of_a_ct_is_where_its_equation_says(position: str, tmp_path: Path) -> None:
    study = ct_study(position)
    found, said = _converted(study.segmentation().part10, tmp_path)
    assert len(found) == 3, said
    back = np.linalg.inv(study.geometry.affine)
    for name, path in zip(("right", "left", "lesion"), found, strict=True):
        place = _positions_mm(sitk.ReadImage(str(path))) @ back[:3, :3].T + back[:3, 3]
        np.testing.assert_allclose(place, np.rint(place), atol=1e-3)
        mask = np.zeros(study.geometry.shape, bool)
        mask[tuple(np.rint(place).astype(int).T)] = True
        np.testing.assert_array_equal(mask, study.source_masks[name], err_msg=name)


def _xray_segmentation() -> bytes:
    (one,) = (one for one in standard_xray_objects() if one.kind is ObjectKind.SEG)
    return one.part10


def test_a_segmentation_of_an_image_that_has_no_place_is_refused_for_that_reason_alone(tmp_path: Path) -> None:
    """A radiograph has no Frame of Reference, and dcmqi reads nothing without a place; with an invented one it does."""
    assert NO_PLACE in _converted(_xray_segmentation(), tmp_path)[1]
    dataset = dcmread(BytesIO(_xray_segmentation()))
    _invent_a_place(dataset)
    placed = BytesIO()
    dataset.save_as(placed)
    found, said = _converted(placed.getvalue(), tmp_path)
    names = ("right", "left", "affected", "solid")
    assert len(found) == len(names), said
    for name, path in zip(names, found, strict=True):
        seen = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))[0] > 0
        np.testing.assert_array_equal(seen, standard_xray().stored[name], err_msg=name)


def _invent_a_place(dataset: Dataset) -> None:
    dataset.FrameOfReferenceUID = generate_uid()
    dataset.PositionReferenceIndicator = ""
    shared = dataset.SharedFunctionalGroupsSequence[0]
    orientation, measures = Dataset(), Dataset()
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    measures.PixelSpacing, measures.SliceThickness, measures.SpacingBetweenSlices = [1, 1], 1, 1
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = Items([orientation]), Items([measures])
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        position = Dataset()
        position.ImagePositionPatient = [0, 0, 0]
        frame.PlanePositionSequence = Items([position])
