"""Slices decoded one at a time, and the lesion found on them: against the analytic chest that they were made from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.dicom.written import written_study
from tests.results.ct_study import ORIENTATIONS, SHAPE, CtStudy, ct_study, enhanced_ct_study
from triaged.errors import UnreadableStudy
from triaged.exams.ct.decoding.slices import read_regions, read_slices


def _lesion(study: CtStudy) -> NDArray[np.bool_]:
    """Return the lesion from head to feet, rows to the back, columns to the left."""
    return np.asarray(study.reorientation.apply(study.source_masks["lesion"])[::-1])


@pytest.mark.parametrize("position", list(ORIENTATIONS))
def test_slices_come_from_head_to_feet_and_upright_however_the_patient_lay(position: str, tmp_path: Path) -> None:
    study = ct_study(position)
    stack = read_slices(written_study(study, tmp_path))
    heights = [one.position_mm for one in stack.slices]
    assert heights == sorted(heights, reverse=True)
    for index in (0, 11, SHAPE[0] - 1):
        np.testing.assert_array_equal(stack.hounsfield(index), study.volume.voxels[::-1][index])


@pytest.mark.parametrize("position", list(ORIENTATIONS))
def test_the_lesion_lies_on_the_slices_on_which_it_was_drawn(position: str, tmp_path: Path) -> None:
    study = ct_study(position)
    stack = read_slices(written_study(study, tmp_path))
    (tmp_path / "seg").write_bytes(study.segmentation().part10)
    regions = read_regions(tmp_path / "seg")["Lung opacity"]
    expected = _lesion(study)
    for one, wanted in zip(stack.slices, expected, strict=True):
        found = regions.get(one.key)
        assert (found is None) == (not wanted.any())
        if found is not None:
            np.testing.assert_array_equal(stack.turned(found.mask()), wanted)


def test_a_frame_of_a_multi_frame_image_is_a_slice_too(tmp_path: Path) -> None:
    study = enhanced_ct_study()
    stack = read_slices(written_study(study, tmp_path))
    assert [one.number for one in stack.slices] == list(range(1, SHAPE[0] + 1))  # stored from head to foot
    np.testing.assert_array_equal(stack.hounsfield(3), study.volume.voxels[::-1][3])
    (tmp_path / "seg").write_bytes(study.segmentation().part10)
    regions = read_regions(tmp_path / "seg")["Lung opacity"]
    expected = _lesion(study)
    assert [one.key in regions for one in stack.slices] == [bool(wanted.any()) for wanted in expected]


def test_an_unknown_segment_is_nowhere(tmp_path: Path) -> None:
    (tmp_path / "seg").write_bytes(ct_study().segmentation().part10)
    assert "Spleen" not in read_regions(tmp_path / "seg")


@pytest.mark.parametrize("content", [b"", b"no DICOM", b"\0" * 128 + b"DICM"])
def test_a_file_that_is_no_segmentation_is_refused_with_the_reason(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "seg").write_bytes(content)
    with pytest.raises(UnreadableStudy, match="expected a segmentation"):
        read_regions(tmp_path / "seg")


def test_a_slice_that_lost_its_pixels_is_refused_and_the_others_are_not(tmp_path: Path) -> None:
    study = ct_study()
    paths = written_study(study, tmp_path)
    stack = read_slices(paths)
    damaged = stack.slices[4]
    damaged.path.write_bytes(damaged.path.read_bytes()[:-100])
    with pytest.raises(UnreadableStudy, match="expected"):
        stack.hounsfield(4)
    assert stack.hounsfield(5).shape == SHAPE[1:]
