"""The machine gives less than is needed: descriptors, memory, a log that can be written."""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

from tests.breaking.fault import Fault, Returns, Truth
from tests.breaking.mounts import Disk
from tests.breaking.site import Site, demand

_DESCRIPTORS = 64
_LONGEST_LOG = 2 * 1024 * 1024


def _few_descriptors(site: Site) -> None:
    demand("prlimit")
    site.prefix = ["prlimit", f"--nofile={_DESCRIPTORS}:{_DESCRIPTORS}"]


@contextmanager
def _crowd(site: Site) -> Iterator[None]:
    """Connect to both ports more often than there are descriptors, and say nothing but half a request."""
    with ExitStack() as held:
        for port in (site.web_port, site.dicom_port):
            for _ in range(_DESCRIPTORS + 20):
                with suppress(OSError):
                    connection = held.enter_context(socket.create_connection(("127.0.0.1", port), 2))
                    if port == site.web_port:
                        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        yield


def _log_is_short(site: Site) -> list[str]:
    size = site.log.stat().st_size
    return [] if size < _LONGEST_LOG else [f"expected a log below {_LONGEST_LOG} bytes, found {size}"]


def _without_memory(role: str) -> Callable[[Site], AbstractContextManager[None]]:
    """Give a role no more address space than it has; its successor has what the daemon gives it."""

    @contextmanager
    def inject(site: Site) -> Iterator[None]:
        pid = site.role_pid(role)
        before = resource.prlimit(pid, resource.RLIMIT_AS)
        used = int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        resource.prlimit(pid, resource.RLIMIT_AS, (used, before[1]))
        yield
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_AS, before)

    return inject


def _small_log(site: Site) -> None:
    site.disks["log"] = Disk(site, site.log_folder, options="size=2m")


@contextmanager
def _log_full(site: Site) -> Iterator[None]:
    ballast = site.disks["log"].fill()
    yield
    ballast.unlink()


def _piped_log(site: Site) -> None:
    site.servers["log"], site.output = os.pipe()
    site.at_end.append(lambda: os.close(site.output or 0))


@contextmanager
def _log_unread(site: Site) -> Iterator[None]:
    """Let whoever reads the log be gone."""
    os.close(site.servers["log"])
    yield


FAULTS = [
    Fault("64 descriptors and a crowd", _crowd, Truth.EITHER, _few_descriptors, afterwards=_log_is_short),
    Fault("worker without memory", _without_memory("worker"), Truth.EITHER),
    Fault("receiver without memory", _without_memory("receiver"), Truth.EITHER),
    Fault("disk of the log full", _log_full, Truth.READY, _small_log),
    Fault("nobody reads the log", _log_unread, Truth.READY, _piped_log, returns=Returns.BY_ITSELF),
]
