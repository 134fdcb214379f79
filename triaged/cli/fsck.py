"""The command `triaged fsck`: compares the spool with the database, and repairs what may be repaired.

Prints and parses; what agrees and what may be done is decided elsewhere.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from triaged.cli.configuration import DEFAULT_CONFIG, ConfigFile, opened_database

if TYPE_CHECKING:
    from triaged.config.settings import Config
    from triaged.store.tables.database import Database


class Repair(StrEnum):
    """What may be done."""

    ADOPT = "adopt"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class _Line:
    """One file about which spool and database disagree."""

    fault: str
    path: str
    kept_as: str
    repaired: str


def fsck(
    config: ConfigFile = DEFAULT_CONFIG,
    repair: Annotated[
        list[Repair] | None,
        typer.Option(
            help="adopt: give files their rows. remove: files that nobody refers to and that are older than an hour."
        ),
    ] = None,
    digests: Annotated[bool, typer.Option("--digests", help="Read every file, and compare its content too.")] = False,
    older_than_s: Annotated[
        float, typer.Option(min=0, help="Files younger than this may still be on their way.")
    ] = 60.0,
    accept_root: Annotated[
        bool, typer.Option("--accept-root", help="Let the folder or bucket of `storage` be the spool from now on.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Compare the spool with the database; ends with 0 only where all agree, after the repairs that were asked for."""
    from triaged.cli import program

    settings = program._load(config)
    with opened_database(settings) as database:
        if accept_root:
            _accept_root(settings, database)
        lines = _inspected(settings, database, set(repair or ()), digests, timedelta(seconds=older_than_s))
    left = [line for line in lines if not line.repaired]
    if as_json:
        typer.echo(json.dumps({"agree": not left, "files": [asdict(line) for line in lines]}, indent=2))
    else:
        _print(program.out, lines, len(left))
    if left:
        raise typer.Exit(1)


def _accept_root(settings: Config, database: Database) -> None:
    from triaged.daemon.spools import place_of
    from triaged.store.studies.spool_name import SpoolName

    SpoolName(database).replace(place_of(settings.storage).established(), now=datetime.now(UTC))


def _inspected(
    settings: Config, database: Database, repairs: set[Repair], digests: bool, older_than: timedelta
) -> list[_Line]:
    from triaged.daemon.spools import open_spool, place_of
    from triaged.steps.adopt import Adoption
    from triaged.steps.find_spool import spool_identity
    from triaged.steps.inspect_spool import Inspection
    from triaged.steps.ranking_policy import ranking_policy
    from triaged.store.studies.arrivals import Arrivals
    from triaged.store.studies.inventory import Inventory
    from triaged.store.studies.reception import Reception
    from triaged.store.studies.spool_name import SpoolName

    now, storage = datetime.now(UTC), settings.storage
    identity = spool_identity(SpoolName(database), place_of(storage), now=now)
    spool, policy = open_spool(storage, identity), ranking_policy(settings.triage.options())
    adoption = Adoption(Reception(database), Arrivals(database), spool, ranking_policy=policy)
    inspection = Inspection(Inventory(database), spool, adoption)
    adopt, remove = Repair.ADOPT in repairs, Repair.REMOVE in repairs
    lines = []
    for folder in inspection.folders():
        for each in inspection.look(folder, digests=digests, older_than=now - older_than):
            repaired = inspection.repair(each, adopt=adopt, remove=remove, now=now)
            lines.append(_Line(each.fault.value, each.path, each.detail, repaired))
    return lines


def _print(out: Console, lines: list[_Line], left: int) -> None:
    if not lines:
        out.print("Spool and database agree.")
        return
    from triaged.cli.tables import add_row

    table = Table("What", Column("File", overflow="fold"), "Kept as", "Repaired")
    for line in lines:
        add_row(table, line.fault, line.path, line.kept_as, line.repaired or "no")
    out.print(table)
    out.print(f"{len(lines)} file{'' if len(lines) == 1 else 's'}, {left} of them not repaired.")
