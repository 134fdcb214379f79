"""The application over a real store with a clinic's worth of studies in it; pages are the same on every database."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.web.scene import CLINIC_NOW, Scene, clinic
from triaged.spool.files import Spool
from triaged.store.tables.database import Database, open_database


@pytest.fixture
def sqlite(sqlite_url: str) -> Iterator[Database]:
    """A fresh database."""
    opened = open_database(sqlite_url)
    yield opened
    opened.close()


@pytest.fixture
def scene(sqlite: Database, spool: Spool) -> Scene:
    """A store without a study."""
    return Scene(sqlite, spool)


@pytest.fixture(scope="session")
def clinic_folder(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> Path:
    """A filled store, which tests copy."""
    folder = tmp_path_factory.mktemp("clinic")
    shutil.copyfile(migrated_sqlite, folder / "triaged.db")
    with _store(folder) as empty:
        clinic(empty)
    return folder


@pytest.fixture
def filled(clinic_folder: Path, tmp_path: Path) -> Iterator[Scene]:
    """A store with one study of each kind."""
    shutil.copytree(clinic_folder, tmp_path / "clinic")
    with _store(tmp_path / "clinic") as opened:
        opened.now = CLINIC_NOW
        yield opened


@pytest.fixture
def browser(filled: Scene) -> Iterator[TestClient]:
    """A browser without scripts on the pages of a clinic."""
    with TestClient(filled.app()) as client:
        yield client


@contextmanager
def _store(folder: Path) -> Iterator[Scene]:
    database = open_database(f"sqlite:///{folder / 'triaged.db'}")
    yield Scene(database, Spool(folder / "spool", reserve_mb=0))
    database.close()
