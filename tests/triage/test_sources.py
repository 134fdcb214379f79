"""Few numbers are judged with care: bounds as the textbooks have them, and sources that stand out."""

from __future__ import annotations

import pytest

from triaged.triage.sources import Count, Limits, standing_out, tally


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (22, 30, 0.5555, 0.8582), (0, 0, 0.0, 1.0)],
)
def test_the_bounds_are_wilson_s(hits: int, total: int, low: float, high: float) -> None:
    """As R gives them: prop.test(5, 10, correct = FALSE)."""
    assert Count(hits, total).bounds() == pytest.approx((low, high), abs=5e-4)


def test_studies_are_counted_by_source() -> None:
    assert tally([("A", True), ("A", False), ("B", False)]) == {"A": Count(1, 2), "B": Count(0, 1)}


def test_an_unnamed_source_is_among_the_others_and_never_stands_out() -> None:
    counts = {"": Count(20, 20), "A": Count(0, 30)}
    assert standing_out(counts, Limits(0.1)) == []
    assert standing_out({**counts, "": Count(0, 20), "B": Count(20, 20)}, Limits(0.1)) == ["B"]
