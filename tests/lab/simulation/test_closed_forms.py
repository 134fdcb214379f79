"""Closed forms give the values of a table made elsewhere, agree with each other, and with a chain solved by states."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.sparse import lil_matrix
from scipy.sparse.linalg import spsolve

from tests.lab.simulation.queueing import fifo_wait
from triaged.lab.simulation.closed_forms import (
    Demand,
    Waits,
    erlang_c,
    non_preemptive_waits,
    pooled,
    preemptive_resume_waits,
    saving,
)

ROWS = [
    # load, prevalence, Se, Sp, FIFO; interrupting: W+, W−, change; not interrupting: W+, W−, change, W without disease
    (0.5, 0.10, 0.9, 0.700, 10, 2.2, 14.4, -6.6, 6.1, 12.2, -3.3, 10.4),
    (0.8, 0.10, 0.9, 0.900, 40, 1.7, 48.4, -33.6, 9.3, 46.7, -26.9, 43.0),
    (0.8, 0.26, 0.9, 0.734, 40, 5.3, 66.3, -28.6, 12.2, 61.0, -22.9, 48.0),
    (0.8, 0.50, 0.9, 0.734, 40, 8.7, 83.7, -23.8, 15.0, 75.0, -19.0, 59.0),
    (0.9, 0.26, 0.9, 0.734, 90, 6.3, 153.3, -69.0, 14.7, 147.0, -62.1, 111.8),
]
BOTH = pytest.mark.parametrize(
    "waits", [non_preemptive_waits, preemptive_resume_waits], ids=["in turn", "interrupting"]
)


def two(load: float, share: float, servers: int = 1, mean: float = 10.0) -> tuple[Demand, Demand]:
    rate = load * servers / mean
    return Demand.exponential(rate * share, mean), Demand.exponential(rate * (1 - share), mean)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_one_reader_s_waits_are_those_of_the_specification(row: tuple[float, ...]) -> None:
    load, prevalence, sensitivity, specificity, fifo, *expected = row
    chances = sensitivity, 1 - specificity
    up, down = two(load, prevalence * chances[0] + (1 - prevalence) * chances[1])
    interrupting, waiting = (
        saving(up, down, chances, each) for each in (preemptive_resume_waits, non_preemptive_waits)
    )
    assert interrupting.without_flag_min == pytest.approx(fifo)
    first = [interrupting.flagged_min, interrupting.not_flagged_min, -interrupting.saved_min]
    second = [waiting.flagged_min, waiting.not_flagged_min, -waiting.saved_min, waiting.healthy_min]
    assert first + second == pytest.approx(expected, abs=0.051)
    assert waiting.added_min == pytest.approx(waiting.healthy_min - fifo)


@pytest.mark.parametrize(("servers", "offered", "expected"), [(1, 0.7, 0.7), (2, 1.0, 1 / 3), (3, 2.0, 4 / 9)])
def test_the_chance_to_wait_is_erlang_s(servers: int, offered: float, expected: float) -> None:
    terms = [offered**number / math.factorial(number) for number in range(servers)]
    last = offered**servers / math.factorial(servers) / (1 - offered / servers)
    assert erlang_c(servers, offered) == pytest.approx(expected) == last / (sum(terms) + last)


@BOTH
@pytest.mark.parametrize("servers", [1, 3])
def test_classes_of_one_exponential_length_wait_as_long_together_as_without_classes(waits: Waits, servers: int) -> None:
    """An order that does not ask how long a study takes neither makes nor saves waiting, interrupted or not."""
    first, second = two(0.85, 0.3, servers)
    alone = waits((pooled((first, second)),), servers)[0]
    found = waits((first, second), servers)
    assert 0.3 * found[0] + 0.7 * found[1] == pytest.approx(alone)
    assert found[0] < alone < found[1]


def test_one_class_of_any_length_waits_as_pollaczek_and_khinchine_say() -> None:
    demand = Demand(0.08, 10.0, 136.0)
    for waits in (non_preemptive_waits, preemptive_resume_waits):
        assert waits((demand,), 1) == pytest.approx((fifo_wait(0.8, 136.0),))


def test_a_class_that_interrupts_waits_as_if_it_were_alone() -> None:
    first, second = two(0.9, 0.2, 4)
    alone = preemptive_resume_waits((first,), 4)
    assert preemptive_resume_waits((first, second), 4)[0] == pytest.approx(alone[0])
    assert non_preemptive_waits((first, second), 4)[0] > alone[0]


def chain_waits(load: float, share: float, servers: int, most: int) -> tuple[float, float]:
    """Return the waits of two classes, the first interrupting, from the stationary chain of their numbers."""
    up, down = (each.per_min for each in two(load, share, servers))
    rate, size = 0.1, most * most
    flow = lil_matrix((size, size))

    def add(a: int, b: int, to: tuple[int, int], per_min: float) -> None:
        if per_min > 0 and max(to) < most:
            here = a * most + b
            flow[to[0] * most + to[1], here] += per_min
            flow[here, here] -= per_min

    for a in range(most):
        for b in range(most):
            add(a, b, (a + 1, b), up)
            add(a, b, (a, b + 1), down)
            add(a, b, (a - 1, b), rate * min(a, servers))
            add(a, b, (a, b - 1), rate * min(b, servers - min(a, servers)))
    flow[0, :] = 1
    right = np.zeros(size)
    right[0] = 1
    states = spsolve(flow.tocsc(), right).reshape(most, most)
    numbers = np.arange(most)
    return (
        float(states.sum(axis=1) @ numbers) / up - 1 / rate,
        float(states.sum(axis=0) @ numbers) / down - 1 / rate,
    )


@pytest.mark.parametrize("servers", [1, 2, 3])
def test_several_interrupted_readers_give_the_waits_of_the_chain(servers: int) -> None:
    found = preemptive_resume_waits(two(0.6, 0.3, servers), servers)
    assert found == pytest.approx(chain_waits(0.6, 0.3, servers, 48), rel=1e-5)


def test_those_who_come_before_all_delay_both_with_and_without_a_flag() -> None:
    up, down = two(0.6, 0.2)
    first = Demand.exponential(0.02, 5.0)
    plain = saving(up, down, (0.9, 0.1), preemptive_resume_waits)
    delayed = saving(up, down, (0.9, 0.1), preemptive_resume_waits, before_all=first)
    assert delayed.without_flag_min > plain.without_flag_min
    assert delayed.flagged_min > plain.flagged_min


def test_what_has_no_closed_form_is_refused() -> None:
    fixed = Demand(0.1, 10.0, 100.0)
    with pytest.raises(ValueError, match="one exponential length"):
        non_preemptive_waits((fixed,), 2)
    with pytest.raises(ValueError, match="one exponential length"):
        preemptive_resume_waits((Demand.exponential(0.1, 10), Demand.exponential(0.05, 5)), 2)
    with pytest.raises(ValueError, match="a load below 1"):
        non_preemptive_waits(two(1.0, 0.5))
    with pytest.raises(ValueError, match="comes and takes time"):
        Demand.exponential(0.0, 10.0)
