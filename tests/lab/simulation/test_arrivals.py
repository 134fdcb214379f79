"""Studies come at the site's rate, by the hour, or exactly as its trace says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from triaged.errors import ConfigError
from triaged.lab.simulation.arrivals import DAY_MIN, HourlyPoisson, OrderShares, poisson_day, read_trace
from triaged.lab.simulation.durations import Lognormal
from triaged.lab.simulation.site import Readers
from triaged.study.ranking import RequestPriority


def trace_of(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "trace.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_each_hour_has_its_own_rate() -> None:
    rates = (0.0,) * 12 + (4.0,) * 6 + (1.0,) * 6
    drawn = HourlyPoisson(rates).draw(np.random.default_rng(1), 400 * DAY_MIN)
    assert np.all(np.diff(drawn.at_min) >= 0)
    counts = np.bincount((drawn.at_min // 60 % 24).astype(int), minlength=24) / 400
    np.testing.assert_allclose(counts, rates, atol=0.4)  # four standard errors of the highest rate


def test_gaps_at_a_constant_rate_are_exponential() -> None:
    drawn = HourlyPoisson((6.0,) * 24).draw(np.random.default_rng(2), 100 * DAY_MIN)
    gaps = np.diff(drawn.at_min)
    assert gaps.mean() == pytest.approx(10, rel=0.05)
    assert gaps.std() == pytest.approx(10, rel=0.05)


def test_orders_come_in_their_shares() -> None:
    drawn = poisson_day(500, OrderShares(stat=0.1, high=0.2)).draw(np.random.default_rng(3), 20 * DAY_MIN)
    shares = [
        drawn.priorities.count(each) / len(drawn.priorities) for each in (RequestPriority.STAT, RequestPriority.HIGH)
    ]
    assert shares == pytest.approx([0.1, 0.2], abs=0.02)


def test_reading_times_have_the_median_and_variation_asked_for() -> None:
    drawn = Lognormal.with_variation(10.0, 0.6).draw(np.random.default_rng(4), 100_000)
    assert np.median(drawn) == pytest.approx(10.0, rel=0.01)
    assert drawn.std() / drawn.mean() == pytest.approx(0.6, rel=0.02)
    assert Lognormal.with_variation(10.0, 0.6).mean_min == pytest.approx(drawn.mean(), rel=0.01)


def test_scoring_times_have_the_percentile_asked_for() -> None:
    drawn = Lognormal.with_p95(20.0, 120.0).draw(np.random.default_rng(5), 100_000)
    assert np.percentile(drawn, 95) == pytest.approx(120.0, rel=0.03)


def test_a_trace_is_replayed_from_its_midnight_in_order(tmp_path: Path) -> None:
    text = "priority,arrived\n,2025-03-02T00:30\nSTAT,2025-03-01T22:00\nhigh,2025-03-01T23:15:30\n"
    trace = read_trace(trace_of(tmp_path, text))
    drawn = trace.draw(np.random.default_rng(0), trace.minutes)
    assert drawn.at_min.tolist() == [1320, 1395.5, 1470]
    assert drawn.priorities == (RequestPriority.STAT, RequestPriority.HIGH, RequestPriority.UNKNOWN)
    assert trace.per_day == pytest.approx(2 / 150 * 1440)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("when\n2025-03-01T22:00\n", "1: expected a column arrived"),
        ("arrived\n2025-03-01T22:00\nyesterday\n", ":3: arrived: expected a time"),
        ("arrived,priority\n2025-03-01T22:00,soon\n", ":2: priority: expected one of STAT"),
        ("arrived\n2025-03-01T22:00\n2025-03-01T22:00Z\n", "found both"),
        ("arrived\n2025-03-01T22:00\n", "at least two arrivals"),
        ("", "expected a column arrived"),
    ],
)
def test_a_trace_that_cannot_be_read_says_where(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_trace(trace_of(tmp_path, text))


def test_readers_are_one_number_or_one_for_each_hour() -> None:
    assert Readers.parse("2").by_hour == (2,) * 24
    assert Readers.parse(",".join(["1"] * 23 + ["3"])).minutes_per_day == 26 * 60
    for text in ("1,2", "none", "0", "-1"):
        with pytest.raises(ConfigError, match="expected one number"):
            Readers.parse(text)
