"""The application over a real store with a clinic's worth of studies in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from tests.unit.web.scene import Scene, clinic
from triaged.store.database import Database, open_database
from triaged.store.spool import Spool


@pytest.fixture
def sqlite(sqlite_url: str) -> Iterator[Database]:
    """A fresh database; pages are the same on every kind."""
    opened = open_database(sqlite_url)
    yield opened
    opened.close()


@pytest.fixture
def scene(sqlite: Database, spool: Spool) -> Scene:
    """A store without a study."""
    return Scene(sqlite, spool)


@pytest.fixture
def browser(scene: Scene) -> Iterator[TestClient]:
    """A browser without scripts on the pages of a clinic."""
    with TestClient(clinic(scene).app(), raise_server_exceptions=True) as client:
        yield client
