"""What happens to hosts: which faults there are, a plan of them that a seed decides, and each from beginning to end.

Knows no promise.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import assert_never

import psycopg

from tests.breaking.hosts import ROLES, Host, Hosts, tell
from tests.breaking.killer import sigkill
from tests.breaking.tcp_proxy import Path as NetworkPath


class Kind(StrEnum):
    """A fault."""

    KILL_HOST = "host killed"
    KILL_ROLE = "role killed"
    STOP_HOST = "host stopped"
    STOP_ROLE = "role stopped"
    CUT_OFF = "host cut off from the database"
    CUT_OFF_FOR_LONG = "host cut off from the database for a minute or more"
    SPOOL_AWAY = "spool away from a host"
    SPOOL_AWAY_FROM_ALL = "spool away from all hosts"
    DATABASE_RESTART = "database crashed and restarted"
    FAILOVER = "failover of the database"
    KILL_ALL = "all hosts killed at once"
    TICKETS_EMPTIED = "tables of tickets emptied"


WEIGHTS: Mapping[Kind, int] = {
    Kind.KILL_HOST: 22,
    Kind.KILL_ROLE: 18,
    Kind.STOP_HOST: 12,
    Kind.STOP_ROLE: 10,
    Kind.CUT_OFF: 14,
    Kind.CUT_OFF_FOR_LONG: 2,
    Kind.SPOOL_AWAY: 7,
    Kind.SPOOL_AWAY_FROM_ALL: 2,
    Kind.DATABASE_RESTART: 5,
    Kind.FAILOVER: 3,
    Kind.KILL_ALL: 2,
    Kind.TICKETS_EMPTIED: 3,
}
"""How often each comes."""
_LASTS_S: Mapping[Kind, tuple[float, float]] = {
    Kind.KILL_HOST: (1, 20),
    Kind.STOP_HOST: (2, 25),
    Kind.STOP_ROLE: (2, 25),
    Kind.CUT_OFF: (2, 25),
    Kind.CUT_OFF_FOR_LONG: (60, 120),
    Kind.SPOOL_AWAY: (2, 15),
    Kind.SPOOL_AWAY_FROM_ALL: (2, 8),
    Kind.DATABASE_RESTART: (0, 6),
    Kind.KILL_ALL: (0, 3),
}
_OF_ONE_HOST = (
    Kind.KILL_HOST,
    Kind.KILL_ROLE,
    Kind.STOP_HOST,
    Kind.STOP_ROLE,
    Kind.CUT_OFF,
    Kind.CUT_OFF_FOR_LONG,
    Kind.SPOOL_AWAY,
)
_PAUSE_S = (0.5, 6.0)
_ALONE_OF = 2
"""One in so many hosts is killed while nothing else happens, with a study in hand: that is when a takeover is timed."""
_WITH_WORKERS = [name for name, roles in ROLES.items() if not roles or "worker" in roles]
_ALONE_LASTS_S = 25.0
"""It is switched on before, once all that it held has been claimed."""
_MOST_IN_HAND_S = 30.0
_TICKETS = ("procrastinate_events", "procrastinate_periodic_defers", "procrastinate_jobs", "procrastinate_workers")


@dataclass(frozen=True, slots=True)
class Fault:
    """One that is planned: `host` is empty where it is nobody's own, `choice` decides whatever else is open."""

    kind: Kind
    host: str
    pause_s: float
    lasts_s: float
    choice: float
    is_alone: bool

    def __str__(self) -> str:
        """Return it for whoever reads what happened."""
        of = f" {self.host}" if self.host else ""
        alone = ", nothing else" if self.is_alone else ""
        return f"{self.kind}{of}, {self.lasts_s:.1f} s, {self.choice:.2f}{alone}"


def plan(
    seeded: random.Random, number: int, *, longest_s: float = float("inf"), without: Collection[Kind] = ()
) -> list[Fault]:
    """Return so many faults: one of each kind first, in any order, then as often as each comes.

    None lasts longer than `longest_s`; of the first ones those `without` are left out.
    """
    kinds_first = [kind for kind in Kind if kind not in without]
    first = seeded.sample(kinds_first, len(kinds_first))
    more = seeded.choices(list(WEIGHTS), weights=list(WEIGHTS.values()), k=max(0, number - len(first)))
    # the first host that is killed is always one whose studies others take over
    kinds = [(kind, kind is Kind.KILL_HOST) for kind in first] + [
        (kind, seeded.randrange(_ALONE_OF) == 0) for kind in more
    ]
    return [_planned(seeded, kind, longest_s, is_alone=is_alone) for kind, is_alone in kinds[:number]]


