"""The two networks for chest X-rays learn what they are told, and nothing from what is not known."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import Tensor, nn

from tests.lab.films.drawn import film
from triaged.errors import ConfigError
from triaged.lab.films.film import LEFT, RIGHT, UNSURE, Film, load_film, save_film
from triaged.lab.films.variation import Pose, shown
from triaged.lab.networks.segmenters import Segmenter
from triaged.lab.networks.two_stage import DiseaseNetwork, Halved
from triaged.lab.training.film_batches import (
    LUNG_SIDE,
    WHOLE,
    FilmSource,
    drawn_disease,
    drawn_lungs,
    joined,
    lung_square,
    pick_film,
)
from triaged.lab.training.film_lungs import find_lungs
from triaged.lab.training.film_tasks import DiseaseTask, LungFilmTask, peak_loss, weighted
from triaged.lab.training.order import Keeping, Order, Source
from triaged.lab.training.presets import Preset, PresetName, Subject
from triaged.lab.training.run import run

SMALL = "unet-resnet18"


def test_each_loss_counts_by_how_far_it_has_fallen_since_the_first_batch() -> None:
    """By hand, with alpha .5: losses of 2 and 9 after first ones of 8 and 1."""
    first = torch.full((2,), float("nan"))
    assert weighted(torch.tensor([8.0, 1.0]), first).item() == pytest.approx(9.0)
    assert first.tolist() == [8.0, 1.0]
    expected = math.sqrt(2 / 8) * 2 + math.sqrt(4.0) * 9  # the ratio 9 / 1 is held at 4
    assert weighted(torch.tensor([2.0, 9.0]), first).item() == pytest.approx(expected)
    assert first.tolist() == [8.0, 1.0]


def test_weights_are_no_part_of_the_gradient() -> None:
    losses = torch.tensor([2.0, 0.5], requires_grad=True)
    torch.autograd.backward(weighted(losses, torch.tensor([8.0, 0.5])))
    assert losses.grad is not None
    assert losses.grad.tolist() == pytest.approx([0.5, 1.0])


def test_a_loss_that_no_film_had_at_first_sets_the_measure_when_it_comes() -> None:
    first = torch.full((2,), float("nan"))
    weighted(torch.tensor([8.0, 0.0]), first)
    assert math.isnan(first[1].item())
    weighted(torch.tensor([4.0, 3.0]), first)
    assert first.tolist() == [8.0, 3.0]


def test_the_right_lung_stays_on_the_left_whatever_the_pose() -> None:
    """A mirrored film swaps the names, so that the network always learns them by place."""
    for seed in range(12):
        _, sides = drawn_lungs(film(seed), np.random.default_rng(seed))
        middles = [np.nonzero(side)[1].mean() for side in sides if side.any()]
        assert middles == sorted(middles)


def test_the_second_stage_sees_the_square_around_the_lungs_and_where_they_are() -> None:
    one = film(1, is_sick=True)
    square = lung_square(one.labels)
    assert 0.9 < square.side / (np.ptp(np.nonzero(one.both)[1]) * 1.16) < 1.3
    grey, lungs = drawn_disease(one, (), np.random.default_rng(1)).picture
    assert set(np.unique(lungs)) == {0, 1}
    assert 0.2 < lungs.mean() < 0.8
    assert grey[lungs == 0].std() > 0


def test_a_film_of_which_only_the_finding_is_known_teaches_through_its_most_suspicious_pixels() -> None:
    rng = np.random.default_rng(2)
    sick = drawn_disease(film(1, affected_known=False, presence=1.0), (), rng)
    outlined = drawn_disease(film(2, is_sick=True), (), rng)
    batch = joined([sick, outlined])
    shape = batch.affected.shape
    lungs = batch.pictures[:, 1:]
    silent, alarmed = peak_loss(torch.full(shape, -4.0), batch), peak_loss(8 * lungs - 4, batch)
    assert 1.9 < silent.item() < 2.1  # ln(1 + exp(4)) of one film in two
    assert alarmed.item() < 0.01
    outside = peak_loss(4 - 8 * lungs, batch)
    assert torch.equal(outside, silent)


def test_what_is_not_known_weighs_nothing() -> None:
    rng = np.random.default_rng(2)
    unknown = drawn_disease(film(1, affected_known=False, presence=float("nan")), (), rng)
    told = drawn_disease(film(2, is_sick=True), (), rng)
    batch = joined([unknown, told])
    assert batch.weight[0].sum() == 0
    assert batch.presence_weight.tolist() == [0.0, 1.0]
    assert batch.weight[1].min() == 1
    assert batch.affected[1].sum() > 0


def test_an_unsure_area_weighs_nothing() -> None:
    one = film(1, is_sick=True)
    unsure = replace(one, labels=one.labels | np.uint8(UNSURE) * (one.labels & LEFT > 0))
    weight = drawn_disease(unsure, (), np.random.default_rng(3)).weight
    assert 0.02 < np.mean(weight == 0) < 0.5


def test_clear_films_get_lesions_in_about_the_share_that_is_said() -> None:
    rng = np.random.default_rng(4)
    drawn = [drawn_disease(film(seed % 3), (), rng) for seed in range(40)]
    sick = [one.presence for one in drawn if one.presence_weight]
    assert 0.35 < np.mean(sick) < 0.8


def test_sources_are_drawn_by_their_shares() -> None:
    sources = [FilmSource([film(1)], 3.0), FilmSource([film(2), film(3)], 1.0)]
    rng = np.random.default_rng(5)
    drawn = [pick_film(sources, rng).patient for _ in range(400)]
    assert 0.68 < drawn.count("p1") / 400 < 0.82


def _learnt(task: LungFilmTask | DiseaseTask, steps: int, rate: float) -> dict[str, float]:
    """Return what is learnt in small steps: in large ones processors' last bits lead to other networks."""
    optimiser = torch.optim.Adam(task.network.parameters(), rate)
    for step in range(steps):
        task.network.train()
        loss = task.loss(step / steps, 4, np.random.default_rng([7, step]))
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
    task.network.eval()
    with torch.no_grad():
        return task.measure()


