"""Real radiographs, written as devices write them, come out as the pictures that they are."""

from __future__ import annotations

import contextlib
import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from triaged.errors import UnreadableStudy
from triaged.exams.xray.decoding.radiograph import decode_radiograph
from triaged.lab.radiographs.dicom_writer import Kind, Voi, Writing, write_radiograph
from triaged.study.finding import QualityFlag

DATA = Path(__file__).parents[3] / "shared" / "data"
SETS = ("cxr_segmentations", "cxr_lungs_free", "cxr_scores", "cxr_outcomes", "cxr_normals")
WAYS: list[tuple[Kind, Voi]] = [("cr", "window"), ("dx", "table"), ("dx", "window"), ("cr", "table")]


@pytest.mark.parametrize("name", SETS)
def test_a_real_picture_is_shown_as_it_is(name: str, tmp_path: Path) -> None:
    pictures = sorted((DATA / name / "images").glob("*"))[::25]
    if not pictures:
        pytest.skip(f"the pictures of {name} are not here")
    for picture, (kind, voi), inverse in zip(pictures, itertools.cycle(WAYS), itertools.cycle((False, True))):
        with Image.open(picture) as opened:
            grey = np.asarray(opened.convert("L"), np.float64) / 255.0
        writing = Writing(kind=kind, voi=voi, inverse=inverse, bits=12, spacing_mm=None)
        found = decode_radiograph(write_radiograph(grey, tmp_path / "image.dcm", writing))
        assert np.abs(found.grey - grey).max() < 1e-3, picture.name
        assert found.field.mean() > 0.5, picture.name
        unsound = {QualityFlag.FIELD_CUT, QualityFlag.LOOKUP_SET_ASIDE, QualityFlag.WAS_INVERSE}
        assert not unsound & set(found.quality), picture.name


def test_a_real_picture_in_inverse_grey_is_turned_round(tmp_path: Path) -> None:
    pictures = sorted((DATA / "cxr_normals" / "images").glob("*"))[::30]
    if not pictures:
        pytest.skip("the pictures of cxr_normals are not here")
    for picture in pictures:
        with Image.open(picture) as opened:
            grey = np.asarray(opened.convert("L"), np.float64) / 255.0
        found = decode_radiograph(write_radiograph(1.0 - grey, tmp_path / "image.dcm", Writing(spacing_mm=None)))
        assert QualityFlag.WAS_INVERSE in found.quality, picture.name
        assert np.abs(found.grey - grey)[found.field].max() < 1e-3, picture.name


def test_no_odd_file_of_another_kind_ends_in_another_way_than_with_a_picture_or_a_reason() -> None:
    files = [path for path in sorted((DATA / "interop").rglob("*")) if path.is_file() and path.suffix != ".nrrd"]
    if not files:
        pytest.skip("the odd files are not here")
    for path in files:
        with contextlib.suppress(UnreadableStudy):
            assert decode_radiograph(path).grey.max() <= 1.0
