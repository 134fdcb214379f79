"""Lays out a forecast: tables for people, one value for programs; computes nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

from rich.markup import escape
from rich.table import Table

from triaged.lab.simulation.closed_forms import Saving
from triaged.lab.simulation.department.forecast import Forecast, GroupForecast, OrderForecast, Question, ScoringForecast
from triaged.lab.simulation.department.measuring import DISEASED, FLAGGED, HEALTHY, NOT_FLAGGED
from triaged.lab.simulation.department.orders import FIRST_COME, FLAG
from triaged.lab.simulation.department.theory import FlagRates, Silence
from triaged.lab.simulation.replicated import Replicated

UNTOLD: Final = frozenset({FLAGGED, NOT_FLAGGED})
"""Groups that only closed forms and programs are told of."""


def waits_table(found: Forecast, limit_min: float) -> Table:
    """Return how long each group waits under each order."""
    names = ("Studies", "Order", "n", "Mean wait, min", "95 % within", "Longest", f"Over {limit_min:g} min, %")
    table = Table(*names, "Change of the mean")
    orders = list(found.orders.items())
    for group in (each for each in orders[0][1].waits if each not in UNTOLD):
        for order, forecast in orders:
            waits = forecast.waits[group]
            if waits.studies:
                row = (*_figures(waits), "" if order == orders[0][0] else f"{waits.change_min:+.1f}")
                table.add_row(escape(group), order, *row, end_section=order == orders[-1][0])
    return table


def readers_table(found: Forecast) -> Table:
    """Return the load of each reading group, and how often a study is begun without its score."""
    groups = list(next(iter(found.orders.values())).loads)
    table = Table("Order", *(f"Load of {escape(group)}" for group in groups), "Begun without a score, %")
    for order, forecast in found.orders.items():
        loads = (f"{forecast.loads[group]:.2f}" for group in groups)
        table.add_row(order, *loads, f"{_percent(forecast.unscored):.1f}")
    return table


def machines_table(found: Forecast, late_min: float) -> Table:
    """Return how soon studies are ordered by the number of machines."""
    names = ("Machines", "Load", "Last slice to order, mean s", "95 % within, s", "Longest, s")
    table = Table(*names, f"Some study late by {late_min:g} min, % of time")
    for each in found.scoring:
        seconds = (f"{_times(value, 60):.1f}" for value in (each.mean_min, each.p95_min))
        row = (f"{each.load:.2f}", *seconds, f"{60 * each.max_min:.0f}", f"{_percent(each.late):.1f}")
        table.add_row(f"{each.machines}{' (simulated)' if each.machines == found.machines else ''}", *row)
    return table


def theory_table(found: Forecast, theory: Saving) -> Table:
    """Return closed forms beside the simulation."""
    table = Table("Mean wait, min", "Closed form", "Simulated", title="STAT requests left out")
    for name, expected, simulated in _beside(found, theory):
        table.add_row(name, f"{expected:.2f}", f"{simulated:.2f}")
    return table


def machines_sentence(found: Forecast, question: Question) -> str:
    """Return how many machines are needed, in words."""
    asked = f"{60 * question.order_within_min:g} s from the last slice to the order, for 95 % of studies"
    if found.needed is None:
        return f"No number of machines keeps {asked}: what is left with none waiting for a machine takes longer."
    return f"Smallest number of machines that keeps {asked}: {found.needed}."


def as_json(found: Forecast, flag: FlagRates, question: Question, theory: Saving | Silence) -> dict[str, Any]:
    """Return all figures for programs; minutes, and None for what nobody measured."""
    return {
        "flag": {
            "studies_per_min": flag.diseased_per_min + flag.healthy_per_min,
            "prevalence": _number(flag.prevalence),
            "sensitivity": _number(flag.sensitivity),
            "specificity": _number(flag.specificity),
            "share": flag.flagged,
        },
        "runs": question.plan.replications,
        "seed": question.plan.seed,
        "measured_min": question.plan.measured_min,
        "limit_min": question.limit_min,
        "order_within_min": question.order_within_min,
        "interruption": question.interruption.value,
        "machines_needed": found.needed,
        "machines_simulated": found.machines,
        "machines": [_machines(each) for each in found.scoring],
        "orders": {name: _order(each) for name, each in found.orders.items()},
        "closed_forms": _theory(found, theory),
    }


def _beside(found: Forecast, theory: Saving) -> Iterator[tuple[str, float, Replicated]]:
    waits = {name: found.orders[order].waits for name, order in (("fifo", FIRST_COME), ("flag", FLAG))}
    yield "without a flag, with disease", theory.without_flag_min, waits["fifo"][DISEASED].mean_min
    yield "flagged", theory.flagged_min, waits["flag"][FLAGGED].mean_min
    yield "not flagged", theory.not_flagged_min, waits["flag"][NOT_FLAGGED].mean_min
    yield "with disease", theory.diseased_min, waits["flag"][DISEASED].mean_min
    yield "without disease", theory.healthy_min, waits["flag"][HEALTHY].mean_min
    yield "change with disease (the time saved)", -theory.saved_min, waits["flag"][DISEASED].change_min
    yield "change without disease", theory.added_min, waits["flag"][HEALTHY].change_min


def _figures(waits: GroupForecast) -> tuple[str, ...]:
    return (
        str(waits.studies),
        f"{waits.mean_min:.1f}",
        f"{waits.p95_min:.0f}",
        f"{waits.max_min:.0f}",
        f"{_percent(waits.above):.1f}",
    )


def _percent(share: Replicated) -> Replicated:
    """Return a share in percent; no interval leaves the range that shares have."""
    return _times(Replicated(share.value, max(share.low, 0.0), min(share.high, 1.0)), 100)


def _times(found: Replicated, factor: float) -> Replicated:
    return Replicated(factor * found.value, factor * found.low, factor * found.high)


def _interval(found: Replicated) -> dict[str, float | None]:
    return {"mean": _number(found.value), "low": _number(found.low), "high": _number(found.high)}


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _machines(each: ScoringForecast) -> dict[str, Any]:
    return {
        "machines": each.machines,
        "load": _interval(each.load),
        "order_mean_min": _interval(each.mean_min),
        "order_p95_min": _interval(each.p95_min),
        "order_max_min": each.max_min,
        "late_share": _interval(each.late),
    }


def _order(found: OrderForecast) -> dict[str, Any]:
    return {
        "waits": {
            group: {
                "studies": each.studies,
                "mean_min": _interval(each.mean_min),
                "p95_min": _interval(each.p95_min),
                "max_min": each.max_min,
                "share_over_limit": _interval(each.above),
                "change_min": _interval(each.change_min),
            }
            for group, each in found.waits.items()
        },
        "reader_load": {group: _interval(each) for group, each in found.loads.items()},
        "begun_without_score": _interval(found.unscored),
    }


def _theory(found: Forecast, theory: Saving | Silence) -> dict[str, Any]:
    if isinstance(theory, Silence):
        return {"do_not_hold": list(theory.reasons)}
    figures = {
        "without_flag_min": theory.without_flag_min,
        "flagged_min": theory.flagged_min,
        "not_flagged_min": theory.not_flagged_min,
        "with_disease_min": theory.diseased_min,
        "without_disease_min": theory.healthy_min,
        "saved_min": theory.saved_min,
    }
    simulated = {name: _interval(each) for name, _, each in _beside(found, theory)} if FLAG in found.orders else {}
    return figures | {"simulated": simulated}
