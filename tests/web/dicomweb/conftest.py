"""Two studies, made once and read by all tests: a chest with its result objects, and images of odd kinds."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.results.ct_study import provenance
from tests.web.dicomweb.site import STUDY, chest, odd_files, publish, receive
from tests.web.scene import CLINIC_NOW, Scene
from triaged.results.instance import ResultObject
from triaged.spool.files import Spool
from triaged.store.tables.database import open_database


@pytest.fixture(scope="session")
def chest_files() -> list[bytes]:
    """The files of the chest as they were sent, the lowest slice first."""
    return chest()[1]


@pytest.fixture(scope="session")
def chest_objects() -> tuple[ResultObject, ...]:
    """The result objects of the chest that are current."""
    return chest()[0].objects()


@pytest.fixture(scope="session")
def superseded() -> tuple[ResultObject, ...]:
    """The result objects of the chest that were published before."""
    study, _ = chest()
    return study.objects(provenance=provenance(study.sources, scheme_version="2"))


@pytest.fixture(scope="session")
def odd() -> dict[str, bytes]:
    """Files of images, by what is odd with them."""
    return odd_files()


@pytest.fixture(scope="session")
def site_folder(
    tmp_path_factory: pytest.TempPathFactory,
    migrated_sqlite: Path,
    chest_files: list[bytes],
    superseded: tuple[ResultObject, ...],
    chest_objects: tuple[ResultObject, ...],
    odd: dict[str, bytes],
) -> Path:
    """A filled store, which tests that write copy."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copyfile(migrated_sqlite, folder / "triaged.db")
    scene = open_scene(folder)
    receive(scene, chest_files)
    publish(scene, STUDY, superseded)
    publish(scene, STUDY, chest_objects)
    receive(scene, list(odd.values()))
    scene.database.close()
    return folder


def open_scene(folder: Path) -> Scene:
    """Open the store in a folder."""
    database = open_database(f"sqlite:///{folder / 'triaged.db'}")
    return Scene(database, Spool(folder / "spool", reserve_mb=0), CLINIC_NOW)


@pytest.fixture(scope="session")
def site(site_folder: Path) -> Iterator[Scene]:
    """The store, for tests that only read."""
    scene = open_scene(site_folder)
    yield scene
    scene.database.close()


@pytest.fixture(scope="session")
def client(site: Scene) -> Iterator[TestClient]:
    """A program that asks."""
    with TestClient(site.app()) as program:
        yield program
