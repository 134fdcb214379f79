"""The store as every role opens it, and what else all roles share; the only place that reads the clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import structlog

from triaged.config.settings import Config
from triaged.daemon.repeated import AWAY_S, Repeated, cause
from triaged.daemon.spools import open_spool, place_of
from triaged.daemon.upgrading import upgrade_where_needed
from triaged.errors import TriagedError, TryLater
from triaged.spool.files import Spool
from triaged.steps.find_spool import spool_identity
from triaged.steps.ranking_policy import ranking_policy
from triaged.store.studies.spool_name import SpoolName
from triaged.store.tables.database import Database, open_database
from triaged.study.ranking_input import RankingPolicy

log = structlog.get_logger()

Result = TypeVar("Result")

IDLE_S = 0.25
"""How long a role rests when there is nothing to do."""
_UNREACHABLE_S = 2.0
_away = Repeated(1, AWAY_S)


@dataclass(frozen=True, slots=True)
class Rooms:
    """The settings, the database that every ledger is opened on, and the files; every role has its own.

    `configuration` is the SHA-256 of the text that the settings come from, `file` where it stands; empty and None where
    that is not known.
    """

    config: Config
    database: Database
    spool: Spool
    configuration: str = ""
    file: Path | None = None


def open_rooms(config: Config, configuration: str = "", file: Path | None = None) -> Rooms:
    """Open the store, creating or upgrading it where needed; the spool may be away, once it has a name.

    Raises:
        TryLater: the database is unreachable, or the spool has no name yet and cannot be found or made.
        ConfigError: the database's address cannot be used, what is there is no database of ours or is newer, or another
            version works on it.
    """
    upgrade_where_needed(config, clock=clock)
    database = open_database(config.database.url)
    try:
        identity = spool_identity(SpoolName(database), place_of(config.storage), now=clock())
        spool = open_spool(config.storage, identity)
    except TriagedError:
        database.close()
        raise
    return Rooms(config, database, spool, configuration, file)


def clock() -> datetime:
    """Return the time; passed on as an argument, so that nobody else reads it."""
    return datetime.now(UTC)


def steady_clock() -> Callable[[], datetime]:
    """Return a clock that shows the time of now plus what has passed since, whatever the wall clock is set to."""
    began, began_s = clock(), time.monotonic()
    return lambda: began + timedelta(seconds=time.monotonic() - began_s)


def policy(config: Config) -> RankingPolicy:
    """Return what ranks studies."""
    return ranking_policy(config.triage.options())


def or_wait(
    work: Callable[[], Result], stop: threading.Event, hindered: Callable[[str], None] = lambda _: None
) -> Result | None:
    """Return what `work` gives, or None after a pause where the store or the spool is unreachable.

    `hindered` is told why, or nothing where the work was done.
    """
    try:
        done = work()
    except TryLater as later:
        _say_away(later)
        hindered(str(later))
        stop.wait(_UNREACHABLE_S)
        return None
    hindered("")
    return done


@contextmanager
def skip_if_unreachable() -> Iterator[None]:
    """Let work be dropped that the next round does again, where the store or the spool is unreachable."""
    try:
        yield
    except TryLater as later:
        _say_away(later)


def _say_away(later: TryLater) -> None:
    left_out = _away.left_out(cause(str(later)))
    if left_out is not None:
        log.warning("store or spool away, will try again", why=str(later), left_out=left_out)
