"""Cut-offs are those that agree with the readers most often; a list that cannot carry them is refused."""

from __future__ import annotations

from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from triaged.cli.program import app
from triaged.errors import ConfigError
from triaged.lab.evaluation.grades import read_graded
from triaged.lab.evaluation.grading import Graded, agreement, best_cut_offs, fit, halved

IN_FORCE = (0.01, 0.25, 0.50, 0.75)
TRUE = (0.02, 0.06, 0.29, 0.83)


def graded(count: int = 200, seed: int = 1, lowest: int = 0, **readers: tuple[float, ...]) -> list[Graded]:
    """Return cases whose readers grade by cut-offs of their own; every grade is as frequent as any other."""
    rng = np.random.default_rng(seed)
    bounds = (0.0, *TRUE, 1.0)
    cases = []
    for index in range(count):
        low, high = bounds[lowest + index % (5 - lowest) :][:2]
        share = float(rng.uniform(low, high))
        given = ((name, sum(share >= cut for cut in cuts)) for name, cuts in (readers or {"one": TRUE}).items())
        cases.append(Graded(f"c{index}", f"p{index // 2}", share, tuple(given)))
    return cases


def test_the_cut_offs_that_a_reader_used_are_found_again() -> None:
    found = fit(graded(), "one", IN_FORCE)
    assert found.cut_offs is not None
    assert found.cut_offs == pytest.approx(TRUE, abs=0.03)
    assert found.agreement == 1.0
    assert found.on_other_half is not None
    assert found.on_other_half > 0.95
    assert found.in_force < 0.7


def test_no_other_choice_of_midpoints_agrees_more_often() -> None:
    rng = np.random.default_rng(3)
    readings = [(float(share), int(rng.integers(0, 5))) for share in rng.random(14)]
    shares = sorted(share for share, _ in readings)
    midpoints = [(one + other) / 2 for one, other in pairwise(shares)]
    best = max(agreement(readings, cuts) for cuts in combinations(midpoints, 4))
    assert agreement(readings, best_cut_offs(readings)) == best


def test_on_ties_the_widest_gap_is_cut() -> None:
    readings = [(0.01, 0), (0.1, 1), (0.2, 1), (0.3, 2), (0.4, 3), (0.5, 3), (0.9, 4)]
    assert best_cut_offs(readings) == pytest.approx((0.055, 0.25, 0.35, 0.7))
    unsure = [(0.01, 0), (0.1, 1), (0.15, 1), (0.15, 2), (0.4, 2), (0.5, 3), (0.9, 4)]
    assert best_cut_offs(unsure)[1] == pytest.approx(0.275)


def test_readers_count_alike_when_they_are_taken_together() -> None:
    late = (0.02, 0.12, 0.29, 0.83)
    cases = graded(one=TRUE, two=TRUE, three=late)
    together = fit(cases, None, IN_FORCE)
    assert together.readings == 600
    assert together.cut_offs == pytest.approx(TRUE, abs=0.03)
    alone = fit(cases, "three", IN_FORCE).cut_offs
    assert alone is not None
    assert alone[1] == pytest.approx(0.12, abs=0.03)


def test_readers_who_saw_no_case_without_disease_leave_the_first_cut_off_as_it_is() -> None:
    found = fit(graded(lowest=1), "one", IN_FORCE)
    assert found.cut_offs is not None
    assert found.cut_offs[0] == IN_FORCE[0]
    assert found.cut_offs[1:] == pytest.approx(TRUE[1:], abs=0.03)


def test_fewer_than_ten_cases_of_a_grade_are_not_enough() -> None:
    found = fit(graded(count=45), "one", IN_FORCE)
    assert found.cut_offs is None
    assert "expected at least 10 cases of each grade, found 9 of CT-0" in found.lacking


def test_the_halves_share_no_patient_and_hold_every_grade() -> None:
    first, second = halved(graded())
    assert not {case.patient for case in first} & {case.patient for case in second}
    for half in (first, second):
        assert {grade for case in half for _, grade in case.grades} == set(range(5))


def test_a_list_is_read_and_its_mistakes_named(tmp_path: Path) -> None:
    path = tmp_path / "graded.csv"
    path.write_text("case;patient;severity;Reader A;grade_b\na;p;0.31;CT-2;3\nb;;0.02;;ct1\nc;;0.5;;\n", "utf-8")
    assert read_graded(path, lambda _: 0.0) == (
        Graded("a", "p", 0.31, (("reader a", 2), ("grade_b", 3))),
        Graded("b", "b", 0.02, (("grade_b", 1),)),
    )
    for text, told in (
        ("case,severity\na,0.3\n", ":1: expected the columns"),
        ("case,severity,grade\na,0.3,5\n", ":2, grade: expected a grade from 0 to 4, found 5"),
        ("case,severity,grade\na,30,2\n", ":2, severity: expected a share from 0 to 1, found 30"),
        ("case,images,grade\na,none.nii,2\n", ":2: expected a severity, or images that are there"),
        ("case,severity,grade\n", "expected at least one graded case"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError, match=r"graded\.csv") as refused:
            read_graded(path, lambda _: 0.0)
        assert told in str(refused.value)


def test_the_command_prints_lines_for_the_configuration_or_refuses(tmp_path: Path) -> None:
    path = tmp_path / "graded.csv"
    rows = [f"{case.case},{case.share},{case.grades[0][1]}" for case in graded()]
    path.write_text("\n".join(["case,severity,grade", *rows]), encoding="utf-8")
    run = CliRunner().invoke(app, ["model", "grades", "--cases", str(path), "--config", str(tmp_path / "none.yaml")])
    assert run.exit_code == 0, run.output
    assert "triage:\n  grade_cut_offs: [0.0" in run.output
    path.write_text("\n".join(["case,severity,grade", *rows[:30]]), encoding="utf-8")
    run = CliRunner().invoke(app, ["model", "grades", "--cases", str(path), "--config", str(tmp_path / "none.yaml")])
    assert run.exit_code != 0
    assert "expected at least 10 cases of each grade" in str(run.exception)
