"""Lays out on a terminal what a comparison of orders found; computes nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rich.markup import escape
from rich.table import Table

from triaged.lab.simulation.comparison import Comparison, GroupWaits
from triaged.lab.simulation.ranking import FIRST_ROWS
from triaged.lab.simulation.site import Truth
from triaged.lab.simulation.verdict import Criterion
from triaged.lab.simulation.waits import MISSED

NOT_SOUGHT: Final = (Truth.MODERATE, Truth.MILD, Truth.OTHER_URGENT, Truth.NORMAL, MISSED)
"""Who may pay for it that severe studies are read earlier."""


def waits_table(comparison: Comparison) -> Table:
    """Return how long each group waits under each order."""
    names = ("What", "Order", "n", "Mean wait", "Median", "95 %", "Longest", "In target", "Change", "Overtaken")
    table = Table(*names, "Starved")
    orders = list(comparison.waits.items())
    for group in orders[0][1]:
        for order, waits in orders:
            if waits[group].studies:
                table.add_row(group, order, *_figures(waits[group]), end_section=order == orders[-1][0])
    return table


def harm_table(comparison: Comparison) -> Table:
    """Return what each order costs those whom it does not look for, against first come first on the same studies.

    The change of the row "missed" is the mean delay of a study with the disease that nothing put forward.
    """
    table = Table("Harm to", "Order", "Mean wait", "95 %", "Longest", "95 % by that of fifo", title="Change, minutes")
    first, *others = comparison.waits
    for group in NOT_SOUGHT:
        for order in others:
            waits = comparison.waits[order][group]
            if waits.studies:
                table.add_row(
                    group,
                    order,
                    f"{waits.change_min:+.1f}",
                    f"{waits.p95_change_min:+.1f}",
                    f"{waits.max_change_min:+.0f}",
                    f"{waits.p95_ratio:.2f}",
                    end_section=order == others[-1],
                )
    table.caption = f"against {first}"
    return table


def ranking_table(comparison: Comparison) -> Table:
    """Return how good the list looks under each order."""
    table = Table("Order", f"Severe within the first {FIRST_ROWS}", "Severe read by read (1 ideal, 0.5 chance)")
    for order, quality in comparison.rankings.items():
        table.add_row(order, f"{quality.recall:.3f}", f"{quality.area:.3f}")
    return table


def gates_table(criteria: Iterable[Criterion]) -> Table:
    """Return what was asked of an order, with the verdicts."""
    table = Table("Asked of the daemon's order", "Found", "Verdict")
    for gate in criteria:
        table.add_row(escape(gate.asked), escape(gate.found), gate.verdict.value)
    return table


def _figures(waits: GroupWaits) -> tuple[str, ...]:
    return (
        str(waits.studies),
        f"{waits.mean_min:.1f}",
        f"{waits.median_min.value:.1f}",
        f"{waits.p95_min.value:.1f}",
        f"{waits.max_min:.0f}",
        f"{waits.inside_target.value:.2f}",
        f"{waits.change_min:.1f}",
        f"{waits.overtaken.value:.2f}",
        str(waits.starved),
    )
