"""Sites in the running flow: decided with the first image and with the reading, and decided again by other settings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flow.house import House
from triaged.config.loading import parse
from triaged.rules.matching import NO_RULES, Rules
from triaged.steps.siting import SitesAgain
from triaged.store.studies.siting import Siting
from triaged.store.tables.database import Database, open_database
from triaged.study.treatment import Treatment

DESTINATIONS = (
    "destinations: [{name: pacs, ae_title: P, host: h, port: 1}, {name: er, ae_title: E, host: h, port: 1}]\n"
)
NORTH = """
sites:
  - {name: north, senders: NORTH_*, destinations: [er]}
  - {name: south, senders: SOUTH_*}
"""
THIN = """
rules:
  - name: thin
    when: {series_description: {matches: "*"}, slice_mm: {at_most: 8}}
    then: {site: south}
"""


def rules(text: str) -> Rules:
    return parse(DESTINATIONS + text, Path("config.yaml")).ruled()


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    found = open_database(sqlite_url)
    yield found
    found.close()


def under(database: Database, folder: Path, ruled: Rules = NO_RULES) -> House:
    house = House(database, folder, rules=ruled)
    house.others = ("er",)
    return house


def scored(house: House, study: int, sender: str) -> None:
    house.send(house.series(study, count=10, patient_id=""), sender)
    house.later(30)
    assert house.assemble()
    house.score(0.3)


def sites(house: House) -> list[str]:
    return [entry.site for entry in house.worklist.entries()]


def ruled(house: House, study: int) -> list[str]:
    return [each.detail for each in house.studies.events(f"1.2.{study}") if each.event == "RULE"]


def test_a_study_has_its_site_from_its_first_image_on(database: Database, tmp_path: Path) -> None:
    house = under(database, tmp_path, rules(NORTH))
    house.send(house.series(1)[:1], "north_7")
    assert house.entry(1).site == "north"
    assert ruled(house, 1) == ["sent to er; site north"]
    scored(house, 2, "SOUTH_1")
    scored(house, 3, "CT9")
    assert [house.entry(study).site for study in (2, 3)] == ["south", ""]
    assert (ruled(house, 2), ruled(house, 3)) == (["site south"], [])


def test_the_objects_of_a_study_go_where_its_site_says(database: Database, tmp_path: Path) -> None:
    house = under(database, tmp_path, rules(NORTH))
    for study, sender in ((1, "NORTH_1"), (2, "SOUTH_1")):
        scored(house, study, sender)
    to = [{each.destination for each in house.outbox.deliveries(f"1.2.{study}")} for study in (1, 2)]
    assert to[0] == {"er"}
    assert to[1] > {"er"}, "everybody"


def test_a_rule_of_the_series_gives_another_site_when_the_study_is_read(database: Database, tmp_path: Path) -> None:
    house = under(database, tmp_path, rules(NORTH + THIN))
    house.send(house.series(1, count=10, SeriesDescription="LUNG"), "NORTH_1")
    assert house.entry(1).site == "north"
    house.later(30)
    house.assemble()
    house.score(0.3)
    assert house.entry(1).site == "south"
    assert ruled(house, 1) == ["sent to er; site north", "thin: site south"]


def test_other_settings_give_another_site_when_a_study_is_read_again(database: Database, tmp_path: Path) -> None:
    house = under(database, tmp_path)
    scored(house, 1, "NORTH_1")
    assert (house.entry(1).site, ruled(house, 1)) == ("", [])
    said = []
    for text in (NORTH, NORTH.replace("NORTH_*", "FAR_*"), NORTH):
        again = under(database, tmp_path, rules(text))
        again.now = house.now
        again.requeue(1)
        again.score(0.3)
        said.append(again.entry(1).site)
    assert said == ["north", "", "north"]
    assert ruled(house, 1) == ["sent to er; site north", "no site any more", "sent to er; site north"]


def again(database: Database, house: House, text: str) -> int:
    ruled_now = rules(text) if text else NO_RULES
    again = SitesAgain(Siting(database), ruled_now)
    return again.decide(now=house.now) if again.is_any() else 0


def test_other_settings_give_open_studies_another_site_without_reading_them(database: Database, tmp_path: Path) -> None:
    house = under(database, tmp_path)
    scored(house, 1, "NORTH_1")
    house.send(house.series(2), "SOUTH_1")
    order = house.order()
    assert again(database, house, "") == 0
    assert again(database, house, NORTH) == 2
    assert [house.entry(study).site for study in (1, 2)] == ["north", "south"]
    assert house.order() == order
    assert ruled(house, 2) == ["site south"]
    assert again(database, house, "") == 2
    assert ruled(house, 2) == ["site south", "no site any more"]


def test_a_site_by_facts_of_a_series_stays_where_only_the_rest_is_known(database: Database, tmp_path: Path) -> None:
    house = under(database, tmp_path, rules(NORTH + THIN))
    house.send(house.series(1, count=10, SeriesDescription="LUNG"), "NORTH_1")
    house.later(30)
    house.assemble()
    house.score(0.3)
    assert house.entry(1).site == "south"
    assert again(database, house, NORTH + THIN) == 0
    assert again(database, house, NORTH) == 1
    assert house.entry(1).site == "north"


def test_a_late_slice_keeps_the_site_of_the_first(database: Database, tmp_path: Path) -> None:
    house = under(database, tmp_path, rules(NORTH))
    slices = house.series(1, count=10)
    house.send(slices[:9], "NORTH_1")
    house.later(30)
    house.assemble()
    house.score(0.3)
    house.send(slices[9:], "SOUTH_1")
    house.later(30)
    house.assemble()
    house.score(0.3)
    assert house.entry(1).site == "north"
    assert ruled(house, 1) == ["sent to er; site north"]


def test_a_treatment_from_before_there_were_sites_is_read() -> None:
    assert Treatment.of_text('{"rule": "a", "scheme": "severity"}') == Treatment("a", scheme="severity")
