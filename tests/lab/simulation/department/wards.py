"""Departments to forecast in tests, from the texts of a command line."""

from __future__ import annotations

from triaged.lab.simulation.comparison import Plan
from triaged.lab.simulation.department.command import COOL_DOWN_MIN, Said, department_of, usual_of
from triaged.lab.simulation.department.forecast import Question
from triaged.lab.simulation.department.model import Department
from triaged.lab.simulation.replay import Interruption
from triaged.lab.simulation.site import days
from triaged.triage.scheme import Scheme, TriageOptions

OPTIONS = TriageOptions(scheme=Scheme.SEVERITY)


def said(
    *sites: str,
    groups: tuple[str, ...] = (),
    reading: tuple[str, ...] = (),
    scoring: tuple[str, ...] = (),
    finishing: str = "fixed:3",
    settle_s: float = 2.0,
    failing: float = 0.0,
) -> Said:
    return Said(sites, groups, reading, scoring, finishing, settle_s, failing)


def at_once(*sites: str, groups: tuple[str, ...] = (), reading: tuple[str, ...] = ()) -> Said:
    """Return what has its score with the last slice."""
    return said(*sites, groups=groups, reading=reading, scoring=("fixed:0",), finishing="fixed:0", settle_s=0.0)


def ward(
    texts: Said, stat: float = 0.0, prevalence: float = 0.1, sensitivity: float = 0.9, specificity: float = 0.9
) -> Department:
    flag = prevalence, sensitivity, specificity, None
    return department_of(texts, usual_of(stat, 0.0, flag, flag, None))


def question(
    runs: int = 2,
    measured: float = 2.0,
    warm_up: float = 1.0,
    *,
    within_min: float = 1.0,
    machines: int | None = None,
    interruption: Interruption = Interruption.NEVER,
    seed: int = 1,
) -> Question:
    plan = Plan(runs, days(warm_up), days(measured), COOL_DOWN_MIN, seed=seed)
    return Question(plan, interruption, 60.0, within_min, machines, 15.0)
