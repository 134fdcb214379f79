"""Writes a registry for somebody outside the site: read from the store, named by a secret, and written down first."""

from __future__ import annotations

import csv
import stat
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from triaged.errors import ConfigError
from triaged.steps.registry import COLUMNS, LEAST_SECRET, Exported, rows_of
from triaged.store.listing.verdicts import Verdicts
from triaged.store.studies.notified import Notified
from triaged.store.studies.registered import Registered
from triaged.store.tables.database import Database
from triaged.store.trail.audits import Audits
from triaged.study.audit import Audited
from triaged.study.verdict import Said
from triaged.web.figures import text_cell

_MOST = 10_000_000
_MOST_SECRET = 64 * 1024


def secret_in(path: Path) -> bytes:
    """Return the secret that a file holds, without its last line break.

    Raises:
        ConfigError: there is no such file, everybody can read it, or what it holds can be guessed.
    """
    how = "make one: (umask 077; openssl rand -hex 32 > FILE), and keep it as long as the registry"
    try:
        mode = path.stat().st_mode
        with path.open("rb") as file:
            secret = file.read(_MOST_SECRET).rstrip(b"\r\n")
    except OSError as error:
        raise ConfigError(f"--secret: expected a readable file at {path}, found: {error.strerror}; {how}") from None
    if mode & stat.S_IROTH:
        raise ConfigError(f"--secret: expected a file that not everybody can read, found {path}: chmod 600 {path}")
    if len(secret) < LEAST_SECRET:
        raise ConfigError(f"--secret: expected at least {LEAST_SECRET} bytes in {path}, found {len(secret)}; {how}")
    return secret


def export_registry(
    database: Database, out: Path, *, since: datetime, secret: bytes, rare_below: int, asker: Audited
) -> int:
    """Write the registry of the studies that came since a time; return how many there are.

    That it was exported, by whom and why, stands in the audit trail before the file is there: `asker` says so, without
    its detail. The file is whole or not there, and only its owner can read it.

    Raises:
        TryLater: the store is unreachable; nothing was written.
        OSError: the file cannot be written.
    """
    exported = Exported(
        Registered(database).since(since),
        {each.study_id: each for each in Notified(database).since(since, most=_MOST)},
        _by_study(Verdicts(database).since(since, most=_MOST)),
        Registered(database).first_dates(),
        secret,
        rare_below,
    )
    rows = list(rows_of(exported))
    detail = f"{len(rows)} studies since {since.isoformat(timespec='minutes')}"
    Audits(database).record(replace(asker, detail=detail))
    _write(out, [list(COLUMNS), *([text_cell(row[name]) for name in COLUMNS] for row in rows)])
    return len(rows)


def _by_study(said: Iterable[Said]) -> dict[str, list[Said]]:
    found: dict[str, list[Said]] = {}
    for each in said:
        found.setdefault(each.study_uid, []).append(each)
    return found


def _write(path: Path, rows: Sequence[Sequence[object]]) -> None:
    part = path.with_name(f"{path.name}.part")
    part.touch(mode=0o600)
    with part.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    part.replace(path)