def _planned(seeded: random.Random, kind: Kind, longest_s: float, *, is_alone: bool) -> Fault:
    is_alone = is_alone and kind is Kind.KILL_HOST
    of = _WITH_WORKERS if is_alone else list(ROLES)
    host = seeded.choice(of) if kind in _OF_ONE_HOST else ""
    lasts_s = min(longest_s, seeded.uniform(*_LASTS_S.get(kind, (0, 0))))
    pause_s, choice = seeded.uniform(*_PAUSE_S), seeded.random()
    return Fault(kind, host, pause_s, _ALONE_LASTS_S if is_alone else lasts_s, choice, is_alone)


Undo = Callable[[], None]


class Faults:
    """Begins faults; each returns what ends it, which is called once its time is over."""

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts

    def begin(self, fault: Fault) -> Undo:
        """Let it happen."""
        host = self._hosts.by_name[fault.host] if fault.host else None
        if host is None:
            return self._of_all(fault)
        match fault.kind:
            case Kind.KILL_HOST:
                if fault.is_alone:
                    self._stop_with_study(host)
                host.kill()
                return host.start
            case Kind.STOP_HOST:
                host.stop()
                return host.go_on
            case Kind.KILL_ROLE | Kind.STOP_ROLE:
                return _of_role(host, fault)
            case Kind.CUT_OFF | Kind.CUT_OFF_FOR_LONG:
                ways = (NetworkPath.REFUSED, NetworkPath.RESET, NetworkPath.SWALLOWED, NetworkPath.SWALLOWED)
                host.reach_database(ways[int(fault.choice * len(ways))])
                return lambda: host.reach_database(NetworkPath.OPEN)
            case _:
                host.lose_spool(leaves_folder=fault.choice < 0.5)
                return host.find_spool

    def _of_all(self, fault: Fault) -> Undo:
        hosts = self._hosts
        match fault.kind:
            case Kind.SPOOL_AWAY_FROM_ALL:
                there, elsewhere = hosts.folder / "spool", hosts.folder / "spool-unmounted"
                there.rename(elsewhere)
                return lambda: _rename(elsewhere, there)
            case Kind.DATABASE_RESTART:
                hosts.pair.primary.stop()
                return hosts.pair.primary.start
            case Kind.FAILOVER:
                hosts.pair.fail_over()
                return hosts.pair.pair
            case Kind.KILL_ALL:
                hosts.kill()
                return hosts.start_all
            case Kind.TICKETS_EMPTIED:
                self._empty_tickets()
                return lambda: None
            case (
                Kind.KILL_HOST
                | Kind.KILL_ROLE
                | Kind.STOP_HOST
                | Kind.STOP_ROLE
                | Kind.CUT_OFF
                | Kind.CUT_OFF_FOR_LONG
                | Kind.SPOOL_AWAY
            ):
                raise AssertionError(f"expected a host of {fault}")
            case _:
                assert_never(fault.kind)

    def _stop_with_study(self, host: Host) -> None:
        """Stop a host while one of its workers has a study in hand, if it gets one soon."""
        deadline = time.monotonic() + _MOST_IN_HAND_S
        held = f"SELECT 1 FROM study WHERE state = 'ANALYSING' AND worker LIKE '%@ct-{host.name}/%'".encode()
        with psycopg.connect(self._hosts.pair.url, autocommit=True) as connection:
            while time.monotonic() < deadline:
                if connection.execute(held).fetchall():
                    host.stop()
                    if connection.execute(held).fetchall():
                        return
                    host.go_on()  # it had just committed: once more
                time.sleep(0.01)

    def _empty_tickets(self) -> None:
        with psycopg.connect(self._hosts.pair.url, autocommit=True) as connection:
            connection.execute("SET lock_timeout = '60s'")  # the server may not have missed yet who is gone
            connection.execute(f"TRUNCATE {', '.join(_TICKETS)}".encode())


def _of_role(host: Host, fault: Fault) -> Undo:
    """Kill or stop one process of a host."""
    running: Sequence[int] = sorted(host.roles())
    if not running:
        return lambda: None
    pid = running[int(fault.choice * len(running))]
    if fault.kind is Kind.KILL_ROLE:
        sigkill(pid)
        return lambda: None
    tell(pid, signal.SIGSTOP)
    return lambda: tell(pid, signal.SIGCONT)


def _rename(folder: Path, to: Path) -> None:
    folder.rename(to)
