"""`triaged serve`: runs the daemon, or one role of it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from triaged.cli.configuration import DEFAULT_CONFIG, ConfigFile, say_defaults


class RoleName(StrEnum):
    """The processes of a daemon, each of which can be started alone."""

    RECEIVER = "receiver"
    WORKER = "worker"
    ADVISER = "adviser"
    COURIER = "courier"
    CLOCK = "clock"
    WEB = "web"


def serve(
    config: ConfigFile = DEFAULT_CONFIG,
    role: Annotated[RoleName | None, typer.Option(help="Run only this role, in this process.")] = None,
    name: Annotated[
        str | None,
        typer.Option(help="What a role alone is called on this host, in log, health and metrics."),
    ] = None,
    pool: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Which of several pools in `workers` a worker alone is of."),
    ] = None,
    alive_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where a role alone says that it gets on, for `triaged health`."),
    ] = None,
) -> None:
    """Run the daemon until Ctrl-C: every role as a process of its own, or one role alone."""
    from triaged.daemon.logs import configure_logging

    if role is not None:
        if pool is not None and role is not RoleName.WORKER:
            raise typer.BadParameter("expected --role worker with --pool")
        _serve_role(config, role, called=name, pool=pool, alive_file=alive_file)
        return
    if name is not None or pool is not None or alive_file is not None:
        raise typer.BadParameter("expected --role with --name, --pool and --alive-file")
    from triaged.daemon.serving import serve as serve_all
    from triaged.daemon.versions import version_to_run

    version = version_to_run(config)
    say_defaults(config)
    logging, hide = version.config.logging, version.config.secrets.hide
    configure_logging(logging.level, logging.style, "daemon", configuration=version.sha256, hide=hide)
    serve_all(version)


def _serve_role(config: Path, role: RoleName, *, called: str | None, pool: str | None, alive_file: Path | None) -> None:
    """Run one role with what its supervisor handed over, or with the file where a person starts it.

    Where the file asks for several receivers, a person who starts that role gets all of them, and their supervisor.
    """
    from triaged.daemon.handover import handed_over

    version, several = handed_over(), False
    if version is None:
        from triaged.daemon.versions import version_of

        version = version_of(config)
        say_defaults(config)
        several = role is RoleName.RECEIVER and version.config.dicom.receivers > 1
    from triaged.daemon.logs import configure_logging
    from triaged.daemon.naming import own_call
    from triaged.daemon.roles import Role, run_role
    from triaged.daemon.signals import stopping_on_signals

    settings = version.config
    logging, hide = settings.logging, settings.secrets.hide
    shown = own_call(called or role.value) if role is RoleName.RECEIVER else role.value
    configure_logging(logging.level, logging.style, shown, configuration=version.sha256, hide=hide)
    if several:
        from triaged.daemon.only_receivers import serve_receivers

        serve_receivers(version, shown, alive_file)
        return
    with stopping_on_signals() as stop:
        run_role(
            settings,
            Role(role.value),
            stop,
            called=called,
            pool=pool,
            configuration=version.sha256,
            file=version.path,
            alive_file=alive_file,
        )
