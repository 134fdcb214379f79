from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from triaged.errors import ConfigError
from triaged.lab.sources import slice_labels
from triaged.lab.sources.label_maps import draw_series, write_label_maps
from triaged.lab.sources.slice_labels import SliceLabels, parted, read_labels, read_patients

SIZE = 128
LUNG_GREY, LESION_GREY, TISSUE_GREY, VESSEL_GREY = 60, 105, 155, 170


def _shapes() -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.bool_]]]:
    """Return ellipses: a body, two lungs that span 72 columns, a lesion in the right one, a vessel in the left."""
    row, column = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    lungs = (((np.abs(column) - 20) / 16) ** 2 + (row / 28) ** 2) < 1
    return {
        "body": (column / 50) ** 2 + (row / 40) ** 2 < 1,
        "lung": lungs,
        "lesion": lungs & ((column + 20) ** 2 + (row - 16) ** 2 < 64),
        "vessel": lungs & ((column - 20) ** 2 + row**2 < 14),
    }


def _picture(at: Path, values: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> None:
    at.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values.astype(np.uint8)).save(at)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("slices")
    shapes = _shapes()
    grey = np.full((SIZE, SIZE), 25)
    for name, level in (("body", TISSUE_GREY), ("lung", LUNG_GREY), ("lesion", LESION_GREY), ("vessel", VESSEL_GREY)):
        grey[shapes[name]] = level
    for number in range(4):
        _picture(folder / "ct" / f"{number:04d}.png", grey)
        _picture(folder / "lung" / f"{number:04d}.png", shapes["lung"] * 255)
        _picture(folder / "lesion" / f"{number:04d}.png", shapes["lesion"] * 255)
    return folder


@pytest.fixture(scope="module")
def labels(folder: Path) -> SliceLabels:
    return read_labels(sorted((folder / "ct").glob("*.png"))[:2], 2.0, lungs_mm=144.0)


def test_the_lungs_are_as_wide_as_assumed(labels: SliceLabels) -> None:
    columns = np.flatnonzero((labels.right | labels.left).any(axis=(0, 1)))
    assert (np.ptp(columns) + 1) * labels.pixel_mm == pytest.approx(144, abs=2 * labels.pixel_mm)


def test_right_is_left_in_the_picture_and_both_make_the_lungs(labels: SliceLabels) -> None:
    lungs = _shapes()["lung"]
    assert (labels.right | labels.left).sum() == pytest.approx(2 * lungs.sum(), rel=0.02)
    assert np.nonzero(labels.right)[2].max() < np.nonzero(labels.left)[2].min()
    assert labels.right.sum() == pytest.approx(labels.left.sum(), rel=0.02)


def test_lungs_that_touch_are_parted_where_they_are_narrowest() -> None:
    lung = np.zeros((1, 20, 40), dtype=np.bool_)
    lung[0, 2:18, 2:18] = lung[0, 2:18, 21:38] = True
    lung[0, 3, 18:21] = True
    right = parted(lung, 2.0)
    assert right[0, :, :18].sum() == 16 * 16
    assert not right[0, :, 21:].any()


def test_each_tissue_gets_the_density_of_its_kind(labels: SliceLabels) -> None:
    found = []
    for seed in range(5):
        hu = draw_series(labels, "p", seed, np.random.default_rng(seed)).voxels[0].astype(float)
        shapes = _shapes()
        healthy = shapes["lung"] & ~shapes["lesion"] & ~shapes["vessel"]
        found.append([np.median(hu[mask]) for mask in (healthy, shapes["lesion"], shapes["vessel"])])
        assert np.median(hu[~shapes["body"]]) < -900
    lung, lesion, vessel = np.array(found).T
    assert ((lung > -930) & (lung < -650)).all()
    assert (lesion > lung + 50).all()
    assert (vessel > -150).all()
    assert np.ptp(lesion) > 50


def test_severity_is_the_readers(labels: SliceLabels) -> None:
    shapes = _shapes()
    expected = shapes["lesion"].sum() / (shapes["lung"].sum() / 2)
    series = draw_series(labels, "p", 0, np.random.default_rng(0))
    assert series.severity == pytest.approx((expected, 0), rel=0.05)


def test_files_carry_patient_and_source_and_are_the_same_for_the_same_seed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slice_labels, "FIRST_SLICES", (0, 2, 4))
    paths = list(write_label_maps(folder, tmp_path / "one", 1, 3))
    again = list(write_label_maps(folder, tmp_path / "two", 1, 3))
    assert [one.read_bytes() for one in paths] == [one.read_bytes() for one in again]
    for number, path in enumerate(paths):
        with np.load(path) as archive:
            assert str(archive["patient"]) == f"slices-{number}"
            assert str(archive["source"]) == "label-map"
            assert archive["voxels"].shape[0] == 2


def test_a_folder_with_other_slices_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"expected 1247 pictures .* found 4"):
        read_patients(folder)
