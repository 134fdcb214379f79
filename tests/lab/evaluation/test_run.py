"""Cases whose truth follows from formulas give the figures that the formulas foretell, however they are stored."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.exams.pipelines.bodies import LUNG_ML, Ball
from tests.exams.pipelines.networks import AnswersAtOnce
from tests.lab.evaluation.scans import BALL, Scan, nibabel, save, scan
from triaged.errors import UnreadableStudy
from triaged.exams.ct.engines import Pipeline
from triaged.exams.ct.finding import Acquisition, LungAnalysis
from triaged.exams.ct.options import CtOptions
from triaged.exams.ct.pipelines.networks import CtPipeline
from triaged.imaging.volume import Volume
from triaged.lab.evaluation.cases import BadCase, Case
from triaged.lab.evaluation.row import Outcome, Row
from triaged.lab.evaluation.run import rows

CUT_OFFS = (0.01, 0.25, 0.50, 0.75)
SHARE = BALL.ml / (LUNG_ML)


@pytest.fixture(scope="module")
def chest() -> Scan:
    return scan()


class NoLungs:
    def read(self, volume: Volume, acquisition: Acquisition) -> LungAnalysis:
        raise UnreadableStudy("no-lungs", "expected lungs, found none")


class Breaks:
    def read(self, volume: Volume, acquisition: Acquisition) -> LungAnalysis:
        raise ZeroDivisionError("a bug")


def case(images: Path, lungs: Path | None = None, lesions: Path | None = None, severity: float | None = None) -> Case:
    return Case("c", "p", "covid", images, lungs, lesions, severity)


def measured(given: Sequence[Case | BadCase], pipeline: Pipeline | None = None) -> list[Row]:
    return list(rows(given, pipeline or CtPipeline(AnswersAtOnce(), CtOptions()), CUT_OFFS))


def above(figure: float | None, least: float) -> bool:
    return figure is not None and figure > least


@pytest.mark.parametrize("axes", ["RAS", "LPS", "LAS", "RPI", "SAR", "ILP"])
def test_orientation_changes_no_figure(chest: Scan, tmp_path: Path, axes: str) -> None:
    images = save(tmp_path / "ct.nii.gz", chest.volume.voxels, chest.geometry, axes)
    sides = chest.right + 2 * chest.left.astype(np.uint8)
    lungs = save(tmp_path / "lungs.nii.gz", sides, chest.geometry, axes)
    lesions = save(tmp_path / "lesions.nii.gz", chest.lesion, chest.geometry, axes)
    (row,) = measured([case(images, lungs, lesions)])
    assert row.outcome is Outcome.MEASURED, row.reason
    assert row.notes == ()
    assert above(row.lung_dice, 0.97)
    assert above(row.lung_dice_right, 0.97)
    assert row.lungs_swapped is False
    assert above(row.lesion_dice, 0.95)
    assert row.severity_reference == pytest.approx(SHARE, rel=0.03)
    assert row.severity == pytest.approx(SHARE, abs=0.02)
    assert row.severity_source == "reference masks"


def test_labels_of_sides_swapped_in_the_reference_are_told_by_place_and_not_by_number(
    chest: Scan, tmp_path: Path
) -> None:
    images = save(tmp_path / "ct.nii.gz", chest.volume.voxels, chest.geometry)
    sides = 2 * chest.right.astype(np.uint8) + chest.left
    (row,) = measured([case(images, save(tmp_path / "l.nii.gz", sides, chest.geometry))])
    assert row.lungs_swapped is False
    assert above(row.lung_dice_left, 0.97)


def test_masks_of_another_orientation_than_the_images_lie_where_their_header_says(chest: Scan, tmp_path: Path) -> None:
    images = save(tmp_path / "ct.nii.gz", chest.volume.voxels, chest.geometry, "LPS")
    lesions = save(tmp_path / "lesions.nii.gz", chest.lesion, chest.geometry, "SRA")
    (row,) = measured([case(images, None, lesions)])
    assert row.notes == ()
    assert above(row.lesion_dice, 0.95)
    assert row.severity_source == "reference lesions in found lungs"
    assert row.severity_reference == pytest.approx(SHARE, rel=0.05)


@pytest.mark.parametrize("wrong", ["missing", "identity", "shifted"])
def test_a_mask_of_the_same_size_with_a_wrong_header_takes_the_images_grid(
    chest: Scan, tmp_path: Path, wrong: str
) -> None:
    images = save(tmp_path / "ct.nii.gz", chest.volume.voxels, chest.geometry, "LPS")
    right = nibabel.load(save(tmp_path / "right.nii.gz", chest.lesion, chest.geometry, "LPS"))
    affine = {
        "missing": None,
        "identity": np.eye(4),
        "shifted": right.affine + np.array([[0, 0, 0, 400.0]] * 3 + [[0] * 4]),
    }
    nibabel.save(nibabel.Nifti1Image(np.asarray(right.dataobj), affine[wrong]), tmp_path / "wrong.nii.gz")
    (row,) = measured([case(images, None, tmp_path / "wrong.nii.gz")])
    assert any("took the images' grid" in note for note in row.notes)
    assert above(row.lesion_dice, 0.95)


def test_a_mask_on_a_coarser_grid_is_placed_by_its_header(chest: Scan, tmp_path: Path) -> None:
    coarse = scan(spacing_mm=(6.0, 6.0, 6.0))
    images = save(tmp_path / "ct.nii.gz", chest.volume.voxels, chest.geometry, "LPS")
    lesions = save(tmp_path / "lesions.nii.gz", coarse.lesion, coarse.geometry, "RAS")
    (row,) = measured([case(images, None, lesions)])
    assert any("resampled" in note for note in row.notes)
    assert above(row.lesion_dice, 0.9)


@pytest.mark.parametrize("kind", ["float64", "scaled", "uint16", "four axes", "padded"])
def test_the_type_of_voxel_changes_no_figure(chest: Scan, tmp_path: Path, kind: str) -> None:
    image = nibabel.load(save(tmp_path / "int16.nii.gz", chest.volume.voxels, chest.geometry, "LAS"))
    hu = np.asarray(image.dataobj)
    stored = nibabel.Nifti1Image(hu.astype(np.float64), image.affine)
    if kind == "scaled":
        stored = nibabel.Nifti1Image((hu + 1024).astype(np.int16), image.affine)
        stored.header.set_slope_inter(1.0, -1024.0)
        stored = nibabel.Nifti1Image(hu.astype(np.float32), image.affine, stored.header)
    elif kind == "uint16":
        stored = nibabel.Nifti1Image((hu + 1024).astype(np.uint16), image.affine)
    elif kind == "four axes":
        stored = nibabel.Nifti1Image(hu[..., None], image.affine)
    elif kind == "padded":
        padded = hu.copy()
        padded[:6] = -3024
        stored = nibabel.Nifti1Image(padded, image.affine)
    nibabel.save(stored, tmp_path / "ct.nii.gz")
    lungs = save(tmp_path / "lungs.nii.gz", chest.lung, chest.geometry)
    (row,) = measured([case(tmp_path / "ct.nii.gz", lungs)])
    assert above(row.lung_dice, 0.97), row.reason


def test_values_of_a_window_scaled_to_bytes_come_back_as_hounsfield_units(chest: Scan, tmp_path: Path) -> None:
    noisy = chest.volume.voxels + np.random.default_rng(3).normal(0, 15, chest.geometry.shape)
    grey = np.rint((np.clip(noisy, -1250, 250) + 1250) / 1500 * 255).astype(np.uint8)
    images = save(tmp_path / "ct.nii.gz", grey, chest.geometry)
    lungs = save(tmp_path / "lungs.nii.gz", chest.lung, chest.geometry)
    (row,) = measured([case(images, lungs)])
    assert any("-1250 to 250 HU" in note for note in row.notes)
    assert above(row.lung_dice, 0.9)


@pytest.mark.parametrize("masks", ["with the same header", "with a right one"])
def test_front_and_back_are_exchanged_where_the_header_lies_about_them(tmp_path: Path, masks: str) -> None:
    """The spine lies behind; a header that puts it in front is not believed."""
    chest = scan((BALL, Ball((0.0, 85.0, 0.0), 24.0, 700)))
    images = nibabel.load(save(tmp_path / "right.nii.gz", chest.volume.voxels, chest.geometry, "LAS"))
    lesions = nibabel.load(save(tmp_path / "lesions.nii.gz", chest.lesion, chest.geometry, "LAS"))
    lie = images.affine @ np.array([[1, 0, 0, 0], [0, -1, 0, images.shape[1] - 1], [0, 0, 1, 0], [0, 0, 0, 1]])
    nibabel.save(nibabel.Nifti1Image(np.asarray(images.dataobj), lie), tmp_path / "ct.nii.gz")
    if masks == "with the same header":
        nibabel.save(nibabel.Nifti1Image(np.asarray(lesions.dataobj), lie), tmp_path / "lesions.nii.gz")
    (row,) = measured([case(tmp_path / "ct.nii.gz", None, tmp_path / "lesions.nii.gz")])
    assert any("exchanged front and back" in note for note in row.notes)
    assert above(row.lesion_dice, 0.95)


def test_a_case_without_lungs_counts_as_no_overlap(chest: Scan, tmp_path: Path) -> None:
    images = save(tmp_path / "ct.nii.gz", chest.volume.voxels, chest.geometry)
    lungs = save(tmp_path / "lungs.nii.gz", chest.lung, chest.geometry)
    lesions = save(tmp_path / "lesions.nii.gz", chest.lesion, chest.geometry)
    (row,) = measured([case(images, lungs, lesions)], NoLungs())
    assert (row.outcome, row.lung_dice, row.lesion_dice) == (Outcome.FAILED, 0.0, 0.0)
    assert "no-lungs" in row.reason
    assert row.severity is None
    assert row.severity_reference == pytest.approx(SHARE, rel=0.03)


def test_nothing_that_a_case_does_ends_the_run(chest: Scan, tmp_path: Path) -> None:
    images = save(tmp_path / "ct.nii.gz", chest.volume.voxels, chest.geometry)
    (tmp_path / "broken.nii.gz").write_bytes(b"\x1f\x8bnothing")
    few = save(tmp_path / "few.nii.gz", chest.volume.voxels[:5], scan().geometry)
    given: list[Case | BadCase] = [
        BadCase("b", "p", "covid", "line 3, images: nothing"),
        case(tmp_path / "broken.nii.gz"),
        case(few),
        case(images),
    ]
    found = measured(given, Breaks())
    assert [row.outcome for row in found] == [Outcome.NOT_READ] * 3 + [Outcome.FAILED]
    assert "corrupt" in found[1].reason
    assert "too-few-slices" in found[2].reason
    assert "ZeroDivisionError" in found[3].reason


def test_a_severity_in_the_list_comes_before_that_of_the_masks(chest: Scan, tmp_path: Path) -> None:
    images = save(tmp_path / "ct.nii.gz", chest.volume.voxels, chest.geometry)
    lesions = save(tmp_path / "lesions.nii.gz", chest.lesion, chest.geometry)
    (row,) = measured([case(images, None, lesions, severity=0.3)])
    assert (row.severity_reference, row.severity_source, row.grade_reference) == (0.3, "list", 2)
    assert row.severity_in_found_lungs == pytest.approx(SHARE, rel=0.05)
