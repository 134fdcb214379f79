"""Lets no unit test wait for the disk: nothing of a test survives a power cut anyway."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest

from triaged.store.tables import sqlite

Prepare = Callable[[Any, object], None]


@pytest.fixture(scope="session", autouse=True)
def durable_sqlite() -> Iterator[Prepare]:
    """Leave out SQLite's waiting; the value is what a connection is prepared with outside of tests."""
    durable = sqlite._prepare_sqlite

    def hasty(connection: Any, record: object) -> None:
        durable(connection, record)
        connection.execute("PRAGMA synchronous=OFF")

    with mock.patch.object(sqlite, "_prepare_sqlite", hasty):
        yield durable
