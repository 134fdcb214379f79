"""Which folder counts as the spool of a store, from the first start on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.making import NOON, Studies, admit, instance
from triaged.errors import TryLater
from triaged.spool.root import FolderPlace, established, is_marked
from triaged.steps.find_spool import spool_identity
from triaged.store.studies.spool_name import SpoolName
from triaged.store.tables.database import Database


@pytest.fixture
def names(database: Database) -> SpoolName:
    return SpoolName(database)


def test_the_first_start_makes_the_spool_and_names_it(names: SpoolName, tmp_path: Path) -> None:
    identity = spool_identity(names, FolderPlace(tmp_path / "spool"), now=NOON)
    assert identity == established(tmp_path / "spool") == names.known()
    assert spool_identity(names, FolderPlace(tmp_path / "spool"), now=NOON) == identity


def test_a_spool_that_is_there_already_is_adopted_by_a_new_store(names: SpoolName, tmp_path: Path) -> None:
    identity = established(tmp_path / "spool")
    assert spool_identity(names, FolderPlace(tmp_path / "spool"), now=NOON) == identity == names.known()


def test_a_spool_that_has_a_name_is_never_made_again(names: SpoolName, tmp_path: Path) -> None:
    identity = spool_identity(names, FolderPlace(tmp_path / "spool"), now=NOON)
    assert spool_identity(names, FolderPlace(tmp_path / "elsewhere"), now=NOON) == identity
    assert not (tmp_path / "elsewhere").exists()


def test_of_two_that_name_it_at_once_the_first_one_holds(names: SpoolName) -> None:
    assert names.name("a", now=NOON) == "a"
    assert names.name("b", now=NOON) == "a"
    names.replace("b", now=NOON)
    assert names.known() == "b"


def test_a_store_of_an_earlier_version_names_no_empty_mount_point(
    names: SpoolName, database: Database, tmp_path: Path
) -> None:
    kept = instance(1, 1)
    admit(Studies(database), kept)
    root = tmp_path / "spool"
    root.mkdir()
    with pytest.raises(TryLater, match="is it mounted"):
        spool_identity(names, FolderPlace(root), now=NOON)
    assert not is_marked(root)
    (root / kept.path).parent.mkdir(parents=True)
    (root / kept.path).write_bytes(b"kept by an earlier version")
    assert spool_identity(names, FolderPlace(root), now=NOON) == names.known()
    assert is_marked(root)
