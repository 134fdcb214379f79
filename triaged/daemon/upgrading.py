"""Brings a database to this version's schema: after a copy of it, and only while no other version works on it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import structlog

from triaged.config.settings import Config
from triaged.daemon.postgresql import dump
from triaged.errors import ConfigError, TryLater
from triaged.store.roles.pulses import Pulses
from triaged.store.roles.upgrades import Upgrade, Upgrades, newer_words
from triaged.store.tables.database import (
    Database,
    Schema,
    has_tables,
    migrate,
    open_database,
    revision_of,
    schema_of,
)
from triaged.store.tables.postgresql import server_of, snapshot
from triaged.store.tables.sqlite import copy_database, file_of

log = structlog.get_logger()

LISTENS_S = 5.0
"""How long nobody may write a pulse: processes do every two seconds."""


def demand_current(database: Database) -> None:
    """Refuse a database with another schema; one without any table gets this version's.

    Raises:
        ConfigError: it is older, or newer; the message says what to do.
    """
    match schema_of(database):
        case Schema.UNKNOWN:
            raise ConfigError(newer_words(database, version("triaged")))
        case Schema.OLDER if has_tables(database):
            found = revision_of(database)
            raise ConfigError(f"database.url: expected this version's schema, found {found}: run `triaged migrate`")
        case Schema.OLDER:
            migrate(database)
        case Schema.CURRENT:
            return


def upgrade_where_needed(config: Config, *, back_up: bool = True, clock: Callable[[], datetime]) -> Upgrade | None:
    """Bring the database to this version's schema; return what was done, None where nothing was to be done.

    Raises:
        ConfigError: another version works on it, or wrote a newer schema; or no copy of it can be made.
        TryLater: it is unreachable.
    """
    database = open_database(config.database.url)
    try:
        if schema_of(database) is not Schema.OLDER or not has_tables(database):
            demand_current(database)
            return None
        _demand_alone(database)
        before = revision_of(database) or ""
        kept = _copied(config, before, clock()) if back_up else ""
        log.info("upgrading the database", schema=before, copy=kept)
        migrate(database)
        done = Upgrade(version("triaged"), before, revision_of(database) or "", kept)
        Upgrades(database).record(done, now=clock())
        log.info("database upgraded", schema=done.revision_after)
        return done
    finally:
        database.close()


def _demand_alone(database: Database) -> None:
    """Refuse while processes of another version write their pulses: they would meet tables that they do not know."""
    pulses = Pulses(database)
    try:
        before = {pulse.name: pulse.beat for pulse in pulses.all()}
    except TryLater:  # a schema without that table
        return
    until = time.monotonic() + LISTENS_S
    while before and time.monotonic() < until:
        time.sleep(min(0.2, LISTENS_S))
        alive = [pulse.name for pulse in pulses.all() if before.get(pulse.name) != pulse.beat]
        if alive:
            names = ", ".join(sorted(alive))
            raise ConfigError(f"expected no other version at work on this database, found {names}: stop it first")


def _copied(config: Config, revision: str, now: datetime) -> str:
    """Copy the database as it is before the upgrade, beside it, or for PostgreSQL beside the spool."""
    url, name = config.database.url, f"before-upgrade-from-{revision}-{now:%Y%m%dT%H%M%S}"
    file = file_of(url)
    if file is not None:
        target = file.with_name(f"{file.name}.{name}")
        copy_database(file, target)
        return str(target)
    target = Path(f"{config.storage.path}.{name}.dump")
    try:
        with snapshot(url) as (seen, _):
            dump(server_of(url), seen, target)
    except ConfigError as error:
        raise ConfigError(f"{error}; with a back-up of your own, run `triaged migrate --without-backup`") from error
    return str(target)
