"""The command `triaged config try`: what a new configuration would do with the studies that came last."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from triaged.cli.configuration import DEFAULT_CONFIG, ConfigFile

if TYPE_CHECKING:
    from triaged.steps.replay import Replayed


def try_new(
    new: Annotated[Path, typer.Argument(metavar="NEW.yaml", help="The configuration to try.")],
    config: ConfigFile = DEFAULT_CONFIG,
    last: Annotated[int, typer.Option(min=1, max=10_000, help="How many studies, from the newest.")] = 200,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Replay the studies that came last under a new configuration, and compare with today's; changes nothing."""
    from triaged.config.loading import load
    from triaged.daemon.trying import try_configuration
    from triaged.steps.replay import summary

    replayed = try_configuration(load(config), load(new), last=last, now=datetime.now(UTC))
    counts = summary(replayed)
    if as_json:
        typer.echo(json.dumps({"summary": counts, "studies": [_as_json(each) for each in replayed]}, indent=2))
        return
    console = Console(highlight=False, width=200)
    console.print(_table(replayed))
    console.print(_summary(counts))
    if not all(each.new.is_known for each in replayed):
        typer.echo("? the class of a study that waits: nothing has read this one yet")
    typer.echo("Findings are those that are kept: another package may find something else.")


def _table(replayed: Sequence[Replayed]) -> Table:
    from triaged.steps.replay import comparison

    columns = ("Study", "Came", "Sender", "Rule", "Scored by", "Sent to", "Class", "Place")
    table = Table(*(Column(name, overflow="fold") for name in columns))
    for each in replayed:
        said = (each.study_instance_uid, f"{each.at:%Y-%m-%d %H:%M}Z", f"{each.sender} {each.modality}".strip())
        table.add_row(*map(escape, (*said, *comparison(each))))
    return table


def _summary(counts: Mapping[str, int]) -> Table:
    table = Table("Of the studies that came last", Column("How many", justify="right"))
    for name, number in counts.items():
        table.add_row(escape(name), str(number))
    return table


def _as_json(each: Replayed) -> dict[str, Any]:
    return {**asdict(each), "at": each.at.isoformat(), "differences": each.differences()}
