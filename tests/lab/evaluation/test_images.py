"""Which images of a folder are those of a case."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.breaking.small_scans import small_study
from triaged.errors import UnreadableStudy
from triaged.lab.evaluation.images import read_images


def _moved(number: int, folder: Path, into: Path, triage_class: str) -> None:
    into.mkdir(parents=True, exist_ok=True)
    for each in small_study(number, folder, triage_class=triage_class).instances:
        each.path.rename(into / each.path.name)


def test_a_follow_up_in_a_folder_below_is_not_taken_for_the_first_scan(tmp_path: Path) -> None:
    """`triaged phantom --follow-up` writes it there; both folders stand in one list of cases."""
    _moved(1, tmp_path / "alone", tmp_path / "one", "N")
    _moved(1, tmp_path / "made", tmp_path / "both", "N")
    _moved(2, tmp_path / "made", tmp_path / "both" / "follow_up", "A")
    alone, first = read_images(tmp_path / "one"), read_images(tmp_path / "both")
    later = read_images(tmp_path / "both" / "follow_up")
    np.testing.assert_array_equal(first.volume.voxels, alone.volume.voxels)
    assert not np.array_equal(later.volume.voxels, first.volume.voxels)
    assert first.notes == ("left out other studies, which lie in folders below",)
    assert later.notes == alone.notes == ()


def test_a_folder_of_several_studies_is_not_read_as_any_of_them(tmp_path: Path) -> None:
    _moved(1, tmp_path / "made", tmp_path / "both" / "one", "N")
    _moved(2, tmp_path / "made", tmp_path / "both" / "two", "A")
    with pytest.raises(UnreadableStudy, match="expected the images of one study, found those of 2 in both"):
        read_images(tmp_path / "both")
