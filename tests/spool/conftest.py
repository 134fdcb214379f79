"""Places where a spool is kept: a folder, and a bucket in a store of objects of this test session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.spool.object_store import ObjectStore, object_store
from tests.spool.places import OneBucket, SharedFolder


@pytest.fixture(scope="session")
def one_store() -> Iterator[ObjectStore]:
    """A store of objects."""
    with object_store() as store:
        yield store


@pytest.fixture
def store(one_store: ObjectStore) -> Iterator[ObjectStore]:
    """The store, which works when a test begins."""
    one_store.door.requests.clear()
    yield one_store
    one_store.door.works_again()


@pytest.fixture
def folder_place(tmp_path: Path) -> SharedFolder:
    """A folder that is a spool."""
    return SharedFolder(tmp_path / "spool")


@pytest.fixture
def bucket_place(tmp_path: Path, store: ObjectStore) -> OneBucket:
    """A bucket that nobody has used."""
    return OneBucket(store, store.new_bucket(), tmp_path)
