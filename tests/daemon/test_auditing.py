"""What a role writes of itself into the audit trail, and the command that prints it."""

from __future__ import annotations

import json
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.site import Site
from triaged.config.monitoring import AuditSection, SyslogSection
from triaged.config.settings import Config
from triaged.daemon.auditing import audit_errands, audited
from triaged.daemon.rooms import Rooms
from triaged.errors import ConfigError
from triaged.spool.files import Spool
from triaged.steps.errand import DeliveryOptions
from triaged.store.roles.configurations import Configurations, Reading, Verdict
from triaged.store.tables.database import Database
from triaged.store.trail.audits import Audits
from triaged.study.audit import Audited, AuditEvent

DAY = timedelta(days=1)


def _rooms(database: Database, spool: Spool, config: Config) -> Rooms:
    return Rooms(config, database, spool)


def _written(database: Database) -> list[tuple[str, str]]:
    rows = Audits(database).since(datetime.now(UTC) - DAY)
    return [(row.event, row.target) for row in rows]


def _fail() -> None:
    raise RuntimeError


def test_a_role_writes_that_it_started_and_stopped_also_after_an_error(database: Database, spool: Spool) -> None:
    rooms, within = _rooms(database, spool, Config()), list[tuple[str, str]]()
    with ExitStack() as stack:
        stack.enter_context(pytest.raises(RuntimeError))
        stack.enter_context(audited(rooms, "courier@a", "courier"))
        within += _written(database)
        _fail()
    assert within == [("role-started", "courier")]
    assert _written(database) == [("role-started", "courier"), ("role-stopped", "courier")]


def test_what_became_of_each_configuration_is_written_with_who_brought_it(database: Database) -> None:
    now = datetime.now(UTC)
    read = [
        Reading(now, "ab" * 32, "web: {}", "root", Verdict.TAKEN),
        Reading(now, "ab" * 32, "web: {}", "root", Verdict.TAKEN),
        Reading(now, "cd" * 32, "web: 1", "ann", Verdict.REJECTED, reason="line 1: expected a mapping"),
    ]
    for reading in read:
        Configurations(database).add(reading)
    rows = [row for row in Audits(database).since(now - DAY) if row.event is AuditEvent.CONFIGURATION]
    assert [(row.person, row.target, row.succeeded) for row in rows] == [
        ("root", "version 1", True),
        ("ann", "version 2", False),
    ]


def test_only_a_repository_that_is_named_is_told(database: Database, spool: Spool, tmp_path: Path) -> None:
    assert audit_errands(_rooms(database, spool, Config()), DeliveryOptions()) == []
    section = SyslogSection(host="127.0.0.1", port=1)
    config = Config(audit=AuditSection(syslog=section))
    assert len(audit_errands(_rooms(database, spool, config), DeliveryOptions())) == 1
    wrong = SyslogSection(host="127.0.0.1", ca_file=tmp_path / "none.pem")
    with pytest.raises(ConfigError, match=r"none\.pem"):
        audit_errands(_rooms(database, spool, Config(audit=AuditSection(syslog=wrong))), DeliveryOptions())


def test_the_command_prints_the_trail_and_that_it_was_read(tmp_path: Path, migrated_sqlite: Path) -> None:
    site = Site(tmp_path)
    site.configure()
    site.fill(migrated_sqlite)
    now = datetime.now(UTC)
    with site.scene() as scene:
        old = Audited(AuditEvent.SIGNED_IN, now - 3 * DAY, person="ann")
        failed = Audited(AuditEvent.SIGNED_IN, now, person="mallory", address="10.0.0.9", succeeded=False)
        Audits(scene.database).record(old, failed)
    said = site.run("audit", "--event", "signed-in")
    assert said.code == 0
    assert "mallory  10.0.0.9" in said.out
    assert "FAILED" in said.out
    assert "ann" not in said.out
    rows = [json.loads(line) for line in site.run("audit", "--since", "7d", "--json").out.splitlines()]
    assert [row["event"] for row in rows] == ["signed-in", "signed-in", "audit-read"]
    assert rows[1]["succeeded"] is False
    assert site.run("audit", "--since", "soon").code == 2
    assert site.run("audit", "--event", "nothing").code == 2
