"""A site is drained: what is here is finished, nothing new is taken, and it is said when nothing is left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flow.house import House
from triaged.config.loading import parse
from triaged.errors import TryLater
from triaged.rules.matching import Rules
from triaged.steps.draw import Drawer
from triaged.steps.options import AnalyseOptions
from triaged.store.studies.drawings import Drawings
from triaged.store.studies.left_of_sites import Left, LeftOfSites
from triaged.store.tables.database import Database, open_database
from triaged.study.lifecycle import State
from triaged.study.records import DeliveryState

SITES = """
sites:
  - {name: north, senders: NORTH_*}
  - {name: south, senders: SOUTH_*}
rules:
  - name: moved
    when: {sender: NORTH_9}
    then: {site: south}
"""
DRAINED = SITES.replace("senders: NORTH_*}", "senders: NORTH_*, drained: true}")
REFUSED = "the site north is drained: new studies of it are refused"


def rules(text: str) -> Rules:
    return parse(text, Path("config.yaml")).ruled()


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    found = open_database(sqlite_url)
    yield found
    found.close()


def left(house: House) -> dict[str, str]:
    return {site: each.words() for site, each in LeftOfSites(house.database).all().items()}


def test_what_was_begun_is_completed_scored_and_delivered_and_then_nothing_is_left(
    database: Database, tmp_path: Path
) -> None:
    before = House(database, tmp_path, rules=rules(SITES))
    slices = before.series(1, count=10)
    before.send(slices[:4], "NORTH_1")
    assert left(before) == {"north": "1 arriving"}

    house = House(database, tmp_path, rules=rules(DRAINED))
    house.now = before.now
    house.send(slices[4:], "NORTH_1")
    house.later(30)
    assert house.assemble()
    assert left(house) == {"north": "1 waiting to be scored"}
    house.score(0.3)
    assert house.entry(1).state is State.TRIAGED
    assert house.entry(1).instances == 10
    undelivered = LeftOfSites(database).all()["north"].undelivered
    assert undelivered == len(house.outbox.deliveries("1.2.1")) > 0
    house.deliver()
    drawer = Drawer(
        Drawings(database),
        house.spool,
        house.examinations,
        worker="worker",
        options=AnalyseOptions(),
        destinations={"pacs": house.wanted},
    )
    assert LeftOfSites(database).all()["north"].following == 1
    drawing = drawer.claim(clock=house.clock)
    assert drawing is not None
    drawer.draw(drawing, clock=house.clock)
    house.deliver()
    assert {each.state for each in house.outbox.deliveries("1.2.1")} == {DeliveryState.SENT}
    assert left(house) == {}
    assert LeftOfSites(database).all().get("north", Left()).is_nothing


def test_a_new_study_is_refused_with_every_instance_and_nothing_of_it_is_kept(
    database: Database, tmp_path: Path
) -> None:
    house = House(database, tmp_path, rules=rules(DRAINED))
    for _ in range(2):
        with pytest.raises(TryLater, match=REFUSED):
            house.send(house.series(1)[:1], "NORTH_1")
    assert house.worklist.entries() == []
    kept = [path for path in (tmp_path / "spool").rglob("*") if path.suffix in (".dcm", ".part")]
    assert kept == []
    assert left(house) == {}


def test_others_and_what_a_rule_gives_to_another_site_are_taken(database: Database, tmp_path: Path) -> None:
    house = House(database, tmp_path, rules=rules(DRAINED))
    for study, sender in ((1, "SOUTH_1"), (2, "NORTH_9"), (3, "CT7")):
        house.send(house.series(study)[:1], sender)
    assert [house.entry(study).site for study in (1, 2, 3)] == ["south", "south", ""]


def test_a_late_image_of_a_study_that_was_read_before_is_taken(database: Database, tmp_path: Path) -> None:
    before = House(database, tmp_path, rules=rules(SITES))
    slices = before.series(1, count=10)
    before.send(slices[:9], "NORTH_1")
    before.later(30)
    before.assemble()
    before.score(0.3)
    house = House(database, tmp_path, rules=rules(DRAINED))
    house.now = before.now
    house.send(slices[9:], "NORTH_1")
    assert house.entry(1).instances == 10


def test_a_site_that_is_no_longer_drained_is_taken_again(database: Database, tmp_path: Path) -> None:
    house = House(database, tmp_path, rules=rules(DRAINED))
    with pytest.raises(TryLater):
        house.send(house.series(1)[:1], "NORTH_1")
    again = House(database, tmp_path, rules=rules(SITES))
    again.send(again.series(1)[:1], "NORTH_1")
    assert again.entry(1).site == "north"
