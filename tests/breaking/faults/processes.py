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
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from tests.breaking.fault import HEALED_S, Fault, Returns, Truth
from tests.breaking.site import Site, wait_for

_UNIT = Path(__file__).parents[3] / "deploy" / "systemd" / "triaged.service"
_SAID = re.search(r"^WatchdogSec=(\d+)", _UNIT.read_text(), re.MULTILINE)
_WATCHDOG_S = float(_SAID.group(1)) if _SAID else 30.0


def _stopped(roles: Sequence[str]) -> Callable[[Site], AbstractContextManager[None]]:
    @contextmanager
    def inject(site: Site) -> Iterator[None]:
        for role in roles:
            os.kill(site.role_pid(role), signal.SIGSTOP)
        yield

    return inject


@contextmanager
def _supervisor_stopped(site: Site) -> Iterator[None]:
    """Stop it and wait until its service has replaced it; its roles do their work meanwhile."""
    before = site.supervisor_pid()
    os.kill(before, signal.SIGSTOP)
    wait_for(lambda: _another_supervisor(site, before), within_s=_WATCHDOG_S + HEALED_S, what="another supervisor")
    yield


def _another_supervisor(site: Site, before: int) -> bool:
    try:
        return site.supervisor_pid() != before
    except AssertionError:  # there is none at this moment
        return False


def _with_watchdog(site: Site) -> None:
    """Listen where systemd would, and start the daemon again when it is silent for as long as the unit says."""
    address = site.folder / "notify"
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listening.bind(str(address))
    listening.settimeout(_WATCHDOG_S)
    site.environment |= {"NOTIFY_SOCKET": str(address), "WATCHDOG_USEC": str(int(_WATCHDOG_S * 1e6))}

    def watch() -> None:
        is_watched = False
        with suppress(OSError):  # it is closed at the end
            while True:
                try:
                    is_watched = b"WATCHDOG=1" in listening.recv(4096) or is_watched
                except TimeoutError:
                    if is_watched:
                        is_watched = False
                        site.kill()
                        site.start_process()

    threading.Thread(target=watch, name="watchdog", daemon=True).start()
    site.at_end.append(listening.close)


def _fault(name: str, inject: Callable[[Site], AbstractContextManager[None]]) -> Fault:
    return Fault(name, inject, Truth.NOT_READY, returns=Returns.BY_ITSELF)


ROLES = ("receiver", "worker", "clock", "courier", "web")
FAULTS = [
    *(_fault(f"{role} stopped (SIGSTOP)", _stopped([role])) for role in ROLES),
    _fault("all roles stopped (SIGSTOP)", _stopped(ROLES)),
    Fault(
        "supervisor stopped (SIGSTOP), with its watchdog",
        _supervisor_stopped,
        Truth.EITHER,
        _with_watchdog,
        hold_s=0,
    ),
]

SHORT = _fault("receiver and worker stopped (SIGSTOP)", _stopped(["receiver", "worker"]))
