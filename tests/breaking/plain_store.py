"""What a daemon keeps, read by plain means: SQL by sqlite3 or psycopg, files by reading them, the list by its API.

Must not use the code of the store or the spool: what both got wrong in the same way would not be seen.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.programs import Daemon

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class PlainStore:
    """The database and the spool of one daemon."""

    database_url: str
    spool: Path

    def rows(self, query: str) -> list[Row]:
        """Return what a SELECT gives.

        Raises:
            OSError: the database does not answer.
        """
        with _connection(self.database_url) as execute:
            return execute(query)

    def digest(self, relative: str) -> str | None:
        """Return the SHA-256 of the data set in a file of the spool; None where there is no such file."""
        try:
            content = (self.spool / relative).read_bytes()
        except FileNotFoundError:
            return None
        return hashlib.sha256(data_set(content)).hexdigest()

    def whole_digest(self, relative: str) -> str | None:
        """Return the SHA-256 of everything in a file; None where there is none."""
        try:
            return hashlib.sha256((self.spool / relative).read_bytes()).hexdigest()
        except FileNotFoundError:
            return None

    def unfinished(self) -> list[Path]:
        """Return the files that were being written."""
        return sorted(self.spool.rglob("*.part"))


def plain_store(daemon: Daemon) -> PlainStore:
    """Return where a daemon keeps what it has, as its settings say."""
    url = daemon.settings.get("database", {}).get("url", f"sqlite:///{daemon.folder}/var/triaged.db")
    return PlainStore(url, daemon.folder / "var" / "spool")


@contextmanager
def _connection(url: str) -> Iterator[Callable[[str], list[Row]]]:
    try:
        if url.startswith("sqlite:///"):
            path = url.removeprefix("sqlite:///")
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as connection:
                yield lambda query: connection.execute(query).fetchall()
        else:
            with psycopg.connect(url, connect_timeout=10) as server:
                yield lambda query: server.execute(query.encode()).fetchall()
    except (sqlite3.OperationalError, psycopg.OperationalError) as error:
        raise OSError(f"the database does not answer: {error}") from error


def data_set(content: bytes) -> bytes:
    """Return the data set of a DICOM file (PS3.10 7.1): after the preamble, `DICM` and the group 0002."""
    assert content[128:132] == b"DICM", f"expected a DICOM file, found {content[:140]!r}"
    return content[144 + int.from_bytes(content[140:144], "little") :]
