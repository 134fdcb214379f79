"""A package for chest X-rays computes what was trained, is what the daemon loads, and holds what was fitted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from ruamel.yaml import YAML

from tests.lab.films.drawn import film
from triaged.errors import ConfigError
from triaged.inference.kinds.cxr_two_stage import CXR_TWO_STAGE, LUNGS_SIDE, Disease
from triaged.inference.package import load_of_kind
from triaged.lab.films.film import AFFECTED, LEFT, RIGHT, SIDE, Film
from triaged.lab.packages.two_stage import SUBJECTS, export_two_stage
from triaged.lab.packages.two_stage_fit import (
    Seen,
    best_area,
    best_gate,
    best_zone,
    look,
    pasted,
    repeat_sd,
    write_settings,
)
from triaged.lab.training.checkpoints import CHECKPOINT
from triaged.lab.training.film_parts import ARCHITECTURES, film_network
from triaged.lab.training.order import RECORD

pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")
LABEL = """name: cxr-test
version: 0.0.1
kind: cxr-two-stage
licence: none
terms: none
trained_on: nobody
device_uid: 2.25.1300
networks: {lungs: lungs, disease: disease}
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of untrained networks of width 2."""
    folder = tmp_path_factory.mktemp("checkpoints")
    torch.manual_seed(3)
    for name, subject in SUBJECTS.items():
        network = film_network(subject, ARCHITECTURES[subject], 2)
        (folder / name).mkdir()
        torch.save({"network": network.state_dict(), "step": 1}, folder / name / CHECKPOINT)
        told = {"subject": subject.value, "architecture": ARCHITECTURES[subject], "width": 2}
        (folder / name / RECORD).write_text(json.dumps(told))
    (folder / "label.yaml").write_text(LABEL)
    done = export_two_stage(folder, folder / "label.yaml", folder / "package")
    assert set(done.parity) == {"lungs", "disease"}
    assert max(done.parity.values()) < 1e-4
    return folder / "package"


def test_the_daemon_loads_what_was_exported(package: Path) -> None:
    networks = load_of_kind(CXR_TWO_STAGE, package, "cpu", threads=1)
    picture = np.random.default_rng(1).random((LUNGS_SIDE, LUNGS_SIDE), dtype=np.float32)
    assert networks.lung_probability(picture).shape == (2, LUNGS_SIDE, LUNGS_SIDE)
    side = networks.disease_side
    answer = networks.disease(picture[:side, :side], picture[-side:, -side:])
    assert answer.opacity.shape == (1, side, side)
    assert 0 <= answer.presence <= 1


def test_what_was_fitted_stands_in_the_manifest_and_is_loaded(package: Path) -> None:
    lines = {"extent": [0.0, 0.5], "share": [0.0, 0.3], "low": [0.0, 0.1], "high": [0.1, 0.6]}
    thresholds = {"lung": 0.5, "affected": 0.35, "gate": 0.4, "zone": 0.22}
    write_settings(package, {"thresholds": thresholds, "repeat_sd": 0.031, "extent_map": lines})
    settings = load_of_kind(CXR_TWO_STAGE, package, "cpu", threads=1).manifest.settings
    assert (settings.affected, settings.gate, settings.zone, settings.repeat_sd) == (0.35, 0.4, 0.22, 0.031)
    assert settings.extent_map.estimate(0.25).share == pytest.approx(0.15)


@pytest.mark.parametrize(
    ("written", "told"),
    [(LABEL.replace("licence: none\n", ""), "licence"), (LABEL.replace("disease: disease", "b: c"), "for lungs and")],
)
def test_a_label_that_lacks_something_is_refused(tmp_path: Path, written: str, told: str) -> None:
    (tmp_path / "label.yaml").write_text(written)
    with pytest.raises(ConfigError, match=told):
        export_two_stage(tmp_path, tmp_path / "label.yaml", tmp_path / "package")


def test_a_checkpoint_of_another_stage_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lungs").mkdir()
    (tmp_path / "lungs" / RECORD).write_text(json.dumps({"subject": "cxr-disease", "architecture": "", "width": 2}))
    (tmp_path / "label.yaml").write_text(LABEL)
    with pytest.raises(ConfigError, match="expected cxr-lungs, found cxr-disease"):
        export_two_stage(tmp_path, tmp_path / "label.yaml", tmp_path / "package")


def _seen(one: Film, presence: float, area: NDArray[np.bool_] | None = None, probability: float = 0.9) -> Seen:
    affected = one.labels & AFFECTED > 0 if area is None else area
    shown = np.where(affected, probability, 0.05).astype(np.float32)
    return Seen(one, shown, presence, one.labels & RIGHT > 0, one.labels & LEFT > 0)


def _silent(_: str) -> None:
    """Say nothing."""


def test_the_area_is_cut_where_outlines_are_met_best() -> None:
    """Truth has .42 and a halo of .33: thresholds from .35 to .4 meet it."""
    one = film(1, is_sick=True)
    both, halo = _seen(one, 0.9, probability=0.42), one.both & (one.labels & AFFECTED == 0)
    shown = np.where(halo, np.float32(0.33), both.probability)
    found = best_area([Seen(one, shown, 0.9, both.right, both.left)], _silent)
    assert 0.33 < found <= 0.42


def test_what_is_found_on_clear_films_counts_against_a_threshold() -> None:
    """An outlined area of .62, rows of it .4; a clear film that shows .5 in half of its lungs."""
    one, clear = film(1, is_sick=True), film(3)
    sick = _seen(one, 0.9, probability=0.62)
    rim = (one.labels & AFFECTED > 0) & (np.arange(SIDE)[:, None] % 20 == 0)
    sick = Seen(one, np.where(rim, np.float32(0.4), sick.probability), 0.9, sick.right, sick.left)
    healthy = _seen(clear, 0.1, clear.labels & RIGHT > 0, probability=0.5)
    assert best_area([sick], _silent) <= 0.4
    assert 0.5 < best_area([sick, healthy], _silent) <= 0.62


def test_the_gate_stands_between_the_sick_and_the_healthy() -> None:
    healthy = [_seen(film(seed), presence) for seed, presence in ((1, 0.1), (3, 0.25), (5, 0.3))]
    sick = [_seen(film(seed, is_sick=True), presence) for seed, presence in ((2, 0.6), (4, 0.9))]
    assert 0.3 < best_gate([*healthy, *sick], _silent) < 0.6


def test_the_share_from_which_a_zone_counts_gives_the_readers_scores() -> None:
    """The base of the right lung is affected: its lower zone wholly, of the middle one a part."""
    one = film(2, is_sick=True, source="cxr_scores", name="007")
    seen = [_seen(one, 0.9)]
    upper, middle, lower = seen[0].zone_shares(0.5)[:3]
    assert upper == 0
    assert 0.02 < middle < lower
    assert best_zone(seen, 0.5, 0.5, {"007": 2.0}, _silent) <= middle
    assert middle < best_zone(seen, 0.5, 0.5, {"007": 1.0}, _silent) <= lower
    assert best_zone(seen, 0.5, 0.5, {}, _silent) == 0.3


def test_behind_a_shut_gate_half_the_extent_counts() -> None:
    one = _seen(film(2, is_sick=True), 0.3)
    assert one.extent(0.5, 0.2) == pytest.approx(2 * one.extent(0.5, 0.4))


def test_scatter_is_that_within_patients_only() -> None:
    """By hand: variances of (.1, .3) and (.5, .5, .8) are .02 and .03; pooled over 1 + 2: .08 / 3 = .02667."""
    extents = np.array([0.1, 0.3, 0.5, 0.5, 0.8, 0.9])
    assert repeat_sd(["a", "a", "b", "b", "b", "c"], extents) == pytest.approx(np.sqrt(0.08 / 3))
    assert repeat_sd(["a", "b"], np.array([0.1, 0.9])) == 0


def test_pasted_lesions_are_the_same_each_time_and_outlined() -> None:
    films = [film(1), film(3)]
    first, again = pasted(films), pasted(films)
    for one, other, clear in zip(first, again, films, strict=True):
        assert np.array_equal(one.grey, other.grey)
        assert one.source == "pasted"
        assert (one.labels & AFFECTED > 0).any() == (one.presence == 1)
        assert np.array_equal(one.both, clear.both)


class _Told:
    """Networks that answer what the film is known to show."""

    disease_side = 64

    def __init__(self, one: Film, manifest: Any) -> None:
        self._film, self.manifest = one, manifest

    def lung_probability(self, picture: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.stack([self._film.labels & bit > 0 for bit in (RIGHT, LEFT)]).astype(np.float32)

    def disease(self, picture: NDArray[np.float32], lungs: NDArray[np.float32]) -> Disease:
        return Disease((picture * lungs > 0.5).astype(np.float32)[None], 0.8)


def test_films_are_looked_at_through_the_daemons_pipeline(package: Path) -> None:
    one = film(2, is_sick=True)
    manifest = load_of_kind(CXR_TWO_STAGE, package, "cpu", threads=1).manifest
    (seen,), lost = look(_Told(one, manifest), [one])
    assert not lost
    found, truth = seen.affected(0.5), one.labels & AFFECTED > 0
    assert 2 * np.sum(found & truth) / (found.sum() + truth.sum()) > 0.9
    bare = film(4)
    empty = _Told(Film(**{**_values(bare), "labels": np.zeros_like(bare.labels)}), manifest)
    assert look(empty, [bare]) == ([], [bare])


def _values(one: Film) -> dict[str, Any]:
    return {name: getattr(one, name) for name in Film.__slots__}


def test_the_manifest_of_a_package_is_yaml(package: Path) -> None:
    said = YAML(typ="safe").load((package / "manifest.yaml").read_text())
    assert said["kind"] == "cxr-two-stage"
    assert said["networks"]["disease"]["outputs"]["presence"][1:] == [1]
