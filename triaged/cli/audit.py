"""The command `triaged audit`: prints who did and saw what; reading it is itself written down."""

from __future__ import annotations

import getpass
import json
import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from triaged.cli.configuration import DEFAULT_CONFIG, ConfigFile, opened_database
from triaged.errors import ConfigError

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def audit(
    config: ConfigFile = DEFAULT_CONFIG,
    since: Annotated[str, typer.Option(metavar="TIME|24h", help="From when: 30m, 24h, 7d, or a time in UTC.")] = "24h",
    event: Annotated[str | None, typer.Option(metavar="EVENT", help="Only this, such as study-viewed.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line, for programs.")] = False,
) -> None:
    """Print the audit trail: who did, saw or was sent what; the oldest first."""
    from triaged.config.loading import load
    from triaged.steps.trail import Trail
    from triaged.store.trail.audits import Audits
    from triaged.study.audit import AuditEvent

    now = datetime.now(UTC)
    begin = begin_of(since, now)
    if event is not None and event not in set(AuditEvent):
        raise ConfigError(f"--event: expected one of {', '.join(AuditEvent)}, found {event}")
    with opened_database(load(config)) as database:
        audits = Audits(database)
        found = [entry for entry in audits.since(begin) if event in (None, entry.event)]
        Trail(audits, "command", lambda: now).record(AuditEvent.AUDIT_READ, person=getpass.getuser(), target=since)
    for entry in found:
        values = {**asdict(entry), "at": entry.at.isoformat()}
        if as_json:
            typer.echo(json.dumps(values))
            continue
        said = [entry.event, entry.person, entry.address, entry.study_uid, entry.target, entry.detail, entry.reason]
        failed = "" if entry.succeeded else "FAILED"
        typer.echo("  ".join([f"{entry.at:%Y-%m-%d %H:%M:%S}", *filter(None, [*said, failed])]))


def begin_of(text: str, now: datetime) -> datetime:
    """Return the time from which `--since` asks; `ConfigError` where it says none."""
    if found := re.fullmatch(r"(\d{1,5})([mhd])", text):
        return now - timedelta(**{_UNITS[found[2]]: int(found[1])})
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--since: expected 30m, 24h, 7d or a time like 2026-03-01T12:00, found {text}") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
