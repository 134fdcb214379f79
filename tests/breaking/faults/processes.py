"""A process is stopped without dying: SIGSTOP, as a hung disk, a debugger or a bug would have it.

The supervisor replaces a role that makes no progress. Nobody does so for the supervisor but systemd: in that trial the
harness does what the unit asks of it (Type=notify, WatchdogSec, Restart).
"""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests.breaking.fault import Fault, Returns, Truth
from tests.breaking.site import Site

_UNIT = Path(__file__).parents[3] / "deploy" / "systemd" / "triaged.service"


def _stopped(roles: Sequence[str]) -> Callable[[Site], AbstractContextManager[None]]:
    @contextmanager
    def inject(site: Site) -> Iterator[None]:
        for role in roles:
            os.kill(site.role_pid(role), signal.SIGSTOP)
        yield

    return inject


@contextmanager
def _supervisor_stopped(site: Site) -> Iterator[None]:
    os.kill(site.supervisor_pid(), signal.SIGSTOP)
    yield


def _with_watchdog(site: Site) -> None:
    """Listen where systemd would, and start the daemon again when it is silent for as long as the unit says."""
    address = site.folder / "notify"
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listening.bind(str(address))
    found = re.search(r"^WatchdogSec=(\d+)", _UNIT.read_text(), re.MULTILINE)
    watchdog_s = float(found.group(1)) if found else 30.0
    listening.settimeout(watchdog_s)
    site.environment |= {"NOTIFY_SOCKET": str(address), "WATCHDOG_USEC": str(int(watchdog_s * 1e6))}
    ended = threading.Event()

    def watch() -> None:
        is_ready = False
        while not ended.is_set():
            try:
                is_ready = b"WATCHDOG=1" in listening.recv(4096) or is_ready
            except TimeoutError:
                if is_ready and not ended.is_set():
                    is_ready = False
                    site.kill()
                    site.start_process()

    thread = threading.Thread(target=watch, name="watchdog", daemon=True)
    thread.start()
    site.at_end += [listening.close, ended.set]


def _fault(name: str, inject: Callable[[Site], AbstractContextManager[None]]) -> Fault:
    return Fault(name, inject, Truth.NOT_READY, returns=Returns.BY_ITSELF)


ROLES = ("receiver", "worker", "clock", "courier", "web")
FAULTS = [
    *(_fault(f"{role} stopped (SIGSTOP)", _stopped([role])) for role in ROLES),
    _fault("all roles stopped (SIGSTOP)", _stopped(ROLES)),
    Fault(
        "supervisor stopped (SIGSTOP), with its watchdog",
        _supervisor_stopped,
        Truth.NOT_READY,
        _with_watchdog,
        returns=Returns.BY_ITSELF,
    ),
]

SHORT = _fault("receiver and worker stopped (SIGSTOP)", _stopped(["receiver", "worker"]))
