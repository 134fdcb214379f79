"""What a check of the configuration is: what was tried, what was found, and where in the file that stands.

Knows nothing of what is checked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from triaged.config.settings import Config
from triaged.errors import TriagedError, TryLater
from triaged.store.tables.database import Database, Schema, open_database, schema_of


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried, and what was found; `about` is the key of the configuration that it is of.

    `warns` where it passed and should be looked at all the same. `blocks` where a role cannot run with it; else it may
    be otherwise tomorrow, as a destination that is away. `at` is file and line.
    """

    what: str
    passed: bool
    found: str
    about: str = ""
    warns: bool = False
    blocks: bool = False
    at: str = ""

    @property
    def state(self) -> str:
        """Return how it ended, in a word."""
        return "FAILED" if not self.passed else "warning" if self.warns else "ok"

    def line(self) -> str:
        """Return it as one line, with its place."""
        return f"{self.at}: {self.what}: {self.found}" if self.at else f"{self.what}: {self.found}"


def tried(what: str, work: Callable[[], str], *, about: str = "") -> Check:
    """Return what `work` says, or the error that it raises."""
    try:
        return Check(what, True, work(), about or what)
    except TryLater as later:
        return Check(what, False, str(later), about or what)
    except TriagedError as error:
        return Check(what, False, str(error), about or what, blocks=True)


def parts_of(key: str) -> list[str | int]:
    """Return the parts of a key such as `destinations[0].host`."""
    return [int(number) if number else name for number, name in re.findall(r"\[(\d+)\]|([^.\[\]]+)", key)]


@contextmanager
def store(config: Config) -> Iterator[Database | None]:
    """Open the database where it is there and of this version; None elsewhere. Makes no file."""
    if missing_file(config) is not None:
        yield None
        return
    with closing(open_database(config.database.url)) as database:
        yield database if schema_of(database) is Schema.CURRENT else None


def missing_file(config: Config) -> str | None:
    """Return the file of an SQLite database that is not there, or None."""
    file = database_file(config)
    return str(file) if file is not None and not file.exists() else None


def database_file(config: Config) -> Path | None:
    """Return the file of an SQLite database, or None where it is another one."""
    kind, _, place = config.database.url.partition(":///")
    return Path(place) if kind == "sqlite" else None
