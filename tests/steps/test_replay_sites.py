"""What a trial of other settings says of the sites of studies."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from triaged.steps.replay import Fate, Replayed, comparison, summary
from triaged.study.ranking import TriageClass

FATE = Fate("", False, "ct-open", ("pacs",), TriageClass.SEVERE, "B", 1, True)
REPLAYED = Replayed(
    "1.2.3", datetime(2026, 3, 1, tzinfo=UTC), "NORTH_1", "CT", "ct-open 1", today=FATE, new=replace(FATE, site="north")
)


def test_another_site_is_a_difference_and_is_said_beside_the_rule() -> None:
    assert REPLAYED.differences() == ("site",)
    assert comparison(REPLAYED)[0] == "everything → everything, site north"


def test_studies_are_counted_by_their_new_site() -> None:
    gone = replace(REPLAYED, today=replace(FATE, site="south"), new=FATE)
    counts = summary([REPLAYED, gone])
    assert (counts["site north"], counts["site other"]) == (1, 1)
    assert not [name for name in summary([replace(REPLAYED, new=FATE)]) if name.startswith("site")]
