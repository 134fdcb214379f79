"""The command line as a person or a script uses it, on a configuration of its own.

It runs in this process; that it does the same in one of its own stands in `tests/flow/test_command_line.py`.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.site import Site, run
from tests.web.scene import OPTIONS
from triaged.steps.ranking_policy import ranking_policy
from triaged.store.listing.policies import Policies
from triaged.triage.scheme import described

COMMANDS = ("serve", "demo", "check", "status", "worklist", "requeue", "resend", "phantom", "radiograph", "user")


@pytest.fixture(scope="module")
def filled_site(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> Site:
    """A site with a clinic's worth of studies; tests that change it take `own_site`."""
    site = Site(tmp_path_factory.mktemp("site"))
    site.configure()
    site.fill(migrated_sqlite)
    return site


@pytest.fixture
def own_site(filled_site: Site, tmp_path: Path) -> Site:
    """A copy of the filled site."""
    shutil.copytree(filled_site.folder, tmp_path / "site")
    return Site(tmp_path / "site")


@pytest.fixture
def new_site(tmp_path: Path) -> Site:
    """A site on which nothing has run yet."""
    site = Site(tmp_path)
    site.configure()
    return site


def test_every_command_is_listed_and_takes_a_configuration_file() -> None:
    listed = run("--help").out
    for command in COMMANDS:
        assert re.search(rf"\b{command}\b", listed)
    for command in ("serve", "resend"):
        assert "--config" in run(command, "--help").out


def test_a_mistake_in_the_configuration_is_said_in_one_line_and_ends_with_2(new_site: Site) -> None:
    new_site.config.write_text("dicom:\n  prot: 104\n", encoding="utf-8")
    ended = new_site.run("worklist")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"{new_site.config}:2: dicom.prot: unknown key; did you mean port?")
    assert len(ended.err.splitlines()) == 1


def test_a_configuration_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    ended = run("status", "--config", str(tmp_path / "absent.yaml"))
    assert ended.code == 2
    assert "absent.yaml: expected a readable configuration file, found: No such file or directory" in ended.err


@pytest.mark.parametrize(
    ("command", "code"), [(("worklist",), 2), (("phantom", "--severity", "none", "--out", "/proc/nowhere"), 1)]
)
def test_a_place_that_cannot_be_written_is_said_in_one_line(
    new_site: Site, command: tuple[str, ...], code: int
) -> None:
    new_site.configure(database={"url": "sqlite:////proc/nowhere/triaged.db"})
    ended = new_site.run(*command)
    assert (ended.code, ended.out) == (code, "")
    assert "/proc/nowhere" in ended.err
    assert len(ended.err.splitlines()) == 1


def test_the_environment_can_name_the_configuration_file(filled_site: Site) -> None:
    ended = run("status", "--json", TRIAGED_CONFIG=str(filled_site.config))
    assert json.loads(ended.out)["studies"]["TRIAGED"] == 6


def test_the_worklist_is_json_in_reading_order_for_programs(filled_site: Site) -> None:
    ended = filled_site.run("worklist", "--json")
    assert (ended.code, ended.err) == (0, "")
    entries = json.loads(ended.out)
    assert [entry["class"] for entry in entries] == ["E0", "A", "B", "C", "D", "C'", "U", "U", "U", "N"]
    assert entries[1]["severity_left"] == 0.81


def test_the_worklist_is_a_table_for_people(filled_site: Site) -> None:
    lines = [line for line in filled_site.run("worklist").out.splitlines() if re.match(r"│ +\d", line)]
    cells = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]
    assert cells[1][:3] == ["2", "A critical", "left lung 81 %, experimental P 0.97 ≥ 0.62"]
    assert cells[1][4:] == ["García López, José", "CT", "54 %", "81 %", "computed CT-4", "scored"]


def test_a_hostile_name_can_neither_style_nor_steer_the_terminal(own_site: Site) -> None:
    with own_site.scene() as scene:
        scene.arrive(77, minutes=25, name="[red]Evil[/]\x1b[2J^Name")
    out = own_site.run("worklist").out
    assert "\x1b" not in out
    assert "[red]Evil[/]" in out


