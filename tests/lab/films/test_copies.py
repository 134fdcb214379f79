"""Whoever is one patient stands on one side of the split, however the films say so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from tests.lab.films.drawn import LEFT_LUNG, RIGHT_LUNG, film, write_picture, write_table
from triaged.lab.films.archive import write_films
from triaged.lab.films.copies import grouped, is_held_out, names_of
from triaged.lab.films.film import Film, load_film

SIDE = 512


def _chest(seed: int) -> Film:
    """Return a film of its own anatomy: no two are alike."""
    coarse = np.random.default_rng(seed).integers(0, 255, (12, 12)).astype(np.uint8)
    return film(seed, grey=cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC))


def test_films_of_one_patient_belong_together() -> None:
    one, other, third = (_chest(seed) for seed in (1, 2, 3))
    groups = grouped([one, replace(other, patient="p1"), third])
    assert groups[0] == groups[1] != groups[2]


def test_two_patients_of_whom_one_picture_is_published_twice_are_one() -> None:
    one, other, third = (_chest(seed) for seed in (1, 2, 3))
    noise = np.random.default_rng(9).normal(0, 4, one.grey.shape)
    copied = replace(other, grey=np.clip(one.grey + noise, 0, 255).astype(np.uint8))
    linked = replace(third, patient="p2")
    assert len(set(grouped([one, copied, linked]))) == 1


def test_the_name_of_the_published_file_links_two_collections(tmp_path: Path) -> None:
    write_table(tmp_path / "cxr_lungs_free" / "cases.csv", [{"image": "1.jpg", "file": "Abc.jpg", "patient": "x:1"}])
    write_table(tmp_path / "cxr_outcomes" / "cases.csv", [{"image": "abc.jpg", "patient": "hannover:7"}])
    known = names_of([tmp_path / "cxr_lungs_free", tmp_path / "cxr_outcomes"])
    first = replace(_chest(1), name="1", source="cxr_lungs_free", patient="x:1")
    second = replace(_chest(2), name="abc", source="cxr_outcomes", patient="hannover:7")
    assert len(set(grouped([first, second]))) == 2
    assert len(set(grouped([first, second], known))) == 1


def test_about_a_fifth_of_the_groups_is_held_out_and_always_the_same() -> None:
    names = [f"patient {number}" for number in range(2000)]
    held_out = [is_held_out(name, 13) for name in names]
    assert 0.17 < np.mean(held_out) < 0.23
    assert held_out == [is_held_out(name, 13) for name in names]
    assert held_out != [is_held_out(name, 14) for name in names]


def test_no_patient_is_written_to_both_sides(tmp_path: Path) -> None:
    folder, rng = tmp_path / "cxr_normals", np.random.default_rng(3)
    rows = [{"image": f"{n}.png", "patient": f"{n // 2}", "label": "No_findings"} for n in range(16)]
    for row in rows:
        shadows = cv2.resize(rng.integers(0, 120, (9, 9)).astype(np.uint8), (SIDE, SIDE))
        write_picture(folder / "images" / row["image"], np.where(RIGHT_LUNG | LEFT_LUNG, 60, 130) + shadows)
    write_table(folder / "cases.csv", rows)
    written = list(write_films([folder], tmp_path / "out", seed=2))
    sides: dict[str, set[str]] = {}
    for path in written:
        sides.setdefault(load_film(path).patient, set()).add(path.parent.parent.name)
    assert len(written) == 16
    assert all(len(each) == 1 for each in sides.values())
    assert {side for each in sides.values() for side in each} == {"training", "held-out"}
