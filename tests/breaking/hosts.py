"""Three hosts that share a database and a spool, as process groups of this machine with host names of their own.

One runs everything below a supervisor, the others some roles alone, as units of systemd do; every role runs on two of
them. Each reaches the database through proxies and the spool by a name of its own, so that each can be cut off alone.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.breaking.killer import LONGEST_STEP_S, sigkill
from tests.breaking.postgres_pair import PostgresPair
from tests.breaking.processes import tree
from tests.breaking.senders import Address
from tests.breaking.tcp_proxy import Path as NetworkPath
from tests.breaking.tcp_proxy import Proxies, Proxy
from tests.breaking.trial import Trial
from tests.ports import free_port
from tests.programs import Daemon
from triaged.daemon.naming import HOST_VARIABLE

ROLES: Mapping[str, Sequence[str]] = {"a": (), "b": ("receiver", "clock", "web"), "c": ("worker", "courier")}
"""What runs on which host: nothing in particular is everything, below a supervisor."""
_ENDS_S = 90.0
_RESTS_S = 1.0
"""How long a role alone rests before it is started again, as units do."""


class Host:
    """One host of the cluster; `trial` counts what happens to it."""

    def __init__(self, trial: Trial, name: str, folder: Path, settings: dict[str, Any], proxies: Sequence[Proxy]):
        self.trial, self.name, self.proxies = trial, name, proxies
        self.shared_spool, self.spool = folder / "spool", folder / name / "spool"
        self.is_down = True
        """Whether it is meant to be without power."""
        self.killed_at = datetime.min.replace(tzinfo=UTC)
        (folder / name).mkdir(parents=True)
        self.spool.symlink_to(self.shared_spool)
        self.dicom_port, self.web_port = free_port(), free_port()
        hosts = "&".join(f"host=127.0.0.1:{proxy.port}" for proxy in proxies)
        own = {
            "database": {"url": f"postgresql://triaged@/triaged?{hosts}&target_session_attrs=read-write"},
            "storage": {"path": str(self.spool), "reserve_mb": 10},
            "dicom": {"host": "127.0.0.1", "port": self.dicom_port},
            "web": {"host": "127.0.0.1", "port": self.web_port},
        }
        self.daemons = {role: self._daemon(folder / name / (role or "all"), settings | own) for role in self._units()}
        self._not_before: dict[str, float] = {}

    def _units(self) -> Sequence[str]:
        return ROLES[self.name] or ("",)

    def _daemon(self, folder: Path, settings: dict[str, Any]) -> Daemon:
        folder.mkdir(parents=True)
        return Daemon(folder, self.dicom_port, self.web_port, settings, environment={HOST_VARIABLE: f"ct-{self.name}"})

    def has(self, role: str) -> bool:
        """Tell whether a role runs here."""
        return not ROLES[self.name] or role in ROLES[self.name]

    def start(self) -> None:
        """Switch it on."""
        self.is_down = False
        for role in self.daemons:
            self._launch(role)

    def keep_up(self) -> None:
        """Start again what ended by itself, as a service manager does."""
        now = time.monotonic()
        for role, daemon in self.daemons.items():
            if not self.is_down and daemon.process is not None and daemon.process.poll() is not None:
                if role not in self._not_before:
                    self._not_before[role] = now + _RESTS_S
                elif now >= self._not_before[role]:
                    self.trial.count("units started again")
                    self._launch(role)

    def _launch(self, role: str) -> None:
        self._not_before.pop(role, None)
        self.daemons[role].launch(*(("--role", role) if role else ()))

    def roles(self) -> dict[int, str]:
        """Return the process id of every role that runs here."""
        found: dict[int, str] = {}
        for role, daemon in self.daemons.items():
            if daemon.process is not None and daemon.process.poll() is None:
                found |= {daemon.process.pid: role} if role else daemon.role_pids()
        return found

    def kill(self) -> None:
        """Take its power away."""
        self.is_down, self.killed_at = True, datetime.now(UTC)
        for pid in self.pids():
            sigkill(pid)
        for daemon in self.daemons.values():
            if daemon.process is not None:
                daemon.process.wait(30)

    def stop(self) -> None:
        """Let all its processes stand still."""
        stopped: list[int] = []
        while rest := [pid for pid in self.pids() if pid not in stopped]:
            for pid in rest:
                tell(pid, signal.SIGSTOP)
            stopped += rest

    def go_on(self) -> None:
        """Let them go on."""
        for pid in reversed(self.pids()):
            tell(pid, signal.SIGCONT)

    def reach_database(self, path: NetworkPath) -> None:
        """Change what becomes of what it sends to the database."""
        for proxy in self.proxies:
            proxy.set(path)

    def lose_spool(self, *, leaves_folder: bool) -> None:
        """Unmount its spool: there is nothing then, or an empty folder, in which nothing may be written."""
        self.spool.unlink()
        if leaves_folder:
            self.spool.mkdir()

    def find_spool(self) -> None:
        """Mount it again."""
        if not self.spool.is_symlink():
            written = sorted(self.spool.rglob("*")) if self.spool.is_dir() else []
            self.trial.expect(not written, f"expected nothing written in place of the spool, found {written[:3]}")
            if self.spool.is_dir():
                self.spool.rename(self.spool.with_name(f"under-{time.monotonic_ns()}"))
            self.spool.symlink_to(self.shared_spool)

    def end(self) -> None:
        """Stop it in peace."""
        self.is_down = True
        self.go_on()
        processes = [each.process for each in self.daemons.values() if each.process is not None]
        running = [each for each in processes if each.poll() is None]
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            try:
                ended = process.wait(_ENDS_S)
            except subprocess.TimeoutExpired:
                ended = None
            if ended != 0:
                self.trial.expect(False, f"expected host {self.name} to end with 0, found {ended}\n{self.tail()}")
                self.kill()

    def tail(self) -> str:
        """Return the end of what it wrote into its log."""
        return "\n".join(f"{self.name} {role}: {each.tail()[-800:]}" for role, each in self.daemons.items())

    def pids(self) -> list[int]:
        """Return all its processes, parents first."""
        roots = [daemon.process for daemon in self.daemons.values() if daemon.process is not None]
        return [pid for root in roots if root.poll() is None for pid in tree(root.pid)]


class Hosts:
    """All hosts, and what they share."""

    def __init__(
        self, trial: Trial, folder: Path, pair: PostgresPair, proxies: Proxies, settings: dict[str, Any]
    ) -> None:
        self.trial, self.folder, self.pair = trial, folder, pair
        (folder / "spool").mkdir(parents=True)
        self.by_name = {
            name: Host(trial, name, folder, settings, [proxies.to(server.port) for server in pair.servers])
            for name in ROLES
        }

    @property
    def all(self) -> Sequence[Host]:
        """Return every host."""
        return tuple(self.by_name.values())

    def addresses(self, role: str) -> list[Address]:
        """Return where this role listens, on every host that has it."""
        hosts = [host for host in self.all if host.has(role)]
        return [Address(host.web_port if role == "web" else host.dicom_port) for host in hosts]

    def start(self) -> None:
        """Switch all on: the first makes the database and names the spool, the others find both."""
        for host in self.all:
            host.start()
            self.wait(lambda host=host: self.answers(host), what=f"host {host.name} answers")  # type: ignore[misc]

    def start_all(self) -> None:
        """Switch all on at once."""
        for host in self.all:
            host.start()

    def answers(self, host: Host) -> bool:
        """Tell whether what listens on a host does."""
        listens = [host.daemons[role] for role in host.daemons if role in ("", "web")]
        return not listens or any(each.process is not None and each.answers() for each in listens)

    def wait(self, condition: Callable[[], object], *, what: str, within_s: float = LONGEST_STEP_S) -> float:
        """Wait for a condition, and keep the hosts up meanwhile; return how many seconds that took."""
        started = time.monotonic()
        while not condition():
            if time.monotonic() - started > within_s:
                self.trial.expect(False, f"expected that {what} within {within_s:.0f} s\n{self.tail()}")
                break
            self.keep_up()
            time.sleep(0.2)
        return time.monotonic() - started

    def keep_up(self) -> None:
        """Start again what ended by itself."""
        for host in self.all:
            host.keep_up()

    def whole_list(self) -> list[dict[str, Any]] | None:
        """Return the whole list as the first host gives it that answers; None where none does."""
        for host in self.all:
            if host.has("web") and not host.is_down:
                found = next(iter(host.daemons.values())).whole_list()
                if found is not None:
                    return found
        return None

    def tail(self) -> str:
        """Return the end of what every host wrote into its log."""
        return "\n".join(host.tail() for host in self.all)

    def end(self) -> None:
        """Stop all of them, however they stand."""
        for host in self.all:
            host.end()

    def kill(self) -> None:
        """Take the power of all at once."""
        for host in self.all:
            host.is_down = True
        for pid in [pid for host in self.all for pid in host.pids()]:
            sigkill(pid)
        for host in self.all:
            host.kill()


def tell(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may be gone already."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
