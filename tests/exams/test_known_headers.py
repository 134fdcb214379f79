"""What was read of files while their series arrived is used for exactly these files, and once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from tests.dicom.factory import write_series
from tests.flow.house import FakePipeline
from triaged.dicom.files import read_header_only
from triaged.exams.ct.decoding import known
from triaged.exams.ct.decoding.known import KnownHeaders
from triaged.exams.ct.decoding.series import decode_series
from triaged.exams.ct.examination import ChestCt
from triaged.imaging.volume import Volume
from triaged.inference.identity import Engine


class _Arriving(FakePipeline):
    """Keeps the volumes that it is given while a series arrives."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Volume] = []

    def prepare(self, volume: Volume) -> None:
        self.seen.append(volume)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Every header that was really read."""
    found: list[Path] = []

    def read(path: Path) -> Dataset:
        found.append(path)
        return read_header_only(path)

    monkeypatch.setattr(known, "read_header_only", read)
    return found


@pytest.fixture
def slices(tmp_path: Path) -> list[Path]:
    return sorted(write_series(tmp_path, count=40))


def _examination() -> tuple[ChestCt, _Arriving]:
    pipeline = _Arriving()
    return ChestCt(Engine("fake", "1", "ab" * 32, "2.25.1", "0", "settings"), pipeline), pipeline


def test_the_volume_is_that_of_a_series_of_which_nothing_was_known(slices: list[Path], reads: list[Path]) -> None:
    examination, _ = _examination()
    examination.prepare(slices[:20])
    assert reads == slices[:20]
    volume = examination.read(slices, lambda: None).read.volume
    assert reads == slices
    np.testing.assert_array_equal(volume.voxels, decode_series(slices).volume.voxels)


def test_slices_that_are_new_are_looked_at_alone(slices: list[Path]) -> None:
    examination, pipeline = _examination()
    for count in (16, 32):
        examination.prepare(slices[:count])
    whole = decode_series(slices[:32]).volume.voxels
    assert [len(each.voxels) for each in pipeline.seen] == [16, 16]
    # slices rise from the feet in a volume; these came in that order
    np.testing.assert_array_equal(np.concatenate([each.voxels for each in pipeline.seen]), whole)


def test_new_slices_that_are_no_volume_are_looked_at_with_the_others(slices: list[Path], reads: list[Path]) -> None:
    examination, pipeline = _examination()
    examination.prepare(slices[:20])
    examination.prepare(slices[:22])
    assert [len(each.voxels) for each in pipeline.seen] == [20, 22]
    assert reads == slices[:22]


def test_a_file_that_changed_is_read_again(slices: list[Path], reads: list[Path]) -> None:
    headers = KnownHeaders()
    headers.read(slices[0])
    changed = dcmread(slices[0])
    changed.StationName = "ANOTHER STATION"
    changed.save_as(slices[0], enforce_file_format=True)
    assert headers.unknown(slices[:2]) == slices[:2]
    assert headers.take(slices[0]).StationName == "ANOTHER STATION"
    assert reads == [slices[0], slices[0]]


def test_a_header_is_handed_out_once_and_forgotten_with_its_series(slices: list[Path], reads: list[Path]) -> None:
    headers = KnownHeaders()
    first = headers.read(slices[0])
    assert headers.take(slices[0]) is first
    assert headers.take(slices[0]) is not first
    headers.read(slices[1])
    headers.forget()
    assert headers.unknown(slices[:2]) == slices[:2]
    assert len(reads) == 3


def test_a_bounded_number_is_remembered(slices: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "MOST_HEADERS", 3)
    headers = KnownHeaders()
    for path in slices[:5]:
        headers.read(path)
    assert headers.unknown(slices[:5]) == slices[:2]
