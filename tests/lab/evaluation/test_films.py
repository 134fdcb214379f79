"""Chest X-rays are measured against masks, scores and zones counted by hand, peers beside us."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.lab.films.drawn import LEFT_LUNG, RIGHT_LUNG, oval, write_picture, write_table
from triaged.errors import ConfigError, UnreadableStudy
from triaged.exams.xray.chest import Chest
from triaged.exams.xray.finding import LungNumbers, XrayNumbers, XrayReading
from triaged.exams.xray.zones import thirds
from triaged.lab.evaluation.film_cases import peers_in, read_chest, read_film_cases
from triaged.lab.evaluation.film_rows import FilmRow, film_rows
from triaged.lab.evaluation.film_summary import as_json, correlation, film_figures, score_figures
from triaged.study.assessment import ReasonCode

AFFECTED = RIGHT_LUNG & oval(0.7, 0.3, 0.2, 0.2)
NUMBERS = XrayNumbers(
    LungNumbers(0.4, 0.4, (0.0, 0.0, 1.0)), LungNumbers(0.0, 0.0, (0.0, 0.0, 0.0)), 0.3, 0.1, 0.5, 2, 0.9, 0.5, 0.02
)


class _Reads:
    """Finds what the drawn chest shows, and no lungs on a dark picture."""

    def read(self, chest: Chest) -> XrayReading:
        if chest.grey.max() < 0.1:
            raise UnreadableStudy(ReasonCode.LUNG_NOT_SEGMENTED, "expected two lungs, found none")
        cuts = thirds(RIGHT_LUNG), thirds(LEFT_LUNG)
        return XrayReading(NUMBERS.finding("test", ()), RIGHT_LUNG, LEFT_LUNG, AFFECTED, AFFECTED, None, *cuts)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Four pictures of three patients: with masks, normal with other lungs, with scores alone, and a dark one."""
    grey = np.where(RIGHT_LUNG | LEFT_LUNG, 60, 190) + np.arange(512)[:, None] // 8
    bits = 2 * RIGHT_LUNG + 1 * LEFT_LUNG + 4 * (AFFECTED | (LEFT_LUNG & oval(0.7, 0.7, 0.2, 0.2)))
    for name in ("a", "b", "c"):
        write_picture(tmp_path / "images" / f"{name}.png", grey)
    write_picture(tmp_path / "images" / "d.png", np.zeros((600, 500)))
    write_picture(tmp_path / "masks" / "a.png", bits)
    write_picture(tmp_path / "lungs" / "b.png", 255 * RIGHT_LUNG)
    empty = dict.fromkeys(("masks", "lungs", "group", "score", "reader_2", "peer", *"ABCDEF"), "")
    zones = dict(zip("ABCDEF", "003000", strict=True))
    rows = [
        {
            **empty,
            "image": "a.png",
            "patient": "1",
            "masks": "a.png",
            "score": "3",
            "reader_2": "5",
            "peer": "6",
            **zones,
        },
        {**empty, "image": "b.png", "patient": "1", "lungs": "b.png", "group": "normal"},
        {**empty, "image": "c.png", "patient": "2", "score": "2.5", "peer": "2"},
        {**empty, "image": "d.png", "patient": "3", "score": "1", "peer": "1"},
    ]
    write_table(tmp_path / "cases.csv", rows)
    return tmp_path / "cases.csv"


def test_every_figure_is_that_of_the_masks_and_scores(table: Path) -> None:
    cases = read_film_cases(table)
    rows = list(film_rows(cases, _Reads()))
    figures = film_figures(rows)
    found, truth = AFFECTED.sum(), 2 * AFFECTED.sum()
    right, both = RIGHT_LUNG.sum(), (RIGHT_LUNG | LEFT_LUNG).sum()
    assert rows[0].affected_dice == pytest.approx(2 * found / (found + truth), abs=0.01)
    assert figures["lung_dice"].value == pytest.approx((1 + 2 * right / (right + both)) / 2)
    assert figures["swapped_sides"].value == 1  # the mask has the sides the other way round
    assert (figures["score_normal"].value, figures["score_0_normal"].value) == (2, 0)
    assert figures["not_read"].value == 0.25
    assert figures["zone_rho"].n == 6
    assert figures["share_error"].n == 0


def test_peers_and_readers_stand_beside_us_on_the_pictures_that_we_read(table: Path) -> None:
    """By hand: we say 2 of both; 3 and 2.5 are right: errors 1 and .5. The peer: 3 and .5. Reader 2: 2, once."""
    cases = read_film_cases(table)
    told = score_figures(list(film_rows(cases, _Reads())), peers_in(cases, ["peer"]))
    assert {who: figures["mae"].value for who, figures in told.items()} == {"ours": 0.75, "reader_2": 2.0, "peer": 1.75}
    assert [figures["mae"].n for figures in told.values()] == [2, 1, 2]


