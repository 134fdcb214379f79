"""Control limits: against charts done by hand, binomial and Poisson sums, and days drawn by chance."""

from __future__ import annotations

from math import comb, exp, factorial, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triaged.triage.control_limits import (
    CHANCE,
    Side,
    UsualCount,
    UsualShare,
    judge_counts,
    usual_counts,
    usual_share,
)


def test_a_p_chart_has_the_limits_of_the_text_book() -> None:
    """Of a share of 0.2 in 100: 0.2 with 3 x 0.04 on either side."""
    judged = UsualShare(0.2, 1.0).judge(25, 100)
    assert (judged.value, judged.centre) == (0.25, 0.2)
    assert (judged.low, judged.high) == pytest.approx((0.08, 0.32))
    assert judged.signal is None
    above, below = UsualShare(0.2, 1.0).judge(35, 100).signal, UsualShare(0.2, 1.0).judge(5, 100).signal
    assert above is not None
    assert below is not None
    assert (above.side, below.side) == (Side.ABOVE, Side.BELOW)


def test_a_c_chart_has_the_limits_of_the_text_book() -> None:
    """Of 16 a day: 16 with 3 x 4 on either side; of seven days 112 with 3 times its root."""
    usual = UsualCount(16.0, 1.0)
    judged = usual.judge(20)
    assert (judged.centre, judged.low, judged.high, judged.signal) == (16, 4, 28, None)
    week = judge_counts([(10, usual, 1.0)] * 7)
    assert (week.hits, week.centre) == (70, 112)
    assert week.low == pytest.approx(112 - 3 * sqrt(112))
    assert week.signal is not None
    assert week.signal.side is Side.BELOW


def test_the_chance_of_a_signal_is_that_of_the_exact_distribution() -> None:
    n, p, hits, mean, number = 40, 0.1, 14, 4.0, 13
    share, count = UsualShare(p, 1.0).judge(hits, n).signal, UsualCount(mean, 1.0).judge(number).signal
    assert share is not None
    assert count is not None
    assert share.chance == pytest.approx(sum(comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(hits, n + 1)))
    assert count.chance == pytest.approx(1 - sum(exp(-mean) * mean**k / factorial(k) for k in range(number)))


@pytest.mark.parametrize(("hits", "total", "signals"), [(1, 1, False), (4, 4, False), (2, 20, False), (5, 20, True)])
def test_few_studies_do_not_signal_what_chance_alone_gives(hits: int, total: int, signals: bool) -> None:
    """Of a share of 1 % two of twenty are outside three standard deviations, and still happen in 2 % of days."""
    usual = UsualShare(0.01, 1.0)
    assert usual.judge(2, 20).high < 2 / 20
    assert (usual.judge(hits, total).signal is not None) == signals


def test_a_day_without_studies_has_no_share_and_a_silent_week_signals() -> None:
    assert UsualShare(0.2, 1.0).judge(0, 0).value is None
    three = UsualCount(3.0, 1.0)
    assert three.judge(0).signal is None
    assert judge_counts([(0, three, 1.0)] * 7).signal is not None


def test_what_never_happened_before_is_not_impossible() -> None:
    usual = usual_share([(0, 50)] * 20)
    assert isinstance(usual, UsualShare)
    assert usual.share == pytest.approx(0.5 / 1001)
    assert usual.judge(1, 50).signal is None
    assert usual.judge(3, 50).signal is not None


def test_a_small_baseline_says_so() -> None:
    for days in ([], [(1, 10)] * 9, [(1, 2)] * 40, [(9, 90)] * 13):
        words = usual_share(days)
        assert isinstance(words, str)
        assert words.startswith(f"too few before to say what is usual: {sum(n for _, n in days)} studies")
    assert isinstance(usual_counts([("workday", 9)] * 13), str)
    assert isinstance(usual_counts([("workday", 1)] * 40), str)


def test_kinds_of_days_have_means_of_their_own() -> None:
    days = [("workday", 40), ("workday", 40), ("weekend", 5)] * 8
    usual = usual_counts(days)
    assert isinstance(usual, dict)
    assert usual["workday"].mean == pytest.approx(40, abs=0.1)
    assert usual["weekend"].mean == pytest.approx(5, abs=0.1)
    assert usual["weekend"].judge(40).signal is not None
    assert usual["workday"].judge(40).signal is None


def test_days_that_scatter_beyond_chance_have_wider_limits() -> None:
    calm, wild = usual_share([(20, 100)] * 30), usual_share([(10, 100), (30, 100)] * 15)
    assert isinstance(calm, UsualShare)
    assert isinstance(wild, UsualShare)
    assert calm.spread == 1.0
    assert wild.spread == pytest.approx(0.2 / 0.04 / 1.128, rel=0.01)
    assert calm.judge(40, 100).signal is not None
    assert wild.judge(40, 100).signal is None


@given(st.floats(0.001, 0.5), st.integers(5, 300), st.integers(0, 2**32))
def test_false_alarms_are_as_rare_as_promised(share: float, total: int, seed: int) -> None:
    """The exact probability of all numbers that signal is at most what is beyond three standard deviations."""
    usual = UsualShare(share, 1.0)
    wrong = sum(
        comb(total, hits) * share**hits * (1 - share) ** (total - hits)
        for hits in range(total + 1)
        if usual.judge(hits, total).signal is not None
    )
    assert wrong <= 2 * CHANCE
    number = int(np.random.default_rng(seed).poisson(20))
    signal = UsualCount(20.0, 1.0).judge(number).signal
    assert signal is None or signal.chance < CHANCE
