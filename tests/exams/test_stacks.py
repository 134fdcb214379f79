"""Several stacks under one Series Instance UID: one is read whole and says so; nothing is mixed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import UID

from tests.dicom.factory import AIR_HU, SHAPE, Change, picture, set_pixels, write_series
from triaged.errors import UnreadableStudy
from triaged.exams.ct.decoding.series import decode_series
from triaged.exams.ct.decoding.slices import read_slices
from triaged.study.assessment import ReasonCode
from triaged.study.finding import QualityFlag


def other_pixels(image: Dataset, number: int) -> None:
    set_pixels(image, picture()[number] + 1024 + 5)


def with_kernel(kernel: str) -> Change:
    def change(image: Dataset, number: int) -> None:
        image.ConvolutionKernel = kernel
        if kernel != "B60f":
            other_pixels(image, number)

    return change


def larger(image: Dataset, number: int) -> None:
    set_pixels(image, np.full((SHAPE[1] + 4, SHAPE[2] + 4), AIR_HU + 1024, np.int16))
    image.ImageType = ["DERIVED", "PRIMARY", "AXIAL"]


def second_run(image: Dataset, number: int) -> None:
    image.AcquisitionNumber = 2
    other_pixels(image, number)


def first_run(image: Dataset, number: int) -> None:
    image.AcquisitionNumber = 1


def coronal(image: Dataset, number: int) -> None:
    image.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
    image.ImagePositionPatient = [-150.0, -160.0 + number, -300.0]


def scout(image: Dataset, number: int) -> None:
    coronal(image, number)
    image.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    del image.RescaleIntercept


def unchanged(image: Dataset, number: int) -> None:
    pass


def one_series_of(folder: Path, *changes: Change, count: int = SHAPE[0]) -> list[Path]:
    """Write stacks that share a Series Instance UID; each slice has a name of its own."""
    paths: list[Path] = []
    for stack, change in enumerate(changes):
        place = folder / str(stack)
        place.mkdir()
        write_series(place, change=change)
        of_it = sorted(place.iterdir())[: count if stack else None]
        paths += of_it
        for path in of_it:
            image = dcmread(path)
            image.SOPInstanceUID = UID(f"{image.SOPInstanceUID}.{stack + 1}")
            image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
            image.InstanceNumber += 100 * stack
            image.save_as(path)
    return paths[1::2] + paths[::2]


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (with_kernel("B60f"), with_kernel("B30f")),
        (unchanged, larger),
        (first_run, second_run),
        (unchanged, coronal),
    ],
    ids=["a soft kernel", "derived, of another matrix", "a later run", "coronal planes"],
)
def test_the_better_of_two_stacks_is_read_whole_whichever_came_first(
    tmp_path: Path, better: Change, worse: Change
) -> None:
    for name, changes in (("first", (better, worse)), ("last", (worse, better))):
        (tmp_path / name).mkdir()
        series = decode_series(one_series_of(tmp_path / name, *changes))
        np.testing.assert_array_equal(series.volume.voxels, picture())
        assert series.acquisition.repairs == (QualityFlag.ONE_OF_SEVERAL,)
        assert len(series.headers) == len({header.SOPInstanceUID for header in series.headers}) == SHAPE[0]


def test_people_see_the_stack_that_was_read_and_no_scout(tmp_path: Path) -> None:
    paths = one_series_of(tmp_path, with_kernel("B60f"), with_kernel("B30f"), scout)
    stack = read_slices(paths)
    assert len(stack.slices) == SHAPE[0]
    np.testing.assert_array_equal(stack.hounsfield(0), picture()[-1])


@pytest.mark.parametrize("copies", [1, SHAPE[0]])
def test_copies_of_slices_under_other_names_are_left_out(tmp_path: Path, copies: int) -> None:
    paths = one_series_of(tmp_path, unchanged, unchanged, count=copies)
    series = decode_series(paths)
    np.testing.assert_array_equal(series.volume.voxels, picture())
    assert series.acquisition.repairs == (QualityFlag.COPIES_LEFT_OUT,)
    assert len({header.SOPInstanceUID for header in series.headers}) == SHAPE[0]


def test_other_pixels_at_one_place_that_nothing_tells_apart_are_refused(tmp_path: Path) -> None:
    paths = one_series_of(tmp_path, unchanged, other_pixels)
    with pytest.raises(UnreadableStudy) as caught:
        decode_series(paths)
    assert caught.value.code == ReasonCode.DUPLICATE_POSITIONS
