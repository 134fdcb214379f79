"""How two methods agree: against sums done by hand, published tables, scikit-learn, and every pair looked at."""

from __future__ import annotations

import itertools
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from triaged.triage.method_comparison import bland_altman, flipped_pairs, weighted_kappa

PEFR = (
    (494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427),
    (512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451),
)
"""Peak flow by the Wright and the mini Wright meter, first measurements (Bland and Altman, Lancet 1986, table 1)."""


def test_bias_and_limits_are_those_of_the_paper_that_proposed_them() -> None:
    """The Lancet has, of Wright less mini, -2.1 l/min with limits -79.7 and 75.5 at 2 standard deviations of 38.8."""
    found = bland_altman(PEFR[1], PEFR[0])
    assert found is not None
    spread = (found.high.value - found.bias.value) / 1.959964
    assert (found.n, round(found.bias.value, 1), round(spread, 1)) == (17, -2.1, 38.8)
    assert (found.bias.low, found.bias.high) == pytest.approx((-22.0, 17.8), abs=0.1)


def test_a_limit_is_less_certain_than_the_mean() -> None:
    """Of the same data the paper has 16.3 as the standard error of a limit, by the root of 3 s²/n."""
    found = bland_altman(PEFR[1], PEFR[0])
    assert found is not None
    assert found.high.low is not None
    standard_error = (found.high.value - found.high.low) / 2.1199  # Student's t of 16
    assert standard_error == pytest.approx(16.3, abs=0.5)


def test_fewer_than_three_differences_have_no_limits() -> None:
    assert bland_altman([1, 2], [2, 3]) is None
    assert bland_altman([], []) is None
    same = bland_altman([1, 2, 3], [1, 2, 3])
    assert same is not None
    assert (same.bias.value, same.low.value, same.high.high) == (0, 0, 0)


def test_kappa_is_that_of_a_table_done_by_hand() -> None:
    """Grades 0 to 2 of ten: eight equal, two one step off; 1 - (0.5 x 2 / 10) / (0.5 x 0.40 + 0.16) = 0.7222."""
    first = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2]
    second = [0, 0, 0, 1, 1, 1, 1, 2, 2, 2]
    of_first, of_second = np.array([4, 4, 2]) / 10, np.array([3, 4, 3]) / 10
    apart = np.abs(np.subtract.outer(range(3), range(3))) / 2
    by_hand = 1 - 0.1 / float((apart * np.outer(of_first, of_second)).sum())
    kappa = weighted_kappa(first, second)
    assert kappa is not None
    assert kappa.value == pytest.approx(by_hand)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=60))
def test_kappa_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    first, second = ([pair[side] for pair in pairs] for side in (0, 1))
    found = weighted_kappa(first, second)
    if min(len(set(first)), len(set(second))) < 2:
        assert found is None
        return
    assert found is not None
    assert found.value == pytest.approx(float(cohen_kappa_score(first, second, weights="linear")), abs=1e-9)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.value <= found.high


def test_kappas_interval_is_as_wide_as_kappa_scatters() -> None:
    """Samples of one table scatter as the formula of Fleiss, Cohen and Everitt says."""
    rng = np.random.default_rng(5)
    shares = np.array([[30, 6, 1], [4, 25, 5], [1, 5, 23]]) / 100
    kappas, halves = [], []
    for _ in range(400):
        cells = rng.choice(9, size=200, p=shares.ravel())
        found = weighted_kappa((cells // 3).tolist(), (cells % 3).tolist())
        assert found is not None
        assert found.high is not None
        kappas.append(found.value)
        halves.append(found.high - found.value)
    assert np.mean(halves) == pytest.approx(1.96 * np.std(kappas), rel=0.1)


def test_who_agrees_always_has_kappa_one_and_ratings_that_are_all_the_same_have_none() -> None:
    agreed = weighted_kappa([0, 1, 2, 1], [0, 1, 2, 1])
    assert agreed is not None
    assert (agreed.value, agreed.high) == (1, 1)
    assert weighted_kappa([3, 3], [3, 3]) is None
    assert weighted_kappa([3, 3], [3, 2]) is None
    assert weighted_kappa([], []) is None


def test_pairs_are_counted_that_waited_together_and_changed_their_order() -> None:
    waits = [(0, 10), (5, 20), (10, 30), (25, 40), (7, 7)]
    found = flipped_pairs(["a", "b", "c", "d", "e"], ["b", "a", "d", "c", "x"], waits)
    assert (found.pairs, found.flipped) == (3, 2)  # 1-2 turned, 2-3 not, 3-4 turned; 1 and 3 never met, 5 never waited
    assert flipped_pairs([], [], []).share == 0


@given(st.integers(0, 2**32), st.integers(0, 40))
def test_pairs_are_those_found_by_looking_at_each(seed: int, number: int) -> None:
    random = Random(seed)
    first, second = ([f"{random.random():.6f}" for _ in range(number)] for _ in range(2))
    waits = [(begin := random.randrange(50), begin + random.randrange(30)) for _ in range(number)]
    pairs = flipped = 0
    for one, other in itertools.combinations(range(number), 2):
        (begins, ends), (begins_too, ends_too) = waits[one], waits[other]
        if max(begins, begins_too) < min(ends, ends_too):
            pairs += 1
            flipped += (first[one] < first[other]) != (second[one] < second[other])
    found = flipped_pairs(first, second, waits)
    assert (found.pairs, found.flipped) == (pairs, flipped)
