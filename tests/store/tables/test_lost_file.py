"""A database file that is removed or replaced under a running daemon: nothing may be acknowledged into the void."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.store.making import Studies, admit, at, instance
from triaged.errors import TryLater
from triaged.store.tables.database import Database, open_database


@pytest.fixture
def path(sqlite_url: str) -> Path:
    """The file of a migrated database."""
    return Path(sqlite_url.removeprefix("sqlite:///"))


@pytest.fixture
def opened(sqlite_url: str) -> Iterator[Database]:
    """That database, opened."""
    database = open_database(sqlite_url)
    yield database
    database.close()


def test_nothing_is_kept_in_a_file_that_was_removed(opened: Database, path: Path) -> None:
    studies = Studies(opened)
    admit(studies, instance(1, 1))
    _remove(path)
    for number in (2, 3):
        with pytest.raises(TryLater, match=path.name):
            admit(studies, instance(1, number))
    assert not opened.is_alive()
    assert not path.exists()


def test_a_file_that_was_put_in_its_place_is_used_from_then_on(opened: Database, path: Path, tmp_path: Path) -> None:
    studies = Studies(opened)
    empty = tmp_path / "restored.db"
    shutil.copyfile(path, empty)
    admit(studies, instance(1, 1))
    _remove(path)
    empty.rename(path)
    with pytest.raises(TryLater, match=path.name):
        admit(studies, instance(1, 2))
    admit(studies, instance(1, 2))
    other = open_database(f"sqlite:///{path}")
    try:
        with other.read() as connection:
            assert connection.execute(text("SELECT count(*) FROM instance")).scalar_one() == 1
    finally:
        other.close()
    assert studies.receiving(now=at(1))[0].revision == 1


def test_a_file_that_is_no_database_is_one_to_wait_for(opened: Database, path: Path, tmp_path: Path) -> None:
    studies, moved = Studies(opened), tmp_path / "moved.db"
    path.rename(moved)
    path.write_text("No database.\n" * 500, encoding="ascii")
    for number in (1, 2):
        with pytest.raises(TryLater):
            admit(studies, instance(1, number))
    assert not opened.is_alive()
    moved.rename(path)
    admit(studies, instance(1, 3))


def _remove(path: Path) -> None:
    for each in path.parent.glob(f"{path.name}*"):
        each.unlink()
