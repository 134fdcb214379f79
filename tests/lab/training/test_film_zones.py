"""What readers say of zones teaches the second stage; every loss by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.lab.films.drawn import film
from triaged.lab.films.film import RIGHT, ZONES
from triaged.lab.films.variation import Pose
from triaged.lab.training.film_batches import WHOLE
from triaged.lab.training.film_zones import SEEN_SHARE, shown_zones, zone_loss, zone_numbers

NAN = float("nan")
READ = np.array([0, 0.5, 1, 0, 0, 1], np.float32)


def test_zones_count_from_the_top_of_the_right_lung_to_the_base_of_the_left_one() -> None:
    one = film(1)
    numbers = zone_numbers(one.labels)
    assert set(np.unique(numbers)) == set(range(ZONES + 1))
    assert ((numbers > 0) == one.both).all()
    assert (one.labels[(numbers >= 1) & (numbers <= 3)] & RIGHT > 0).all()
    rows = [np.nonzero(numbers == number)[0].mean() for number in range(1, 7)]
    assert rows[:3] == sorted(rows[:3])
    assert rows[3:] == sorted(rows[3:])


def test_a_mirrored_film_swaps_the_zones_of_both_lungs_and_what_is_said_of_them() -> None:
    one = replace(film(1), zones=READ)
    numbers, said = shown_zones(one, WHOLE, 256, Pose())
    mirrored, other = shown_zones(one, WHOLE, 256, Pose(is_mirrored=True))
    assert other.tolist() == [0, 0, 1, 0, 0.5, 1]
    for number in range(1, 7):
        same = (number + 2) % 6 + 1
        assert np.mean((numbers == number)[:, ::-1] == (mirrored == same)) > 0.999
        assert said[number - 1] == other[same - 1]
    assert (np.nonzero(mirrored == 1)[1] < 128).all()


def answered(shares: list[float]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return logits of which each zone, a row of 100 pixels, has such a share of certain pixels, and the zones."""
    logits = torch.full((1, ZONES, 100), -40.0)
    for zone, share in enumerate(shares):
        logits[0, zone, : round(100 * share)] = 40.0
    numbers = torch.arange(1, ZONES + 1, dtype=torch.uint8)[None, :, None].expand(1, ZONES, 100)
    return logits, numbers


def test_zones_that_answer_as_readers_do_cost_nothing_and_others_much() -> None:
    zones, unknown = torch.tensor([[0.0, 0, 1, 0, 0, 1]]), torch.tensor([NAN])
    right = zone_loss(*answered([0, 0, 1, 0, 0, 1]), zones, unknown)
    wrong = zone_loss(*answered([1, 1, 0, 1, 1, 0]), zones, unknown)
    assert right.item() < 0.06
    assert wrong.item() > 3


def test_a_zone_on_the_limit_is_as_likely_affected_as_not() -> None:
    zones = torch.tensor([[1.0, NAN, NAN, NAN, NAN, NAN]])
    loss = zone_loss(*answered([SEEN_SHARE, 0, 0, 0, 0, 0]), zones, torch.tensor([NAN]))
    assert loss.item() == pytest.approx(math.log(2) / 6, abs=1e-4)


def test_the_score_is_compared_with_the_zones_that_count() -> None:
    nobody = torch.full((1, ZONES), NAN)
    right = zone_loss(*answered([1, 1, 1, 0, 0, 0]), nobody, torch.tensor([3.0]))
    two_more = zone_loss(*answered([1, 1, 1, 1, 1, 0]), nobody, torch.tensor([3.0]))
    assert right.item() < 0.03
    assert two_more.item() == pytest.approx((2 - 0.5) / 2, abs=0.1)


def test_what_nobody_read_teaches_nothing() -> None:
    logits, numbers = answered([1, 1, 1, 1, 1, 1])
    logits.requires_grad_()
    loss = zone_loss(logits, numbers, torch.full((1, ZONES), NAN), torch.tensor([NAN]))
    torch.autograd.backward(loss)
    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()
