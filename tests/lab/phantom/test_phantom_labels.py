"""Every mask that a phantom gives lies where the anatomy says, and where another reader of its files finds it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import pytest
import SimpleITK

from triaged.errors import ConfigError
from triaged.lab.phantom.dicom_writer import write_study
from triaged.lab.phantom.generate import Drawing, draw
from triaged.lab.phantom.label_maps import LabelMaps, label_maps
from triaged.lab.phantom.nifti_writer import write_mask
from triaged.lab.phantom.options import PhantomOptions, Scanner
from triaged.lab.phantom.study import StudyOrder, write_masks, write_order, write_truth

OPTIONS = PhantomOptions(
    seed=9, severity=(0.25, 0.15), matrix=90, pixel_mm=4.0, slice_mm=1.5, increment_mm=8.0,
    scanner=Scanner(noise_sd_hu=3.0),
)  # fmt: skip


@pytest.fixture(scope="module")
def drawing() -> Drawing:
    return draw(OPTIONS)


@pytest.fixture(scope="module")
def maps(drawing: Drawing) -> LabelMaps:
    return label_maps(drawing)


def test_lobes_divide_the_lungs_and_keep_to_their_side(drawing: Drawing, maps: LabelMaps) -> None:
    phantom = drawing.phantom
    np.testing.assert_array_equal(maps.lobes > 0, phantom.right_lung | phantom.left_lung)
    assert np.isin(maps.lobes[phantom.right_lung], (1, 2, 3)).mean() > 0.999
    assert np.isin(maps.lobes[phantom.left_lung], (4, 5)).mean() > 0.999
    heights = [np.argwhere(maps.lobes == lobe)[:, 0].mean() for lobe in (1, 3, 4, 5)]
    assert heights[0] > heights[1] + 5
    assert heights[2] > heights[3] + 5


def test_consolidation_is_the_dense_part_of_the_lesions(drawing: Drawing, maps: LabelMaps) -> None:
    phantom, solid = drawing.phantom, maps.consolidation
    assert solid.any()
    assert not (solid & ~phantom.lesion).any()
    glass = phantom.lesion & ~solid & ~maps.vessels
    assert np.median(phantom.voxels_hu[solid]) > -300 > np.median(phantom.voxels_hu[glass])


def test_each_lesion_has_a_number_and_a_type(drawing: Drawing, maps: LabelMaps) -> None:
    np.testing.assert_array_equal(maps.lesions > 0, drawing.phantom.lesion)
    assert sorted(set(np.unique(maps.lesions)) - {0}) == list(range(1, len(maps.types) + 1))
    assert set(maps.types) <= {"haze", "glass", "solid", "paving", "halo", "band", "arcade", "round"}


def test_airways_are_air_and_the_heart_is_tissue(drawing: Drawing, maps: LabelMaps) -> None:
    voxels = drawing.phantom.voxels_hu
    windpipe = maps.airway[-6:] & ~maps.vessels[-6:]
    assert np.median(voxels[-6:][windpipe]) < -300
    assert 0 < np.median(voxels[maps.heart]) < 400
    assert not (maps.heart & (drawing.phantom.right_lung | drawing.phantom.left_lung)).sum() > 0.02 * maps.heart.sum()
    inner = maps.vessels & (drawing.phantom.right_lung | drawing.phantom.left_lung) & ~drawing.phantom.lesion
    assert np.median(voxels[inner]) > np.median(voxels[drawing.phantom.right_lung]) + 200


@pytest.mark.parametrize("tilt", [0.0, 8.0])
def test_a_mask_as_nifti_lies_where_the_dicom_images_lie(tilt: float, tmp_path: Path) -> None:
    scanner = Scanner(tilt_deg=tilt)
    phantom = draw(replace(OPTIONS, matrix=64, pixel_mm=5.6, increment_mm=14.0, scanner=scanner)).phantom
    images = [pydicom.dcmread(path) for path in write_study(phantom, tmp_path)]
    mask: Any = nibabel.load(write_mask(tmp_path / "mask.nii.gz", phantom.lesion, phantom))
    np.testing.assert_array_equal(np.asarray(mask.dataobj).astype(bool), phantom.lesion.transpose(2, 1, 0))
    for k, row, column in ((0, 0, 0), (3, 10, 40), (len(images) - 1, 63, 63)):
        first = np.array([float(v) for v in images[k].ImagePositionPatient])
        cosines = np.array([float(v) for v in images[k].ImageOrientationPatient])
        place = first + 5.6 * (column * cosines[:3] + row * cosines[3:])
        right, front, up = (mask.affine @ [column, row, k, 1])[:3]
        assert [-right, -front, up] == pytest.approx(place.tolist(), abs=0.01)


def test_a_second_reader_of_nifti_sees_the_same_mask(tmp_path: Path, drawing: Drawing) -> None:
    phantom = drawing.phantom
    mask: Any = SimpleITK.ReadImage(str(write_mask(tmp_path / "mask.nii.gz", phantom.lesion, phantom)))
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(mask).astype(bool), phantom.lesion)
    assert mask.GetSpacing() == pytest.approx((4.0, 4.0, 8.0))
    assert mask.GetDirection() == pytest.approx(np.eye(3).ravel().tolist())


def test_masks_of_a_series_with_a_gap_are_refused(tmp_path: Path) -> None:
    phantom = draw(replace(OPTIONS, matrix=64, pixel_mm=5.6, increment_mm=14.0, missing=(3,))).phantom
    with pytest.raises(ConfigError, match="missing"):
        write_mask(tmp_path / "mask.nii.gz", phantom.lesion, phantom)


def test_an_order_is_written_with_its_follow_up_truth_and_masks(tmp_path: Path) -> None:
    order = StudyOrder(3, matrix=64, pixel_mm=5.6, slice_mm=2.0, increment_mm=14.0, kernel="sharp")
    first, second = write_order(order, tmp_path, ("localizer",), "worse")
    write_truth(tmp_path / "truth.json", [first.drawing, second.drawing])
    record = json.loads((tmp_path / "truth.json").read_text())
    severities = [record["severity"]["worse"], record["follow_up"]["severity"]["worse"]]
    assert record["change"]["severity_worse"] == pytest.approx(severities[1] - severities[0])
    assert record["options"]["seed"] == 3
    assert record["anatomy"]["tissue"]["lung"] < -600
    days = [pydicom.dcmread(each.paths[0], stop_before_pixels=True) for each in (first, second)]
    assert [ds.StudyDate for ds in days] == ["20240115", "20240122"]
    assert days[0].PatientID == days[1].PatientID
    assert days[0].StudyInstanceUID != days[1].StudyInstanceUID
    names = {path.name for path in write_masks(tmp_path / "masks", first.drawing)}
    assert {"lungs.nii.gz", "lesions.nii.gz", "lobes.nii.gz", "each_lesion.nii.gz", "consolidation.nii.gz"} <= names
