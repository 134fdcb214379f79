"""Two PostgreSQL servers of which the second has everything that the first has confirmed, and may take its place.

Replication is synchronous: a commit returns when the standby has it on its disk too. So nothing that was acknowledged
is lost on a failover, and nothing is committed while there is no standby that counts. Knows no trial.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.breaking.postgres_server import PostgresServer

_CONNECTIONS = 200
_WITHIN_S = 60.0


class PostgresPair:
    """A primary and its standby; after a failover they have changed places."""

    def __init__(self) -> None:
        self.servers = tuple(PostgresServer(connections=_CONNECTIONS) for _ in range(2))
        self._first = 0
        self._is_paired = False

    @property
    def primary(self) -> PostgresServer:
        """Return the one that takes changes, or should."""
        return self.servers[self._first]

    @property
    def standby(self) -> PostgresServer:
        """Return the other one."""
        return self.servers[1 - self._first]

    @property
    def url(self) -> str:
        """Return the address of whichever takes changes, as libpq writes it."""
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in self.servers)
        return f"postgresql://triaged@{hosts}/triaged?target_session_attrs=read-write&connect_timeout=5"

    @property
    def is_paired(self) -> bool:
        """Tell whether the standby has everything."""
        return self._is_paired

    def make(self) -> None:
        """Make both."""
        self.primary.make()
        self.pair()

    def pair(self) -> None:
        """Copy the primary to the other one, which follows it; from then on commits wait for it."""
        self.standby.follow(self.primary)
        self._wait_for_commits_by("'*'")
        deadline = time.monotonic() + _WITHIN_S
        while self.primary.value("SELECT sync_state FROM pg_stat_replication") != "sync":
            if time.monotonic() > deadline:
                raise TimeoutError(f"expected a standby that is synchronous within {_WITHIN_S:.0f} s")
            time.sleep(0.1)
        self._is_paired = True

    def fail_over(self) -> None:
        """Let the primary crash and the standby take its place, alone; `pair` gives it a standby again."""
        assert self._is_paired, "expected a standby that has everything"
        self._is_paired = False
        self.primary.stop()
        self._first = 1 - self._first
        self._wait_for_commits_by("''")
        self.primary.promote()

    def end(self) -> None:
        """Stop both and remove their files."""
        for server in self.servers:
            server.end()

    def _wait_for_commits_by(self, names: str) -> None:
        self.primary.configure(f"synchronous_standby_names = {names}\n")
        self.primary.reload()


@contextmanager
def postgres_pair() -> Iterator[PostgresPair]:
    """Give two servers that run, and end them afterwards."""
    pair = PostgresPair()
    try:
        pair.make()
        yield pair
    finally:
        pair.end()
