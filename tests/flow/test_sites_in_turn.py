"""The worker of a daemon with several sites: its shares come from the settings, and the list does not move by them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flow.house import House
from triaged.config.loading import parse
from triaged.rules.matching import Rules
from triaged.store.tables.database import Database, open_database
from triaged.study.lifecycle import State

SITES = """
sites:
  - {name: north, senders: NORTH_*, share: 2}
  - {name: south, senders: SOUTH_*}
"""


def rules(text: str) -> Rules:
    return parse(text, Path("config.yaml")).ruled()


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    found = open_database(sqlite_url)
    yield found
    found.close()


def flooded(house: House) -> None:
    """Let six studies of one site come, and then two of another."""
    for study in range(1, 9):
        house.send(house.series(study, count=10, patient_id=""), "NORTH_1" if study < 7 else "SOUTH_1")
        house.later(30)
        house.assemble()


def scored_in_order(house: House) -> list[int]:
    """Score what waits; return the studies in the order in which that happened."""
    order: list[int] = []
    for _ in range(8):
        house.score(0.3)
        done = [study for study in range(1, 9) if house.entry(study).state is State.TRIAGED]
        order += [study for study in done if study not in order]
    return order


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SITES, [1, 7, 2, 3, 8, 4, 5, 6]),
        (SITES.replace(", share: 2", ""), [1, 7, 2, 8, 3, 4, 5, 6]),
        (SITES.replace("  - {name: south, senders: SOUTH_*}\n", ""), [1, 2, 3, 4, 5, 6, 7, 8]),
        ("", [1, 2, 3, 4, 5, 6, 7, 8]),
    ],
)
def test_a_worker_takes_the_studies_of_sites_by_their_shares(
    text: str, expected: list[int], database: Database, tmp_path: Path
) -> None:
    house = House(database, tmp_path, rules=rules(text))
    flooded(house)
    before = [entry.study_instance_uid for entry in house.worklist.entries()]
    assert scored_in_order(house) == expected
    assert [entry.study_instance_uid for entry in house.worklist.entries()] == before, "all have the same findings"
