"""The commands `triaged backup`, `restore`, `verify` and `migrate`; what they do is done elsewhere."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from triaged.cli.configuration import DEFAULT_CONFIG, ConfigFile

_MIB = 1024 * 1024
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the back-up.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def backup(
    folder: Folder,
    config: ConfigFile = DEFAULT_CONFIG,
    copies: Annotated[
        bool, typer.Option("--copy", help="Copy every file, also where a hard link would do, on the same disk.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Copy database, spool and configuration into an empty folder, while the daemon runs."""
    from triaged.cli import program
    from triaged.daemon.backing_up import back_up

    settings = program._load(config)
    text = config.read_text(encoding="utf-8") if config.exists() else ""
    made = back_up(settings, text, folder.resolve(), link=not copies, now=datetime.now(UTC))
    if as_json:
        typer.echo(json.dumps(asdict(made), indent=2))
        return
    typer.echo(f"{made.files} files, {made.size_bytes / _MIB:.1f} MB, {made.linked} of them by hard link: {folder}")
    for path in made.missing:
        typer.echo(f"missing in the spool, and so in the back-up: {path}")
    if made.linked:
        typer.echo("A hard link is no protection from a broken disk: copy the folder to another machine.")


def restore(
    folder: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="The folder of the back-up.")] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    resume: Annotated[
        bool, typer.Option("--resume", help="Send again what waited; without DIR, of a site that was restored before.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Bring a back-up to where the configuration says; ends with 0 only where rows and files agree."""
    from triaged.cli import program

    if folder is None and not resume:
        raise typer.BadParameter("expected the folder of a back-up, or --resume")
    if folder is not None and not config.exists():
        hint = f"copy {folder / 'config.yaml'} and see to database.url and storage.path"
        raise typer.BadParameter(f"expected the configuration of the new place at {config}: {hint}")
    settings = program._load(config)
    agree = True
    if folder is not None:
        from triaged.daemon.restoring import restore as bring_back

        restored = bring_back(settings, folder.resolve(), now=datetime.now(UTC))
        agree = not restored.damaged and not restored.faults
        if as_json:
            faults = [{"fault": each.fault.value, "path": each.path} for each in restored.faults]
            typer.echo(json.dumps({"files": restored.files, "damaged": restored.damaged, "faults": faults}, indent=2))
        else:
            typer.echo(f"{restored.files} files of the back-up of {restored.manifest.at} are back.")
            for name in restored.damaged:
                typer.echo(f"damaged in the back-up: {name}")
            for each in restored.faults:
                typer.echo(f"{each.fault.value}: {each.path}")
    if resume:
        from triaged.cli.outbox import let_go

        let_go(settings)
    elif not as_json:
        typer.echo("Nothing is sent before `triaged restore --resume`: what waited may have been sent since.")
    if not agree:
        raise typer.Exit(1)


def verify(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="The folder of a back-up; without it, the spool.")
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Read every file of a back-up, or of the spool, and compare its digest; ends with 0 only where all agree."""
    if folder is None:
        from triaged.cli.fsck import fsck

        fsck(config, digests=True)
        return
    from triaged.daemon.restoring import damage

    files = bad = 0
    for name, is_whole in damage(folder.resolve()):
        files += 1
        if not is_whole:
            bad += 1
            typer.echo(f"damaged or gone: {name}")
    typer.echo(f"{files} files, {bad} of them damaged or gone.")
    if bad:
        raise typer.Exit(1)


def migrate(
    config: ConfigFile = DEFAULT_CONFIG,
    without_backup: Annotated[
        bool, typer.Option("--without-backup", help="Copy nothing before: you have a back-up of your own.")
    ] = False,
) -> None:
    """Bring the database to the schema of this version; `triaged serve` does it at its start, too."""
    from triaged.cli import program
    from triaged.daemon.upgrading import upgrade_where_needed

    settings = program._load(config)
    done = upgrade_where_needed(settings, back_up=not without_backup, clock=lambda: datetime.now(UTC))
    if done is None:
        typer.echo("The database has this version's schema.")
        return
    kept = f" As it was before: {done.backup}" if done.backup else ""
    typer.echo(f"The database was brought from {done.revision_before} to {done.revision_after}.{kept}")
