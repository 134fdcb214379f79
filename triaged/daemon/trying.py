"""Tries a configuration on what came last; composes what the replay needs, opens no engine and writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from triaged.config.settings import Config
from triaged.daemon.examinations import is_of_xrays
from triaged.errors import ConfigError
from triaged.exams.ct.choice import choose as choose_ct
from triaged.exams.xray.choice import choose as choose_xray
from triaged.steps.replay import Reader, Replayed, Settings, replay
from triaged.store.studies.replaying import Replaying
from triaged.store.tables.database import Database, Schema, open_database, schema_of


def try_configuration(today: Config, new: Config, *, last: int, now: datetime) -> list[Replayed]:
    """Return what would become of the `last` studies in today's database under both configurations.

    Raises:
        ConfigError: the database is not one of this version, which only `triaged serve` brings up to date.
        TryLater: it is unreachable.
    """
    database = open_database(today.database.url)
    try:
        _demand_current(database)
        came = Replaying(database).last(last, now=now)
    finally:
        database.close()
    return replay(came, _settings(today), _settings(new))


def _demand_current(database: Database) -> None:
    if schema_of(database) is not Schema.CURRENT:
        raise ConfigError("database.url: expected a database of this version, found another, or none yet")


def _settings(config: Config) -> Settings:
    def readers_of(model: str) -> Sequence[Reader]:
        is_of_xray = bool(model) and is_of_xrays(config, model)
        ct = config.models.ct if is_of_xray or not model else model
        cxr = model if is_of_xray else config.models.cxr
        readers = [Reader(ct, choose_ct)]
        if is_of_xray or config.models.reads_xrays:
            readers.append(Reader(cxr, choose_xray))
        return readers

    names = tuple(each.name for each in config.destinations)
    return Settings(config.ruled(), config.triage.options(), readers_of, names)
