"""What a daemon has kept, read from its database and its files by plain means: SQL, `open`, pydicom.

Knows nothing of the product but the names of two tables.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

from tests.breaking.modality import digest_of

_INSTANCES = "SELECT sop_instance_uid, path FROM instance"
_STATES = "SELECT study_uid, state, reason FROM study"


def lost(acknowledged: Mapping[str, str], database_url: str, spool: Path) -> list[str]:
    """Return what is wrong with instances that were acknowledged: no row, no file, or another content."""
    paths = dict(rows(database_url, _INSTANCES))
    found = {uid: _what_is_wrong(uid, digest, paths, spool) for uid, digest in acknowledged.items()}
    return [f"{uid}: {what}" for uid, what in found.items() if what]


def states(database_url: str) -> dict[str, tuple[str, str]]:
    """Return state and reason of every study."""
    return {uid: (state, reason) for uid, state, reason in rows(database_url, _STATES)}


def _what_is_wrong(uid: str, digest: str, paths: Mapping[str, str], spool: Path) -> str:
    if uid not in paths:
        return "acknowledged, but no row"
    path = spool / paths[uid]
    if not path.is_file():
        return f"acknowledged, but no file {paths[uid]}"
    return "" if digest_of(path.read_bytes()) == digest else f"acknowledged, but another content in {paths[uid]}"


def rows(database_url: str, query: str) -> Sequence[Any]:
    """Return what a query finds."""
    if database_url.startswith("sqlite"):
        path = database_url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as connection:
            return connection.execute(query).fetchall()
    with psycopg.connect(database_url) as connection:
        return connection.execute(query.encode()).fetchall()
