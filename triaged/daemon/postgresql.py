"""Runs PostgreSQL's own programs for a back-up of a database, and out of one; knows no tables.

Raises:
    ConfigError: the program is not there.
    TryLater: it failed; the message is its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from triaged.errors import ConfigError, TryLater


def dump(server: Mapping[str, str], snapshot: str, target: Path) -> None:
    """Dump a database as a snapshot of it was."""
    arguments = ["--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}"]
    _run("pg_dump", [*arguments, f"--file={target}"], server)
    os.chmod(target, 0o600)


def load(source: Path, server: Mapping[str, str]) -> None:
    """Bring a dump into a database that is there and empty; all of it or nothing."""
    arguments = ["--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error"]
    _run("pg_restore", [*arguments, f"--dbname={server['PGDATABASE']}", str(source)], server)


def _run(name: str, arguments: Sequence[str], server: Mapping[str, str]) -> None:
    program = shutil.which(name)
    if program is None:
        raise ConfigError(f"expected {name} on the path (package postgresql-client), found none")
    environment = {**os.environ, **server}
    ended = subprocess.run([program, *arguments], env=environment, capture_output=True, text=True, check=False)
    if ended.returncode:
        lines = ended.stderr.strip().splitlines() or ["no message"]
        raise TryLater(f"{name} failed: {lines[-1]}")