def test_figures_are_json_whatever_is_missing(table: Path) -> None:
    cases = read_film_cases(table)
    for rows in (list(film_rows(cases, _Reads())), list(film_rows(cases[3:], _Reads()))):
        told = json.loads(json.dumps(as_json(rows, []), allow_nan=False))
        assert len(told["cases"]) == len(rows)
    assert "lung-not-segmented" in told["cases"][0]["reason"]


def test_a_peer_without_a_column_is_refused(table: Path) -> None:
    with pytest.raises(ConfigError, match="none for nobody"):
        peers_in(read_film_cases(table), ["peer", "nobody"])


def test_a_score_that_is_no_number_is_refused(tmp_path: Path) -> None:
    write_table(tmp_path / "cases.csv", [{"image": "a.png", "score": "three"}])
    with pytest.raises(ConfigError, match=r"cases.csv:2: score: expected a number, found three"):
        read_film_cases(tmp_path / "cases.csv")


def test_ranks_that_agree_correlate_wholly_and_constants_not_at_all() -> None:
    assert correlation(np.array([[1, 2], [3, 5], [9, 6.0]])) == pytest.approx(1)
    assert correlation(np.array([[1, 3], [2, 2], [3, 1.0]])) == pytest.approx(-1)
    assert correlation(np.array([[1, 3], [1, 2], [1, 1.0]])) is None


def write_made(path: Path, **said: NDArray[np.float16]) -> None:
    """Write a radiograph made from CT, of a lesion in a share of .42 of the worse lung."""
    made = {
        "image": np.full(RIGHT_LUNG.shape, 30000, np.uint16),
        "field": np.ones_like(RIGHT_LUNG),
        "right": RIGHT_LUNG,
        "left": LEFT_LUNG,
        "lesion_we_mm": np.where(AFFECTED, 20, 0).astype(np.float16),
        "other_we_mm": np.zeros(RIGHT_LUNG.shape, np.float16),
        "share_right": 0.42,
        "share_left": 0.1,
    }
    np.savez(path, **{**made, **said})  # type: ignore[arg-type]


def test_a_radiograph_made_from_ct_is_measured_by_its_share(tmp_path: Path) -> None:
    write_made(tmp_path / "drr_1_0.npz")
    write_table(tmp_path / "cases.csv", [{"image": "drr_1_0.npz", "patient": "phantom-1"}])
    (row,) = film_rows(read_film_cases(tmp_path / "cases.csv"), _Reads())
    figures = film_figures([row, replace(row, share=0.6)])
    assert row.affected_dice == 1
    assert figures["share_error"].value == pytest.approx((0.12 + 0.3) / 2)
    assert figures["share_in_interval"].value == 0.5
    assert (figures["share_class"].value, figures["share_class_near"].value) == (0.5, 1)  # .3 is moderate, .6 severe
    biases = {name: figures[f"share_bias_{name}"].value for name in ("mild", "moderate", "severe")}
    assert biases == pytest.approx({"mild": None, "moderate": -0.12, "severe": -0.3})


def test_a_class_that_is_two_away_is_not_near(tmp_path: Path) -> None:
    """The estimate of .3 is moderate: .005 of volume is not flagged, two below it, and .8 is critical, two above it."""
    write_made(tmp_path / "drr_1_0.npz")
    write_table(tmp_path / "cases.csv", [{"image": "drr_1_0.npz"}])
    (row,) = film_rows(read_film_cases(tmp_path / "cases.csv"), _Reads())
    figures = film_figures([replace(row, share=share) for share in (0.005, 0.8, 0.1, 0.25)])
    assert (figures["share_class"].value, figures["share_class_near"].value) == (0.25, 0.5)


def test_where_other_opacities_are_the_share_of_the_lesion_measures_nothing(tmp_path: Path) -> None:
    write_made(tmp_path / "drr_1_0.npz", other_we_mm=np.where(LEFT_LUNG, 30, 0).astype(np.float16))
    write_table(tmp_path / "cases.csv", [{"image": "drr_1_0.npz", "patient": "phantom-1"}])
    (row,) = film_rows(read_film_cases(tmp_path / "cases.csv"), _Reads())
    assert (row.affected_dice, row.share) == (None, None)
    assert row.lung_dice is not None


def test_a_case_may_lack_all_but_its_picture(table: Path) -> None:
    write_table(table.parent / "bare.csv", [{"image": "images/c.png"}])
    (case,) = read_film_cases(table.parent / "bare.csv")
    chest, truth = read_chest(case)
    assert chest.grey.shape == (512, 512)
    assert (truth.lungs, truth.affected, truth.share) == (None, None, None)
    row = FilmRow(replace(case, numbers=MappingProxyType({})))
    assert film_figures([row])["lung_dice"].n == 0
