"""`triaged config log`, `show`, `diff` and `rollback`, on a store that has seen some configurations."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.site import Site
from triaged.daemon.versions import hash_of, restored
from triaged.errors import ConfigError
from triaged.store.roles.configurations import Configurations, Reading, Verdict

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)


def _reading(text: str, verdict: Verdict = Verdict.TAKEN, why: str = "", difference: str = "") -> Reading:
    return Reading(AT, hash_of(text), text, "root", verdict, difference, why)


@pytest.fixture
def site(tmp_path: Path, migrated_sqlite: Path) -> Site:
    """A site whose third configuration is in force, after one that was rejected."""
    made = Site(tmp_path)
    made.configure()
    (tmp_path / "triaged.db").write_bytes(migrated_sqlite.read_bytes())
    text = made.config.read_text()
    with made.scene() as scene:
        kept = Configurations(scene.database)
        kept.add(_reading(text))
        kept.add(_reading("workres: 2\n", Verdict.REJECTED, why="config.yaml:1: workres: unknown key"))
        kept.add(_reading(text.replace("{", "{\n", 1), difference="workers: 1 → 2"))
    made.config.write_text(text.replace("{", "{\n", 1))
    return made


def test_the_log_says_what_became_of_each_and_what_it_changes(site: Site) -> None:
    found = json.loads(site.run("config", "log", "--json").out)
    assert [(each["number"], each["verdict"]) for each in found] == [(3, "taken"), (2, "rejected"), (1, "taken")]
    assert found[0]["difference"] == ["workers: 1 → 2"]
    assert found[1]["reason"] == ["config.yaml:1: workres: unknown key"]
    assert "3 *" in site.run("config", "log").out


def test_one_is_shown_and_compared_with_the_file(site: Site) -> None:
    assert site.run("config", "show", "2").out == "workres: 2\n"
    assert site.run("config", "diff").out == ""
    assert "-workres: 2" in site.run("config", "diff", "2", "3").out
    assert site.run("config", "show", "9").code == 2


def test_a_rollback_writes_what_was_taken_and_keeps_the_mode_of_the_file(site: Site) -> None:
    first = site.run("config", "show", "1").out
    site.config.chmod(0o600)
    assert site.run("config", "rollback", "1").code == 0
    assert site.config.read_text() == first
    assert site.config.stat().st_mode & 0o777 == 0o600


def test_a_rollback_to_what_is_no_configuration_writes_nothing(site: Site) -> None:
    before = site.config.read_text()
    assert site.run("config", "rollback", "2").code == 2
    assert site.config.read_text() == before


def test_a_password_that_is_not_kept_comes_from_the_file_or_not_at_all() -> None:
    kept = "workers: 2\ndatabase:\n  url: postgresql://...@h/d\n"
    present = "database:\n  url: postgresql://u:p@ss@h/d\n"
    assert restored(kept, present, what="version 1") == "workers: 2\n" + present
    with pytest.raises(ConfigError, match=r"version 1:3: expected a password that the file still has"):
        restored(kept, "workers: 1\n", what="version 1")


def test_the_same_end_twice_in_a_row_is_kept_once_and_nothing_is_ever_changed(site: Site) -> None:
    with site.scene() as scene:
        kept = Configurations(scene.database)
        again = _reading("workres: 2\n", Verdict.REJECTED)
        assert kept.add(again) == kept.add(again) == 4
        assert kept.in_force() == kept.one(3)
        assert kept.number_of(hash_of(site.config.read_text()), at=AT) == 3