def test_the_first_stage_learns_both_lungs_of_drawn_films() -> None:
    torch.manual_seed(2)
    sources = [FilmSource([film(seed) for seed in range(4)], 1.0)]
    task = LungFilmTask(Segmenter(SMALL, 4, 1, 2), sources, [film(50), film(51)])
    figures = _learnt(task, 80, 2e-3)
    assert figures["lung_dice"] > 0.8
    assert figures["wrong_side"] < 0.1


def test_the_second_stage_learns_where_drawn_lungs_are_affected() -> None:
    torch.manual_seed(1)
    sources = [FilmSource([film(seed, is_sick=seed % 2 == 0) for seed in range(6)], 1.0)]
    held_out = [film(seed, is_sick=seed % 2 == 0) for seed in range(60, 66)]
    figures = _learnt(DiseaseTask(DiseaseNetwork(SMALL, 4), sources, held_out), 90, 1e-3)
    assert figures["affected_dice"] > 0.5
    assert figures["presence_auc"] >= 0.8


class _Answer(nn.Module):
    """Answers each film's own lungs, given in the order in which they are asked for."""

    def __init__(self, films: list[Film]) -> None:
        super().__init__()
        self._films = iter(films)

    def forward(self, pictures: Tensor) -> Tensor:
        one = next(self._films)
        _, labels = shown(one.grey, one.labels, WHOLE, LUNG_SIDE, Pose())
        assert pictures.shape[2:] == labels.shape
        sides = np.stack([labels & RIGHT > 0, labels & LEFT > 0]).astype(np.float32)
        return torch.from_numpy(20 * sides - 10)[None]


def test_lungs_that_a_network_finds_are_written_where_nobody_drew_them(tmp_path: Path) -> None:
    drawn, bare = film(1), film(2)
    save_film(drawn, tmp_path / "a.npz")
    save_film(replace(bare, labels=np.zeros_like(bare.labels), lungs="none"), tmp_path / "b.npz")
    lines: list[str] = []
    assert find_lungs(_Answer([bare]), tmp_path, lines.append) == 1
    found = load_film(tmp_path / "b.npz")
    assert found.lungs == "found"
    for bit in (RIGHT, LEFT):
        one, other = found.labels & bit > 0, bare.labels & bit > 0
        assert 2 * np.sum(one & other) / (one.sum() + other.sum()) > 0.97
    assert load_film(tmp_path / "a.npz").lungs == "drawn"
    assert not lines


def test_a_halved_network_answers_at_the_size_of_its_picture() -> None:
    network = Halved(Segmenter(SMALL, 2, 1, 2)).eval()
    assert network(torch.rand(3, 1, 128, 128)).shape == (3, 2, 128, 128)


@pytest.mark.parametrize("subject", [Subject.CXR_LUNGS, Subject.CXR_DISEASE])
def test_a_training_on_films_stops_and_goes_on(tmp_path: Path, subject: Subject) -> None:
    for number in range(6):
        save_film(film(number, is_sick=number % 2 == 0), _folder(tmp_path / "films") / f"{number}.npz")
    save_film(film(90, is_sick=True), _folder(tmp_path / "held-out") / "90.npz")
    console = Console(quiet=True)
    assert run(_order(tmp_path, subject, steps=2), console) == 2
    assert run(_order(tmp_path, subject, steps=3), console) == 3
    assert (tmp_path / "out" / "metrics.csv").read_text().count("\n") == 4  # the columns, and one measurement a step


def test_nobody_is_both_taught_and_measured_on(tmp_path: Path) -> None:
    save_film(film(1), _folder(tmp_path / "films") / "1.npz")
    save_film(film(1), _folder(tmp_path / "held-out") / "1.npz")
    with pytest.raises(ConfigError, match="found 1 in both"):
        run(_order(tmp_path, Subject.CXR_LUNGS, steps=1), Console(quiet=True))


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def _order(folder: Path, subject: Subject, steps: int) -> Order:
    return Order(
        subject,
        PresetName.DEFAULT,
        Preset(steps, 2, 1e-3, 4),
        "spatial-1",
        7,
        (Source(folder / "films", 0.0),),
        folder / "held-out",
        100,
        Keeping(folder / "out", "resume", (), 1),
        3,
        "cpu",
        1,
    )
