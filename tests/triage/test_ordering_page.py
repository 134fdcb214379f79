"""The tables that people read say what the program does."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.triage.cases import NOON, scored, uid
from triaged.config.triage import TriageSection
from triaged.study.modalities import Stratum
from triaged.study.ranking import Override, RequestPriority, TriageClass
from triaged.triage.disciplines import RATES, due_again
from triaged.triage.follow_up import LONGEST, PROGRESSION_PP, RATE_PP_PER_DAY, SHORTEST, VOLUME_RATIOS, noise_pp
from triaged.triage.guard import Trust, watch
from triaged.triage.judging import GuardOptions
from triaged.triage.observing import Counts, Observed
from triaged.triage.ordering import place, precedence_of
from triaged.triage.prevalence import OperatingPoint, worth
from triaged.triage.reason import WORDS
from triaged.triage.scheme import REPEAT_SD_PP, Discipline, Scheme, TriageOptions, head_start_minutes

PAGE = (Path(__file__).parents[2] / "docs" / "ordering.md").read_text(encoding="utf-8")
GUARD = GuardOptions()


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the first table after a heading, without its head."""
    lines = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0].splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("|"))
    table = []
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            break
        table.append([cell.strip() for cell in line.strip("|").split("|")])
    return table


def test_classes_and_head_starts() -> None:
    table = rows("Classes")
    assert [row[0] for row in table] == [f"{each.value} {WORDS[each]}" for each in TriageClass]
    for row, triage_class in zip(table[1:], [*TriageClass][1:], strict=True):
        found = [
            head_start_minutes(triage_class, RequestPriority.ROUTINE, TriageOptions(scheme=scheme))
            for scheme in (Scheme.IDENTIFICATION, Scheme.COMBINED, Scheme.SEVERITY)
        ]
        assert [int(cell) for cell in row[3:]] == found


def test_decisions_and_what_the_list_says_of_them() -> None:
    for decision, _, said in rows("Decisions of readers"):
        ranking = place(uid(1), NOON, scored(), RequestPriority.ROUTINE, TriageOptions(), override=Override(decision))
        assert f"— {said}, " in ranking.reason


def test_the_noise_is_that_of_the_figures_measured() -> None:
    table = rows("Follow-ups")
    measured = [float(row[2]) for row in table if row[0].startswith("generated")]
    pooled = math.sqrt(sum(sd**2 for sd in measured) / len(measured))
    assert len(measured) == 6
    assert f"Together {pooled:.2f} " in PAGE
    assert pooled <= REPEAT_SD_PP < pooled + 0.1
    assert f"the noise is {noise_pp(TriageOptions()):g} points" in PAGE


def test_the_rules_of_follow_ups() -> None:
    assert (timedelta(hours=6), timedelta(days=90)) == (SHORTEST, LONGEST)
    assert f"from 6 hours to {LONGEST.days} days before" in PAGE
    assert f"grew by {PROGRESSION_PP:g} points or more" in PAGE
    assert f"grew by {RATE_PP_PER_DAY:g} points a day or more" in PAGE
    assert f"outside {VOLUME_RATIOS[0]} to {VOLUME_RATIOS[1]}" in PAGE


def test_disciplines_and_when_their_keys_are_due_again() -> None:
    table = rows("Other orders")
    assert [row[0].strip("`") for row in table] == [discipline.value for discipline in Discipline]
    for name, _, due in table:
        options = TriageOptions(discipline=Discipline(name.strip("`")))
        ranking_input = precedence_of(scored(), RequestPriority.ROUTINE, options)
        again = due_again(ranking_input, NOON, options, now=NOON)
        expected = {"never": None, "once per study": NOON + timedelta(minutes=240)}
        assert again == expected.get(due, NOON + timedelta(minutes=1))
    speeds = ", ".join(f"{rate:g}" for rate in RATES.values())
    assert f"rate of the class ({speeds} for {' '.join(each.value for each in RATES)})" in PAGE


def _seen(counts: Counts, lag: timedelta = timedelta(0)) -> Observed:
    return Observed({Stratum.VOLUME: counts}, lag)


@pytest.mark.parametrize(
    ("row", "observed"),
    [
        (0, lambda limit: _seen(Counts(1000, round(limit * 200)))),
        (1, lambda limit: _seen(Counts(1000 - round(10 * limit), 200, round(10 * limit)))),
        (2, lambda limit: _seen(Counts(1000, 200), timedelta(minutes=limit))),
    ],
)
def test_limits_of_the_guard(row: int, observed: object) -> None:
    numbers = [
        [float(word) for word in cell.replace("%", " ").split() if word.replace(".", "").isdigit()]
        for cell in rows("When the order is not trusted")[row][1:]
    ]
    assert callable(observed)
    for before, limits in zip((Trust.ORDERED, Trust.FALLEN_BACK), numbers, strict=True):
        for limit, outwards in zip(limits, (-1, 1) if len(limits) == 2 else (1,), strict=True):
            step = 0.02 * limit * outwards
            assert watch(observed(limit - step), {Stratum.VOLUME: 0.2}, before, GUARD).trust is Trust.ORDERED
            assert watch(observed(limit + step), {Stratum.VOLUME: 0.2}, before, GUARD).trust is Trust.FALLEN_BACK


def test_every_setting_that_the_page_names_is_one() -> None:
    named = [key for row in rows("Switching, and what happens then") for key in re.findall(r"`([a-z_.]+)", row[1])]
    assert len(named) >= 8
    for key in named:
        section: Any = TriageSection
        for part in key.split("."):
            assert part in section.model_fields, key
            section = section.model_fields[part].annotation


def test_the_worked_example_of_a_rare_disease() -> None:
    found = worth(0.02, OperatingPoint(sensitivity=0.95, specificity=0.73))
    assert found.predictive_value is not None
    assert found.flagged is not None
    assert f"that is {100 * found.predictive_value:.2g} %, and {100 * found.flagged:.2g} % of all CTs" in PAGE
    assert "0.922" in found.action
    assert "(here 0.922)" in PAGE
