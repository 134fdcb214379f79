"""What waits for a destination that is gone is seen, moved, dropped, and no edit loses it unsaid."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.cli.site import Site
from triaged.store.trail.audits import Audits
from triaged.study.audit import AuditEvent

AGES_AGO = datetime(2000, 1, 1, tzinfo=UTC)
ELSEWHERE = {"name": "archive", "ae_title": "ARCHIVE", "host": "127.0.0.1", "port": 104}


def _waiting(site: Site) -> dict[str, tuple[int, str]]:
    rows = json.loads(site.run("outbox", "list", "--json").out)
    return {row["name"]: (row["objects"], row["known"]) for row in rows if row["objects"]}


def _stranded(site: Site) -> list[dict[str, Any]]:
    ended = site.run("check", "--json", "--only", "retired")
    return [row for row in json.loads(ended.out)["checks"] if row["what"].startswith("waiting for")]


def test_what_waits_for_a_name_that_is_gone_is_a_row_that_fails_with_its_line(site: Site) -> None:
    ((name, (number, known)),) = _waiting(site).items()
    assert known == "no"
    (row,) = [row for row in _stranded(site) if row["what"] == f"waiting for {name}"]
    assert (row["passed"], row["blocks"]) == (False, True)
    assert f"{number} object" in row["found"]
    assert row["at"] == f"{site.config}:1"


@pytest.mark.parametrize("then", ["drop", "hold"])
def test_it_passes_where_the_configuration_says_what_becomes_of_it(site: Site, then: str) -> None:
    site.configure(retired={row["what"].removeprefix("waiting for "): then for row in _stranded(site)})
    assert all(row["passed"] for row in _stranded(site))


def test_it_is_moved_to_another_that_there_is(site: Site) -> None:
    ((name, (number, _)),) = _waiting(site).items()
    assert site.run("outbox", "move", "--from", name, "--to", "archive").code == 1
    site.configure(destinations=[ELSEWHERE])
    assert "will be sent to archive" in site.run("outbox", "move", "--from", name, "--to", "archive").out
    moved = _waiting(site)
    assert name not in moved
    assert moved["archive"][0] >= number


def test_it_is_dropped_by_name(site: Site) -> None:
    ((name, _),) = _waiting(site).items()
    assert site.run("outbox", "drop", "nobody").code == 1
    assert site.run("outbox", "drop", name).code == 0
    assert _waiting(site) == {}


def test_who_moved_or_dropped_it_and_why_is_written_down(site: Site) -> None:
    ((name, _),) = _waiting(site).items()
    assert site.run("outbox", "drop", name, "--reason", "the old archive is gone").code == 0
    with site.scene() as scene:
        (row,) = [each for each in Audits(scene.database).since(AGES_AGO) if each.event is AuditEvent.ADMINISTRATION]
    assert (row.detail, row.target, row.reason) == ("drop what waits", name, "the old archive is gone")
