"""The command `triaged retain`: deletes what the configuration lets go, or says what that would be.

Prints and parses; what may be deleted is decided elsewhere.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from triaged.cli.configuration import DEFAULT_CONFIG, ConfigFile, opened_database

if TYPE_CHECKING:
    from triaged.config.settings import Config
    from triaged.steps.retain import Planned, Retaining
    from triaged.store.tables.database import Database

_MIB = 1024 * 1024


def retain(
    config: ConfigFile = DEFAULT_CONFIG,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be deleted, and delete nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Delete now the files that `retention` lets go; while the daemon runs, it does so by itself."""
    from triaged.cli import program

    settings = program._load(config)
    now = datetime.now(UTC)
    with opened_database(settings) as database:
        retaining = _retaining(settings, database)
        planned = retaining.planned(now=now)
        sizes = [sum(retaining.size_bytes(each.rule, one) for one in each.due) for each in planned]
        deleted = 0
        while not dry_run and (round_ := retaining.tick(now=now)):
            deleted += round_
    if as_json:
        typer.echo(json.dumps({"deleted": deleted, "rules": list(map(_as_json, planned, sizes))}, indent=2))
        return
    if not planned:
        program.out.print("Nothing is deleted: no rule of retention applies (config.yaml, section retention).")
        return
    table = Table("What", "Rule", "Of", "Files", "MB", "Done first", "Stays, though old enough")
    for each, size in zip(planned, sizes, strict=True):
        first = f"{each.due[0].since:%Y-%m-%d %H:%M}" if each.due else ""
        stays = "; ".join(f"{number}: {why}" for why, number in each.held_back.items())
        of = str(len(each.due))
        table.add_row(each.rule.files.value, each.rule.why, of, str(_files(each)), f"{size / _MIB:.1f}", first, stays)
    program.out.print(table)
    program.out.print("Nothing was deleted." if dry_run else f"Deleted: files of {deleted}.")


def _retaining(settings: Config, database: Database) -> Retaining:
    from triaged.daemon.spools import open_spool, place_of
    from triaged.steps.find_spool import spool_identity
    from triaged.steps.retain import Retaining
    from triaged.store.studies.retention import Retention
    from triaged.store.studies.spool_name import SpoolName

    storage = settings.storage
    identity = spool_identity(SpoolName(database), place_of(storage), now=datetime.now(UTC))
    spool = open_spool(storage, identity)
    return Retaining(Retention(database), spool, settings.retention_options(), monotonic=time.monotonic)


def _files(planned: Planned) -> int:
    return sum(each.files for each in planned.due)


def _as_json(planned: Planned, size_bytes: int) -> dict[str, object]:
    return {
        "what": planned.rule.files.value,
        "rule": planned.rule.why,
        "files": _files(planned),
        "size_bytes": size_bytes,
        "of": [each.name for each in planned.due],
        "held_back": dict(planned.held_back),
    }
