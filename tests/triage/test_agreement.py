"""In what two engines disagree, by numbers that a person can check."""

from __future__ import annotations

import pytest

from tests.findings import changed
from tests.store.making import finding
from triaged.study.agreement import Disagreement
from triaged.triage.agreement import agreement
from triaged.triage.scheme import TriageOptions

FIRST = changed(finding(0.30), severity_right=0.10, severity_left=0.30, grade=2)
GRADE, SHARE, OUTLINE = Disagreement.GRADE, Disagreement.SHARE, Disagreement.OUTLINE


@pytest.mark.parametrize(
    ("second", "overlap", "expected"),
    [
        ({}, 0.8, ()),
        ({"grade": 3}, 0.8, (GRADE,)),
        ({"severity": 0.322, "severity_left": 0.322}, 0.8, ()),  # twice 1.1 points is still within repeated scans
        ({"severity": 0.323, "severity_left": 0.323}, 0.8, (SHARE,)),
        ({"severity_right": 0.07}, 0.8, (SHARE,)),  # the worse lung is the same, the other one is not
        ({}, 0.49, (OUTLINE,)),
        ({}, 0.5, ()),
        ({}, None, ()),  # the first outline is lost
        ({"severity": 0.9, "severity_left": 0.9, "grade": 4}, 0.2, (GRADE, SHARE, OUTLINE)),
    ],
)
def test_engines_disagree_in_grade_share_or_outline(
    second: dict[str, float], overlap: float | None, expected: tuple[Disagreement, ...]
) -> None:
    found = agreement(FIRST, changed(FIRST, **second), overlap, TriageOptions())
    assert found.disagreements == expected
    assert found.disagrees == bool(expected)
    assert found.overlap == overlap


@pytest.mark.parametrize(("first", "second", "counts"), [(0.004, 0.01, False), (0.004, 0.011, True)])
def test_outlines_of_next_to_nothing_are_not_compared(first: float, second: float, counts: bool) -> None:
    slight = changed(FIRST, severity=first, severity_right=0.0, severity_left=first, grade=0)
    other = changed(slight, severity=second, severity_left=second)
    assert agreement(slight, other, 0.0, TriageOptions()).disagreements == ((OUTLINE,) if counts else ())


def test_the_difference_is_of_the_part_in_which_it_is_largest_second_minus_first() -> None:
    found = agreement(FIRST, changed(FIRST, severity_right=0.05, severity_left=0.31), None, TriageOptions())
    assert (found.part, found.points) == ("right lung", -5.0)


def test_without_two_lungs_the_whole_is_compared() -> None:
    single = changed(FIRST, severity_right=None, severity_left=None, severity_total=0.2)
    found = agreement(FIRST, single, None, TriageOptions())
    assert found.part == "lungs"
    assert found.points == pytest.approx(-2.5)
