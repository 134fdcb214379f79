"""`triaged config try`: what a new configuration would do with what came, said and not done."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.site import Site
from tests.flow.house import House
from triaged.store.tables.database import open_database

PACS: dict[str, Any] = {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": 104}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> Site:
    """A site where an adult was found severe, another not flagged, and a child came and was not read yet."""
    folder = tmp_path_factory.mktemp("site")
    made = Site(folder)
    made.configure(destinations=[PACS])
    shutil.copyfile(migrated_sqlite, folder / "triaged.db")
    database = open_database(f"sqlite:///{folder / 'triaged.db'}")
    house = House(database, folder)
    house.triage(1, 0.0)
    house.later(60)
    house.triage(2, 0.6)
    house.later(60)
    house.send(house.series(3, count=10, patient_id="", PatientAge="005Y", StudyDescription="Trial 7"), "RESEARCH")
    database.close()
    return made


def new(site: Site, **changes: Any) -> str:
    """Write another configuration beside that of the site."""
    path = site.folder / "new.yaml"
    settings = json.loads(site.config.read_text(encoding="utf-8"))
    path.write_text(json.dumps(settings | changes), encoding="utf-8")
    return str(path)


def tried(site: Site, *arguments: str, **changes: Any) -> dict[str, Any]:
    ended = site.run("config", "try", new(site, **changes), "--json", *arguments)
    assert (ended.code, ended.err) == (0, "")
    found: dict[str, Any] = json.loads(ended.out)
    return found


def test_the_same_configuration_changes_nothing(site: Site) -> None:
    found = tried(site)
    assert [each["differences"] for each in found["studies"]] == [[], [], []]
    assert [each["new"]["place"] for each in found["studies"]] == [3, 1, 2]
    assert [each["new"]["triage_class"] for each in found["studies"]] == ["N", "B", "U"]
    assert [each["new"]["is_known"] for each in found["studies"]] == [True, True, False]
    summary = found["summary"]
    assert (summary["studies"], summary["scored"], summary["scored today"], summary["rule everything"]) == (3, 3, 3, 3)
    assert summary["at another place"] == summary["in another class"] == summary["sent elsewhere"] == 0


def test_rules_are_tried_on_what_came(site: Site) -> None:
    found = tried(
        site,
        rules=[
            {"name": "trials", "when": {"study_description": {"contains": "trial"}}, "then": {"ignore": True}},
            {"name": "er", "when": {"sender": "ct1"}, "then": {"model": "ct-open", "destinations": []}},
        ],
    )
    first, second, child = (each["new"] for each in found["studies"])
    assert (first["rule"], first["model"], first["sent_to"], first["place"]) == ("er", "ct-open", [], 2)
    assert (second["triage_class"], second["place"]) == ("B", 1), "its finding is the one that is kept"
    assert (child["rule"], child["is_ignored"], child["model"], child["place"]) == ("trials", True, "", None)
    assert found["studies"][0]["today"]["sent_to"] == ["pacs"]
    summary = found["summary"]
    assert (summary["ignored"], summary["ignored today"], summary["scored"]) == (1, 0, 2)
    assert (summary["rule er"], summary["rule trials"], summary["scored by another package"]) == (2, 1, 3)


def test_another_scheme_gives_another_class(site: Site) -> None:
    found = tried(site, triage={"head_start_min": {"severe": 200, "cap": 300, "critical": 250}, "scheme": "combined"})
    assert [each["new"]["triage_class"] for each in found["studies"]] == ["U", "B", "U"]
    assert found["studies"][0]["differences"] == ["triage_class", "place"]


def test_the_last_studies_are_those_that_came_last(site: Site) -> None:
    found = tried(site, "--last", "2")
    assert [each["study_instance_uid"] for each in found["studies"]] == ["1.2.2", "1.2.3"]


def test_people_see_a_table_with_what_changes(site: Site) -> None:
    rule = {"name": "children", "when": {"age_years": {"below": 16}}, "then": {"model": "none"}}
    ended = site.run("config", "try", new(site, rules=[rule]))
    assert ended.code == 0
    (row,) = [line for line in ended.out.splitlines() if "1.2.3" in line]
    assert "everything → children" in row
    assert "threshold → nothing" in row
    assert "pacs → nobody" in row
    assert "U? → U" in row
    assert "Findings are those that are kept" in ended.out
    assert "Test^Person" not in ended.out


def test_nothing_is_written_and_no_image_is_read(site: Site) -> None:
    shutil.rmtree(site.folder / "spool")
    database = site.folder / "triaged.db"
    before = hashlib.sha256(database.read_bytes()).hexdigest()
    tried(site, rules=[{"name": "a", "when": {"sex": "O"}, "then": {"ignore": True}}])
    assert hashlib.sha256(database.read_bytes()).hexdigest() == before
    assert not (site.folder / "spool").exists()


def test_a_mistake_in_the_new_file_is_named(site: Site) -> None:
    path = site.folder / "new.yaml"
    path.write_text("rules:\n  - name: a\n    when: {sendr: X}\n    then: {ignore: true}\n", encoding="utf-8")
    ended = site.run("config", "try", str(path))
    assert ended.code == 2
    assert ended.err.startswith(f"{path}:3: rules[0].when.sendr: unknown key; did you mean sender?")


def test_a_database_of_another_version_is_left_alone(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.configure()
    ended = site.run("config", "try", new(site))
    assert ended.code == 2
    assert "expected a database of this version" in ended.err
