"""The database's ground moves: file or server are away, other ones, locked, full, read-only, in recovery, hung."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path

import psycopg

from tests.breaking.fault import Fault, Truth
from tests.breaking.mounts import Disk
from tests.breaking.postgres_server import PostgresServer
from tests.breaking.site import NotHere, Site, demand, run, stopped, wait_for


def _move(site: Site, target: Path) -> None:
    """Move the database file with its log, as one would move a database."""
    target.mkdir(exist_ok=True)
    for path in site.database_folder.glob("triaged.db*"):
        path.rename(target / path.name)


def _move_back(site: Site, source: Path) -> None:
    for path in site.database_folder.glob("triaged.db*"):
        path.unlink()
    for path in source.iterdir():
        path.rename(site.database_folder / path.name)


@contextmanager
def _file_removed(site: Site) -> Iterator[None]:
    moved = site.folder / "database-moved"
    _move(site, moved)
    yield
    if site.database_file.exists():
        site.broken.append("the database file was made again while the daemon ran")
    _move_back(site, moved)


@contextmanager
def _file_replaced(site: Site) -> Iterator[None]:
    """Put an empty database in its place, as somebody who restores one may for a moment."""
    moved = site.folder / "database-moved"
    _move(site, moved)
    with closing(sqlite3.connect(site.database_file)) as empty:
        empty.execute("CREATE TABLE restoring (id INTEGER)")
    yield
    _move_back(site, moved)


@contextmanager
def _no_database(site: Site) -> Iterator[None]:
    moved = site.folder / "database-moved"
    _move(site, moved)
    site.database_file.write_text("This is no database.\n" * 500)
    yield
    _move_back(site, moved)


@contextmanager
def _locked(site: Site) -> Iterator[None]:
    with closing(sqlite3.connect(site.database_file, timeout=30, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def _on_disk(site: Site) -> None:
    site.disks["database"] = Disk(site, site.database_folder, options="size=32m")


@contextmanager
def _full(site: Site) -> Iterator[None]:
    ballast = site.disks["database"].fill()
    yield
    ballast.unlink()


def _on_block_device(site: Site) -> None:
    """Put it on ext4, which goes read-only at once after an error, whoever has files open."""
    demand("mkfs.ext4")
    image = site.folder / "database.img"
    with image.open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    run("mkfs.ext4", "-q", image)
    _mount_image(site)


def _mount_image(site: Site) -> None:
    """Mount the image as a device of its own, on which nothing of an earlier mount is left."""
    image = site.folder / "database.img"
    attached = subprocess.run(["losetup", "--find", "--show", image], capture_output=True, text=True)
    if attached.returncode:
        raise NotHere("there are no loop devices here")
    device = attached.stdout.strip()
    site.at_end.append(lambda: run("losetup", "--detach", device))
    run("mount", device, site.database_folder)
    site.at_end.append(lambda: run("umount", "-l", site.database_folder))


@contextmanager
def _read_only(site: Site) -> Iterator[None]:
    """Let the file system give up; a new mount of the same disk, checked, is there afterwards."""
    run("mount", "-o", "remount,abort", site.database_folder)
    yield
    _mount_image(site)


def _on_postgresql(site: Site) -> None:
    try:
        server = PostgresServer()
        site.at_end.append(server.end)
        server.make()
    except (ImportError, OSError, RuntimeError) as error:
        raise NotHere(f"PostgreSQL cannot be started here: {error}") from None
    site.servers["postgresql"] = server
    site.settings["database"]["url"] = server.url


@contextmanager
def _server_down(site: Site) -> Iterator[None]:
    server = site.servers["postgresql"]
    server.stop()
    yield
    server.start()


@contextmanager
def _server_stopped(site: Site) -> Iterator[None]:
    with stopped(site.servers["postgresql"].pids()):
        yield


@contextmanager
def _recovery(site: Site) -> Iterator[None]:
    """Start it from an archive that answers slowly: "the database system is starting up", then it takes no changes."""
    server = site.servers["postgresql"]
    server.stop()
    server.configure("restore_command = 'sleep 10; false'\n")
    (server.data / "recovery.signal").touch()
    server.start(wait="-W")
    yield
    wait_for(server.takes_changes, within_s=120, what="the end of PostgreSQL's recovery")


@contextmanager
def _no_connections(site: Site) -> Iterator[None]:
    """Let it refuse the daemon as it refuses everybody when its connections are used up (SQLSTATE 53300)."""
    server = site.servers["postgresql"]
    server.execute(
        "ALTER ROLE triaged CONNECTION LIMIT 0",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'triaged'",
    )
    yield
    server.execute("ALTER ROLE triaged CONNECTION LIMIT -1")


@contextmanager
def _server_read_only(site: Site) -> Iterator[None]:
    server = site.servers["postgresql"]
    server.execute("ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
    yield
    server.execute(
        "SET default_transaction_read_only = off",
        "ALTER SYSTEM RESET default_transaction_read_only",
        "SELECT pg_reload_conf()",
    )


@contextmanager
def _table_locked(site: Site) -> Iterator[None]:
    with psycopg.connect(site.database_url) as connection:
        connection.execute("LOCK TABLE study IN ACCESS EXCLUSIVE MODE")
        yield
        connection.rollback()


def _on_small_postgresql(site: Site) -> None:
    """Let the server's files be on a small disk of their own."""
    _on_postgresql(site)
    server: PostgresServer = site.servers["postgresql"]
    server.stop()
    kept = server.folder / "kept"
    server.data.rename(kept)
    server.data.mkdir()
    options = "size=160m,mode=0700"
    if os.getuid() == 0:
        options += f",uid={kept.stat().st_uid},gid={kept.stat().st_gid}"
    disk = Disk(site, server.data, options=options)
    run("cp", "-a", f"{kept}/.", server.data)
    site.disks["postgresql"] = disk
    server.start()


@contextmanager
def _server_full(site: Site) -> Iterator[None]:
    """Fill its disk; what that ended is started again afterwards, as its service would be."""
    server: PostgresServer = site.servers["postgresql"]
    ballast = site.disks["postgresql"].fill()
    yield
    ballast.unlink()
    with suppress(RuntimeError):
        server.stop()
    server.start()


Inject = Callable[[Site], AbstractContextManager[None]]


def _postgresql(
    name: str, inject: Inject, prepare: Callable[[Site], None] = _on_postgresql, *, hold_s: float = 25
) -> Fault:
    return Fault(f"PostgreSQL {name}", inject, Truth.NOT_READY, prepare, hold_s=hold_s)


FAULTS = [
    Fault("SQLite file removed", _file_removed, Truth.NOT_READY),
    Fault("SQLite file replaced by an empty one", _file_replaced, Truth.NOT_READY),
    Fault("SQLite file is no database", _no_database, Truth.NOT_READY),
    Fault("SQLite locked for 40 s", _locked, Truth.NOT_READY, hold_s=40),
    Fault("SQLite's disk full", _full, Truth.NOT_READY, _on_disk),
    Fault("SQLite's disk read-only", _read_only, Truth.NOT_READY, _on_block_device),
    _postgresql("down for 60 s", _server_down, hold_s=60),
    _postgresql("hangs (SIGSTOP)", _server_stopped),
    _postgresql("in recovery", _recovery, hold_s=1),
    _postgresql("without free connections", _no_connections),
    _postgresql("read-only", _server_read_only),
    _postgresql("table locked", _table_locked, hold_s=40),
    _postgresql("disk full", _server_full, _on_small_postgresql),
]