def test_the_counts_say_what_waits_for_a_person(filled_site: Site) -> None:
    counts = json.loads(filled_site.run("status", "--json").out)
    assert counts["studies"]["FAILED"] == 1
    assert counts["quarantined"] == 1
    table = filled_site.run("status").out
    assert re.search(r"studies FAILED +│ +1 ", table)
    assert re.search(r"quarantined +│ +1 ", table)


def test_a_store_that_does_not_exist_yet_is_an_empty_list(new_site: Site) -> None:
    assert json.loads(new_site.run("worklist", "--json").out) == []


def test_a_requeued_study_waits_for_analysis_again(own_site: Site) -> None:
    ended = own_site.run("requeue", "1.2.826.0.1.5")
    assert (ended.code, ended.out) == (0, "1.2.826.0.1.5 waits for analysis again.\n")
    with own_site.scene() as scene:
        entry = scene.worklist.entry("1.2.826.0.1.5")
        assert entry is not None
        assert (entry.state, entry.revision) == ("READY", 2)


@pytest.mark.parametrize(
    ("uid", "said"),
    [
        ("1.2.3", "found none with the Study Instance UID 1.2.3"),
        ("1.2.826.0.1.9", "REQUEUED cannot happen to a study that is RECEIVING"),
    ],
)
def test_a_study_that_cannot_be_requeued_is_said_in_one_line_and_ends_with_1(
    filled_site: Site, uid: str, said: str
) -> None:
    ended = filled_site.run("requeue", uid)
    assert (ended.code, ended.out) == (1, "")
    assert said in ended.err
    assert len(ended.err.splitlines()) == 1


def test_dead_letters_are_sent_again_when_asked_for(own_site: Site) -> None:
    with own_site.scene() as scene:
        item = scene.outbox.claim_due("courier", lease_s=60, now=scene.now.replace(hour=13))
        assert item is not None
        scene.outbox.dead(item, error="refused", now=scene.now)
    for option, value, expected in (("--destination", "other", "pacs"), ("--study", "1.2.3", "1.2.3")):
        ended = own_site.run("resend", option, value)
        assert (ended.code, ended.out) == (1, "")
        assert value in ended.err
        assert expected in ended.err
    assert own_site.run("resend").out == "1 object will be sent again.\n"
    with own_site.scene() as scene:
        assert scene.outbox.dead_items() == []


def test_the_list_says_above_its_rows_that_its_order_is_not_trusted(own_site: Site) -> None:
    with own_site.scene() as scene:
        policies, policy = Policies(scene.database), ranking_policy(OPTIONS)
        policies.trust(described(OPTIONS), ["too many failed"], policy, cause="not trusted", now=datetime.now(UTC))
    said, table = own_site.run("worklist").out.split("┏", 1)
    assert "Not ordered by findings" in said
    assert "Why: too many failed." in " ".join(said.split())
    assert "Not ordered by findings" not in table
    assert isinstance(json.loads(own_site.run("worklist", "--json").out), list)


def test_a_check_of_a_good_site_passes(new_site: Site) -> None:
    ended = new_site.run("check")
    assert ended.code == 0, ended.out
    assert "FAILED" not in ended.out
    assert not (new_site.folder / "triaged.db").exists()


@pytest.mark.parametrize(
    ("spacing", "code", "told"),
    [("[2.0, 2.0]", 0, "simple 1 matches its manifest, runs on cpu"), ("[2.0, 1.5]", 1, "expected square pixels")],
)
def test_a_check_refuses_a_package_that_no_worker_could_use(new_site: Site, spacing: str, code: int, told: str) -> None:
    pytest.importorskip("onnx", reason="writing graphs needs onnx: pip install triaged[lab]")
    from tests.inference.packages import write_package

    package = new_site.folder / "models" / "simple"
    package.mkdir(parents=True)
    manifest = write_package(package)
    (package / "manifest.yaml").write_text(manifest.replace("[2.0, 2.0]", spacing))
    new_site.configure(models={"ct": "simple", "folder": "models"}, inference={"device": "cpu"})
    ended = new_site.run("check")
    assert ended.code == code
    assert told in " ".join(ended.out.split())


def test_a_check_says_whether_the_schema_is_of_this_version(own_site: Site) -> None:
    assert "sqlite answers, its schema is up to date" in own_site.run("check").out
    with sqlite3.connect(own_site.folder / "triaged.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'r9999'")
    connection.close()
    ended = own_site.run("check")
    assert ended.code == 1
    assert "expected a schema that this version knows" in ended.out
