"""A flag puts studies forward when the score is there, and a cap bounds the wait of the others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.lab.simulation.department.wards import OPTIONS
from tests.lab.simulation.queueing import NEGATIVE, POSITIVE
from triaged.errors import ConfigError
from triaged.lab.simulation.department.orders import FlagOrder, chosen_orders
from triaged.lab.simulation.replay import Interruption, replay
from triaged.lab.simulation.site import Readers, Truth
from triaged.lab.simulation.stream import FAILED, Stream
from triaged.study.assessment import Assessment
from triaged.study.ranking import RequestPriority

SIGNS: dict[str, Assessment] = {"+": POSITIVE, "-": NEGATIVE, "?": FAILED, "!": NEGATIVE}


def started(outcomes: str, scored_after: float = 0.0, cap_min: float | None = None) -> list[float]:
    """Return when studies are begun that come each minute and are read for ten; ! is a STAT request."""
    arrived = np.arange(float(len(outcomes)))
    stat, routine = RequestPriority.STAT, RequestPriority.ROUTINE
    stream = Stream(
        arrived_min=arrived,
        scored_min=arrived + scored_after,
        reading_min=np.full(len(arrived), 10.0),
        priorities=tuple(stat if sign == "!" else routine for sign in outcomes),
        outcomes=tuple(SIGNS[sign] for sign in outcomes),
        truths=(Truth.NORMAL,) * len(arrived),
    )
    return list(map(float, replay(stream, FlagOrder(OPTIONS, cap_min), Readers()).started_min))


def test_flagged_studies_come_first_and_stat_requests_before_them() -> None:
    assert started("--++!") == [0, 40, 20, 30, 10]


def test_a_study_without_a_score_waits_with_those_that_are_not_flagged() -> None:
    assert started("-?-+") == [0, 20, 30, 10]


def test_a_flag_counts_from_when_the_score_is_there() -> None:
    assert started("--+-", scored_after=9) == [0, 10, 20, 30]
    assert started("--+-", scored_after=7) == [0, 20, 10, 30]


def test_who_has_waited_for_the_cap_comes_next() -> None:
    assert started("+-++++", cap_min=15) == [0, 20, 10, 30, 40, 50]
    assert started("+-++++") == [0, 50, 10, 20, 30, 40]
    assert started("+-++++", scored_after=30, cap_min=15) == [0, 10, 20, 30, 40, 50]


def test_a_flag_interrupts_what_is_not_flagged_and_what_is_overdue_is_not_interrupted() -> None:
    arrived = np.array([0.0, 1.0, 25.0])
    stream = Stream(
        arrived,
        arrived,
        np.full(3, 20.0),
        (RequestPriority.ROUTINE,) * 3,
        (NEGATIVE, NEGATIVE, POSITIVE),
        (Truth.NORMAL,) * 3,
    )
    free = replay(stream, FlagOrder(OPTIONS), Readers(), Interruption.BY_TIER)
    assert free.finished_min.tolist() == [20, 60, 45]
    capped = replay(stream, FlagOrder(OPTIONS, 10), Readers(), Interruption.BY_TIER)
    assert capped.finished_min.tolist() == [20, 40, 60]


def test_orders_are_chosen_by_name_after_first_come_first() -> None:
    assert [each.name for each in chosen_orders([], OPTIONS)] == ["fifo", "flag", "flag_cap", "head_start"]
    assert [each.name for each in chosen_orders(["strict_cap, flag"], OPTIONS)] == ["fifo", "strict_cap", "flag"]
    (_, capped) = chosen_orders(["flag_cap"], replace(OPTIONS, strict_cap_min=30))
    assert isinstance(capped, FlagOrder)
    assert capped.cap_min == 30
    with pytest.raises(ConfigError, match=r"--order: expected fifo, head_start, .*, found alphabet"):
        chosen_orders(["alphabet"], OPTIONS)
