"""Published collections become films: sides told apart, only what is known is said, bars left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.lab.films.drawn import LEFT_LUNG, RIGHT_LUNG, oval, write_picture, write_table
from triaged.errors import ConfigError
from triaged.lab.films.film import AFFECTED, LEFT, RIGHT, SIDE, SOLID, UNSURE, films_in, load_film, save_film
from triaged.lab.films.tables import by_side, exposed, films_of

GREY = np.where(RIGHT_LUNG | LEFT_LUNG, 60, 190).astype(np.uint8) + np.arange(SIDE, dtype=np.uint8)[:, None] // 8
DATA = Path(__file__).parents[4] / "shared" / "data"


def _collection(folder: Path, row: dict[str, str]) -> Path:
    write_picture(folder / "images" / row["image"], GREY)
    write_table(folder / "cases.csv", [row])
    return folder


def test_one_mask_of_both_lungs_is_told_apart_by_its_parts(tmp_path: Path) -> None:
    folder = _collection(tmp_path / "cxr_lungs_free", {"image": "a.png", "lung": "a.png", "patient": "x:1"})
    write_picture(folder / "lungs" / "a.png", 255 * (RIGHT_LUNG | LEFT_LUNG))
    (film,) = films_of(folder)
    assert np.array_equal(film.labels & RIGHT > 0, RIGHT_LUNG)
    assert np.array_equal(film.labels & LEFT > 0, LEFT_LUNG)
    assert (film.lungs, film.affected_known, film.source) == ("drawn", False, "cxr_lungs_free")
    assert 0 < film.presence < 1


def test_lungs_that_touch_are_cut_where_they_are_narrowest() -> None:
    bridge = oval(0.5, 0.5, 0.02, 0.15)
    right, left = by_side(RIGHT_LUNG | LEFT_LUNG | bridge)
    assert not (right & LEFT_LUNG).any()
    assert not (left & RIGHT_LUNG).any()
    assert (right | left)[bridge].all()


def test_only_ground_glass_and_consolidation_within_the_lungs_count(tmp_path: Path) -> None:
    row = {"image": "a.png", "mask": "a.png", "patient": "x:1"}
    folder = _collection(tmp_path / "cxr_segmentations", row)
    beyond, solid = oval(0.5, 0.3, 0.1, 0.3), oval(0.6, 0.7, 0.05, 0.05)
    bits = 1 * RIGHT_LUNG + 2 * LEFT_LUNG + 4 * beyond + 8 * solid + 64 * oval(0.2, 0.5, 0.1, 0.1)
    write_picture(folder / "masks" / "a.png", bits)
    (film,) = films_of(folder)
    assert np.array_equal(film.labels & AFFECTED > 0, (beyond | solid) & (RIGHT_LUNG | LEFT_LUNG))
    assert np.array_equal(film.labels & SOLID > 0, solid & LEFT_LUNG)
    assert (film.affected_known, film.presence) == (True, 1.0)


@pytest.mark.parametrize(("label", "known", "presence"), [("No_findings", True, 0.0), ("Pneumonia", False, np.nan)])
def test_a_normal_film_teaches_that_nothing_is_there_and_a_mined_label_nothing(
    tmp_path: Path, label: str, known: bool, presence: float
) -> None:
    (film,) = films_of(_collection(tmp_path / "cxr_normals", {"image": "a.png", "patient": "1", "label": label}))
    assert film.affected_known is known
    assert film.presence == pytest.approx(presence, nan_ok=True)
    assert film.lungs == "none"


def test_bars_at_the_edges_are_not_exposed() -> None:
    picture = np.random.default_rng(1).random((200, 160), dtype=np.float32)
    picture[:20], picture[:, 150:] = 0, 1
    expected = np.zeros(picture.shape, np.bool_)
    expected[20:, :150] = True
    assert np.array_equal(exposed(picture), expected)


def test_a_radiograph_made_from_ct_says_what_a_reader_would_see(tmp_path: Path) -> None:
    """10 mm of added water are seen, 4 mm are not; where other opacities are, nothing is taught, nor of the share."""
    lesion = 30.0 * oval(0.4, 0.3, 0.1, 0.05) + 4.0 * oval(0.6, 0.3, 0.1, 0.05)
    other = 30.0 * oval(0.5, 0.7, 0.1, 0.05)
    for number, opacity in enumerate((other, 0 * other)):
        np.savez(
            tmp_path / f"drr_1_{number}.npz",
            right=RIGHT_LUNG,
            left=LEFT_LUNG,
            image=GREY.astype(np.uint16) * 257,
            field=np.ones_like(RIGHT_LUNG),
            lesion_we_mm=lesion.astype(np.float16),
            solid_we_mm=np.zeros_like(lesion, np.float16),
            other_we_mm=opacity.astype(np.float16),
            spacing_mm=0.8,
            share_right=0.2,
            share_left=0.1,
            patient="phantom-1",
        )
    film, alone = films_of(tmp_path)
    assert film.labels[int(0.4 * SIDE), int(0.3 * SIDE)] == RIGHT | AFFECTED
    assert film.labels[int(0.6 * SIDE), int(0.3 * SIDE)] == RIGHT
    assert film.labels[int(0.5 * SIDE), int(0.7 * SIDE)] == LEFT | UNSURE
    assert (alone.share, film.presence, film.lungs) == (0.2, 1.0, "exact")
    assert np.isnan(film.share)
    assert film.added_mm[int(0.4 * SIDE), int(0.3 * SIDE)] == pytest.approx(30, abs=1)


def test_a_film_is_read_as_it_was_written(tmp_path: Path) -> None:
    (film,) = films_of(_collection(tmp_path / "cxr_normals", {"image": "a.png", "patient": "1", "label": "Pneumonia"}))
    save_film(film, tmp_path / "one.npz")
    again = load_film(tmp_path / "one.npz")
    assert np.array_equal(again.grey, film.grey)
    assert (again.name, again.patient, again.lungs) == ("a", "cxr_normals:1", "none")
    assert np.isnan(again.presence)


def test_what_is_no_collection_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="found neither"):
        list(films_of(tmp_path))
    with pytest.raises(ConfigError, match="expected one of cxr_lungs_free"):
        list(films_of(_collection(tmp_path / "others", {"image": "a.png"})))
    with pytest.raises(ConfigError, match="expected films"):
        films_in(tmp_path / "nowhere")


@pytest.mark.skipif(not DATA.exists(), reason="the real images are kept elsewhere")
def test_the_real_outlines_have_the_right_lung_on_the_left_of_the_picture() -> None:
    """All of them, as the collection's description says and was seen."""
    for number, film in enumerate(films_of(DATA / "cxr_lungs_free")):
        if number == 6:
            break
        middles = [np.nonzero(film.labels & bit)[1].mean() for bit in (RIGHT, LEFT)]
        assert middles[0] < SIDE / 2 < middles[1]
