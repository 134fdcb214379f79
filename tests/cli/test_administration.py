"""Administrators' commands: the same actions as on their page, with the account of the machine and a reason."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime, timedelta

from tests.cli.site import Site
from triaged.store.roles.pauses import Pauses
from triaged.store.trail.audits import Audits
from triaged.study.audit import Audited, AuditEvent


def _done(site: Site) -> list[Audited]:
    with site.scene() as scene:
        rows = Audits(scene.database).since(datetime.now(UTC) - timedelta(hours=1))
    return [row for row in rows if row.event is AuditEvent.ADMINISTRATION]


def test_a_pause_is_made_and_ended_with_its_reason(site: Site) -> None:
    paused = site.run("pause", "receiving", "--reason", "the disk is replaced")
    assert (paused.code, paused.err) == (0, "")
    assert f"receiving is paused by {getpass.getuser()}: the disk is replaced" in paused.out
    with site.scene() as scene:
        assert [each.words for each in Pauses(scene.database).all()] == [paused.out.strip().removesuffix(".")]
    assert site.run("resume", "receiving").code == 0
    again = site.run("resume", "receiving")
    assert (again.code, "not paused" in again.err) == (1, True)
    assert [(row.detail, row.reason, row.succeeded) for row in _done(site)] == [
        ("pause receiving", "the disk is replaced", True),
        ("resume receiving", "not given, by a script", True),
        ("resume receiving", "not given, by a script", False),
    ]


def test_the_quarantine_is_listed_shown_and_settled_by_number(site: Site) -> None:
    number = site.run("quarantine", "list").out.split()[0]
    shown = site.run("quarantine", "show", number).out
    assert "reason: " in shown
    assert "sha256: " in shown
    refused = site.run("quarantine", "release", number, "--set", "StudyInstanceUID")
    assert (refused.code, "expected Keyword=value" in refused.err) == (1, True)
    assert site.run("quarantine", "show", "999").code == 1


def test_a_study_that_is_complete_cannot_be_completed_again(site: Site) -> None:
    assert site.run("complete", "1.2.826.0.1.3").code == 1
    assert site.run("test", "nowhere").code == 1
