"""How far the settings of the order reach: the last value that is taken on either side, and the next that is not."""

from __future__ import annotations

from math import nextafter
from typing import Any

import pytest
from pydantic import ValidationError

from triaged.config.triage import TriageSection

Number = int | float

JUST_ABOVE_0, JUST_BELOW_1 = nextafter(0.0, 1.0), nextafter(1.0, 0.0)
JUST_BELOW_0, JUST_ABOVE_1 = nextafter(0.0, -1.0), nextafter(1.0, 2.0)
WEEK_MIN = 7 * 24 * 60
HEAD_STARTS = (
    "critical",
    "severe",
    "suspected_moderate",
    "suspected_mild",
    "unscored",
    "opacity_not_flagged",
    "not_flagged",
    "high_order",
    "cap",
)


def _section(place: str, value: object) -> TriageSection:
    """Return the section with one value in it, and with what that value cannot be without."""
    keys: dict[str, Any] = {}
    inner = keys
    *outer, last = place.split(".")
    for key in outer:
        inner = inner.setdefault(key, {"sensitivity": 0.9, "specificity": 0.9} if key == "operating_point" else {})
    inner[last] = value
    return TriageSection.model_validate(keys)


def _refused_at(place: str, value: object) -> set[str]:
    with pytest.raises(ValidationError) as caught:
        _section(place, value)
    return {".".join(map(str, error["loc"])) for error in caught.value.errors()}


@pytest.mark.parametrize(
    ("place", "below", "lowest", "highest", "above"),
    [
        ("identification_threshold", 0.0, JUST_ABOVE_0, JUST_BELOW_1, 1.0),
        ("strict_cap_min", 0, 1, WEEK_MIN, WEEK_MIN + 1),
        ("repeat_sd_points", JUST_BELOW_0, 0.0, 50.0, nextafter(50.0, 51.0)),
        ("prevalence", JUST_BELOW_0, 0.0, 1.0, JUST_ABOVE_1),
        ("operating_point.sensitivity", JUST_BELOW_0, 0.0, 1.0, JUST_ABOVE_1),
        ("operating_point.specificity", JUST_BELOW_0, 0.0, 1.0, JUST_ABOVE_1),
        ("guard.window", 9, 10, 10_000, 10_001),
        ("guard.failures", 0.0, JUST_ABOVE_0, JUST_BELOW_1, 1.0),
        ("guard.lag_min", 0, 1, WEEK_MIN, WEEK_MIN + 1),
        ("guard.reference_share", 0.0, JUST_ABOVE_0, JUST_BELOW_1, 1.0),
        ("head_start_min.cap", -1, 240, WEEK_MIN, WEEK_MIN + 1),
        ("head_start_min.high_order", -1, 0, WEEK_MIN, WEEK_MIN + 1),
        ("head_start_min.not_flagged", -1, 0, 30, WEEK_MIN + 1),
        ("cut_offs.s4", JUST_BELOW_0, nextafter(0.5, 1.0), 1.0, JUST_ABOVE_1),
        ("cut_offs.s1", JUST_BELOW_0, JUST_ABOVE_0, nextafter(0.25, 0.0), JUST_ABOVE_1),
    ],
)
def test_a_setting_of_the_order_is_taken_up_to_its_bounds_and_not_a_step_beyond(
    place: str, below: Number, lowest: Number, highest: Number, above: Number
) -> None:
    for within in (lowest, highest):
        _section(place, within)
    for beyond in (below, above):
        assert _refused_at(place, beyond) == {place}


@pytest.mark.parametrize("name", HEAD_STARTS)
def test_no_head_start_is_negative_or_longer_than_a_week(name: str) -> None:
    for beyond in (-1, WEEK_MIN + 1):
        assert _refused_at(f"head_start_min.{name}", beyond) == {f"head_start_min.{name}"}


@pytest.mark.parametrize(
    ("cut_offs", "place"),  # a relation between them is refused by the section itself
    [
        ([0.0, 0.2, 0.3, 0.4], ""),
        ([0.1, 0.1, 0.3, 0.4], ""),
        ([0.1, 0.2, 0.3, 0.3], ""),
        ([JUST_BELOW_0, 0.2, 0.3, 0.4], "grade_cut_offs.0"),
        ([0.1, 0.2, 0.3, JUST_ABOVE_1], "grade_cut_offs.3"),
    ],
)
def test_cut_offs_of_the_grade_lie_above_nothing_and_rise_to_all_at_most(cut_offs: list[float], place: str) -> None:
    assert _section("grade_cut_offs", [JUST_ABOVE_0, 0.2, 0.3, 1.0])
    assert _refused_at("grade_cut_offs", cut_offs) == {place}


@pytest.mark.parametrize(("name", "share"), [("s1", 0.0), ("s1", 0.25), ("s2", 0.5), ("s3", 0.75)])
def test_cut_offs_of_the_classes_rise_from_above_nothing(name: str, share: float) -> None:
    assert _refused_at(f"cut_offs.{name}", share) == {"cut_offs"}
