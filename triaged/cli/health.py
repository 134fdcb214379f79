"""The command `triaged health`: asks a daemon on this machine how it is, as containers and scripts do."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Annotated, Any

import typer

from triaged.cli.configuration import DEFAULT_CONFIG, ConfigFile

_TIMEOUT_S = 5.0
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}


def health(
    config: ConfigFile = DEFAULT_CONFIG,
    ready: Annotated[bool, typer.Option("--ready", help="Only whether studies can be received and read.")] = False,
    live: Annotated[bool, typer.Option("--live", help="Only whether the web role answers.")] = False,
    alive_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Ask the role that was started with it: is it alive, or with --ready: does it serve.",
        ),
    ] = None,
) -> None:
    """Ask the daemon of this configuration how it is: exit code 0 where studies can be received and read, else 1."""
    if alive_file is not None:
        _say(_of_role(alive_file, must_serve=ready))
        return
    from triaged.daemon.versions import version_to_run

    web = version_to_run(config).config.web
    host = _ANYWHERE.get(web.host, web.host)
    address = f"http://{f'[{host}]' if ':' in host else host}:{web.port}/health"
    _say(_asked(address + ("/live" if live else "/ready" if ready else "")))


def _say(found: dict[str, Any]) -> None:
    for cause in found.get("causes", []):
        typer.echo(f"cause: {cause}")
    for warning in found.get("warnings", []):
        typer.echo(f"warning: {warning}")
    typer.echo(f"status: {found['status']}")
    if found["status"] != "ok":
        raise typer.Exit(1)


def _of_role(alive_file: Path, *, must_serve: bool) -> dict[str, Any]:
    from triaged.daemon.alive_file import problem_of

    problem = problem_of(alive_file, must_serve=must_serve, monotonic_s=time.monotonic())
    return {"status": "failing", "causes": [problem]} if problem else {"status": "ok"}


def _asked(address: str) -> dict[str, Any]:
    """Return what the daemon says of itself; that it does not answer is an answer too."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=_TIMEOUT_S) as response:
            return dict(json.load(response))
    except urllib.error.HTTPError as refused:
        with refused:
            return _read(refused.read(), address)
    except (OSError, ValueError) as error:
        return {"status": "no answer", "causes": [f"expected an answer from {address}: {error}"]}


def _read(content: bytes, address: str) -> dict[str, Any]:
    try:
        found = json.loads(content)
        return {"status": str(found["status"]), **found}
    except (ValueError, KeyError, TypeError):
        return {"status": "no answer", "causes": [f"expected the daemon at {address}, found another server"]}
