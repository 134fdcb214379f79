"""Radiographs of a simple and of a coarse generated chest: fields, truth, files, seeds."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import typer

from triaged.lab.phantom.options import PhantomOptions
from triaged.lab.radiographs.archive import MadeRadiograph, load_radiograph, save_radiograph
from triaged.lab.radiographs.chest import Chest
from triaged.lab.radiographs.generated import draw_illness, generated_chest
from triaged.lab.radiographs.make import radiograph, write_views
from triaged.lab.radiographs.options import drr

SIZE = 160


@cache
def sick() -> Chest:
    """Return one coarse generated patient with viral pneumonia of known extent."""
    return generated_chest(PhantomOptions(seed=71, disease="viral", severity=(0.5, 0.2)), coarse=3.0)


@cache
def picture(number: int = 0) -> MadeRadiograph:
    """Return one radiograph of that patient."""
    return radiograph(sick(), number, SIZE)


def test_the_same_seed_gives_the_same_bytes_and_another_another(tmp_path: Path) -> None:
    again = generated_chest(PhantomOptions(seed=71, disease="viral", severity=(0.5, 0.2)), coarse=3.0)
    for name, chest, number in (("a", sick(), 0), ("b", again, 0), ("c", sick(), 1)):
        save_radiograph(radiograph(chest, number, SIZE), tmp_path / f"{name}.npz")
    first, second, third = ((tmp_path / f"{name}.npz").read_bytes() for name in "abc")
    assert first == second
    assert first != third
    other = generated_chest(PhantomOptions(seed=72, disease="viral", severity=(0.5, 0.2)), coarse=3.0)
    assert other.hu.shape != sick().hu.shape or not np.array_equal(other.hu, sick().hu)


def test_shares_are_those_of_the_lungs_volumes() -> None:
    chest = sick()
    assert chest.shares == pytest.approx((0.5, 0.2), abs=0.02)
    assert picture().share_right == int((chest.lesion & chest.right).sum()) / int(chest.right.sum())


def test_lungs_stand_on_their_sides_and_readers_fields_lie_within_any_lung() -> None:
    made = picture()
    middles = [float(np.argwhere(field)[:, 1].mean()) for field in (made.right, made.left)]
    assert middles[0] + 20 < middles[1]
    for field, anywhere, visible in (
        (made.right, made.right_any, made.right_visible),
        (made.left, made.left_any, made.left_visible),
    ):
        assert 0.05 < field.mean() < 0.35
        assert not (field & ~anywhere).any()
        assert not (visible & ~field).any()
        lowest = [int(np.flatnonzero(each.any(axis=1))[-1]) for each in (anywhere, field)]
        assert lowest[0] > lowest[1]  # the recess behind the dome is not outlined
    assert not (made.right & made.left).any()


def test_the_field_behind_the_heart_is_outlined_but_not_visible() -> None:
    made = picture()
    behind = made.left & ~made.left_visible
    assert behind.mean() > 0.005
    assert float(made.left_mm[behind].min()) > 15


def test_denser_tissue_is_brighter_and_lungs_are_dark() -> None:
    made = picture()
    lungs = (made.right_visible | made.left_visible) & (made.lesion_mm == 0)
    belly = ~(made.right_any | made.left_any) & made.field
    belly[: 3 * SIZE // 4] = belly[:, : SIZE // 4] = belly[:, 3 * SIZE // 4 :] = False
    assert np.median(made.image[lungs]) < 0.7 * np.median(made.image[belly])


def test_a_lesion_is_solid_at_most_and_nowhere_but_in_lung() -> None:
    made = picture()
    assert float(made.lesion_mm.max()) > 20
    assert (made.lesion_mm <= made.lung_mm + 3).all()
    assert (made.solid_we_mm <= made.lesion_we_mm + 0.5).all()
    assert float(made.other_we_mm.max()) == 0


def test_a_written_radiograph_is_read_as_it_was(tmp_path: Path) -> None:
    save_radiograph(picture(), tmp_path / "one.npz")
    read = load_radiograph(tmp_path / "one.npz")
    for each in fields(MadeRadiograph):
        stored, made = getattr(read, each.name), getattr(picture(), each.name)
        if each.name.endswith("_mm") and isinstance(made, np.ndarray):
            assert np.allclose(stored, made, rtol=1e-3, atol=1e-3), each.name
        else:
            assert np.array_equal(stored, made), each.name
    with np.load(tmp_path / "one.npz") as raw:
        assert np.allclose(raw["lung_mm"], picture().lung_mm, rtol=1e-3, atol=1e-3)


def test_what_is_there_is_kept_and_what_is_missing_is_made(tmp_path: Path) -> None:
    names = [tmp_path / f"{number}.npz" for number in range(2)]
    names[0].write_bytes(b"kept")
    (tmp_path / "1.part").write_bytes(b"half of a file")
    assert list(write_views(sick(), names, SIZE)) == names
    assert names[0].read_bytes() == b"kept"
    assert load_radiograph(names[1]).view in ("PA", "AP")
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".npz", ".npz"]


def test_a_lying_patient_is_nearly_always_seen_from_the_front() -> None:
    lying = replace(sick(), upright=False)
    views = [radiograph(lying, number, 128).view for number in range(4)]
    assert views.count("AP") >= 3


def test_with_a_severity_all_have_viral_disease_within_it_evenly() -> None:
    drawn = [draw_illness(seed, (0.5, 0.9)) for seed in range(400)]
    assert {options.disease for options in drawn} == {"viral"}
    worse = np.array([max(options.severity) for options in drawn if not isinstance(options.severity, str)])
    assert len(worse) == 400
    assert 0.5 <= worse.min() < 0.52
    assert 0.88 < worse.max() <= 0.9
    assert (worse < 0.7).mean() == pytest.approx(0.5, abs=0.07)


def test_with_a_severity_of_nothing_all_are_healthy() -> None:
    assert {draw_illness(seed, (0.0, 0.0)).disease for seed in range(20)} == {"none"}


def test_a_severity_changes_nothing_else_of_a_patient() -> None:
    one, other = (draw_illness(7, severity) for severity in ((0.3, 0.3), (0.6, 0.6)))
    assert one.severity != other.severity
    assert replace(one, severity=other.severity) == other


@pytest.mark.parametrize("severity", ["much", "0.5", "0.6:0.5", "0.5:1", "-0.1:0.5", "0:nan"])
def test_a_severity_that_is_none_is_refused(severity: str, tmp_path: Path) -> None:
    with pytest.raises(typer.BadParameter, match=r"expected LEAST:MOST in 0 to 0\.95"):
        drr(tmp_path, severity=severity)


def test_a_third_are_healthy_and_viral_disease_has_every_extent() -> None:
    drawn = [draw_illness(seed) for seed in range(2000)]
    names = [options.disease for options in drawn]
    assert names.count("none") / 2000 == pytest.approx(0.35, abs=0.04)
    assert names.count("viral") / 2000 == pytest.approx(0.45, abs=0.04)
    worse = np.array([max(options.severity) for options in drawn if not isinstance(options.severity, str)])
    assert (worse < 0.1).mean() > 0.1
    assert (worse > 0.6).mean() > 0.1
