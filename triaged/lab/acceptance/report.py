"""Puts a site's acceptance together: sizes, figures, calibration, thresholds, simulation, checklist, and what they say.

Must not know files. The report is plain JSON values and holds all that its page shows; no patient identifier is in it.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from triaged.lab.acceptance.checklist import Point
from triaged.lab.acceptance.criteria import figure_criteria
from triaged.lab.acceptance.probability import fit_probability
from triaged.lab.acceptance.sizes import group_sizes, size_criteria
from triaged.lab.acceptance.thresholds import Proposal, Split, proposals, split_by_patient, threshold_criteria
from triaged.lab.acceptance.trial import Setting, Trial, run_trial, severe_wait
from triaged.lab.evaluation.row import Row
from triaged.lab.evaluation.summary import summary
from triaged.lab.evaluation.table import comparison
from triaged.lab.simulation.evaluated import with_tau
from triaged.lab.simulation.verdict import Criterion, Verdict
from triaged.triage.scheme import Scheme, TriageOptions

CLAIM: Final = (
    "These figures describe this package on these cases at this site. They are no clinical claim: they do not say that "
    "the program is safe or effective, and no criterion, nor all of them together, accepts it. A person decides."
)
DEFAULT_TAU: Final = 0.5
DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class Provenance:
    """What the report is about and who stands for it, as JSON values."""

    software: str
    date: str
    signer: str
    package: Mapping[str, Any]
    files: Mapping[str, Any]


def acceptance_report(
    rows: Sequence[Row],
    options: TriageOptions,
    setting: Setting,
    checklist: Sequence[Point],
    provenance: Provenance,
    method: str,
) -> dict[str, Any]:
    """Return the whole report; `method` is the row of the paper's table that stands beside the figures."""
    split = split_by_patient(rows)
    by_p = dataclasses.replace(options, scheme=Scheme.COMBINED) if options.scheme is Scheme.SEVERITY else options
    found = proposals(split, lambda some, tau: severe_wait(some, by_p, setting, tau))
    tau = _tau(options, rows, found)
    trial = run_trial(rows, with_tau(options, tau), setting)
    parts = {
        "size": size_criteria(group_sizes(rows)),
        "figures": figure_criteria(rows),
        "thresholds": threshold_criteria(found, split),
        "worklist": trial.criteria if trial else (),
    }
    return {
        "claim": CLAIM,
        **dataclasses.asdict(provenance),
        "verdicts": _verdicts(parts),
        "criteria": [{"part": part, **_plain(each)} for part, criteria in parts.items() for each in criteria],
        "sizes": _plain(group_sizes(rows)),
        "table": _plain(comparison(rows, (), method)),
        "figures": {name: _plain(value) for name, value in summary(rows).items() if name != "cases"},
        "calibration": _plain(fit_probability(rows)),
        "thresholds": _thresholds(found, split, by_p.scheme, _prevalence(rows, setting)),
        "policy": {**_plain(options), "tau": tau},
        "worklist": _worklist(trial),
        "checklist": _plain(tuple(checklist)),
        "cases": [_without_patient(row) for row in rows],
    }


def _tau(options: TriageOptions, rows: Sequence[Row], found: Sequence[Proposal]) -> float:
    """Return the threshold that the daemon would work with: the site's or the package's; else the sensitive one."""
    package = [row.identification_threshold for row in rows if row.identification_threshold is not None]
    sensitive = [proposal.point.threshold for proposal in found if proposal.name == "sensitive"]
    tau = options.tau if options.tau is not None else [*package, *sensitive, DEFAULT_TAU][0]
    return min(max(tau, 1e-6), 1 - 1e-6)


def _prevalence(rows: Sequence[Row], setting: Setting) -> float:
    if setting.prevalence is not None:
        return setting.prevalence
    return sum(row.is_positive for row in rows) / max(len(rows), 1)


def _verdicts(parts: Mapping[str, Sequence[Criterion]]) -> dict[str, int]:
    counts = Counter(criterion.verdict for criteria in parts.values() for criterion in criteria)
    return {verdict.value: counts[verdict] for verdict in Verdict}


def _thresholds(found: Sequence[Proposal], split: Split, scheme: Scheme, prevalence: float) -> dict[str, Any]:
    return {
        "tuned_on": len(split.tuning),
        "measured_on": len(split.rest),
        "lacking": split.lacking,
        "scheme_of_simulated_choice": scheme.value,
        "proposals": [
            {"name": each.name, "chosen": each.chosen, **_plain(each.point.as_json(prevalence))} for each in found
        ],
    }


def _worklist(trial: Trial | None) -> dict[str, Any] | None:
    if trial is None:
        return None
    comparison = trial.comparison
    return {
        "load": _plain(comparison.load),
        "plan": _plain(comparison.plan),
        "remarks": list(trial.remarks),
        "waits": {
            discipline: {group: _plain(waits) for group, waits in groups.items() if waits.studies}
            for discipline, groups in comparison.waits.items()
        },
    }


def _without_patient(row: Row) -> dict[str, Any]:
    return {key: value for key, value in row.as_json().items() if key != "patient"}


def _plain(value: Any) -> Any:
    """Return JSON values of anything that a report holds: numbers to six digits, what is not finite as null."""
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(each) for key, each in value.items()}
    if isinstance(value, frozenset | set):
        return sorted(_plain(each) for each in value)
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return round(float(value), DIGITS) if math.isfinite(value) else None
    return value
