"""Somebody edits the configuration while the daemon runs, and then a worker dies."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.breaking.fault import Fault, Returns, Truth
from tests.breaking.site import Site


def _kill_worker(site: Site) -> None:
    os.kill(site.role_pid("worker"), signal.SIGKILL)


@contextmanager
def _broken_edit(site: Site) -> Iterator[None]:
    """Type a tab where YAML has none."""
    good = site.config.read_text()
    site.config.write_text(good + "\n\tworkers: 3\n")
    site.servers["supervisor"] = site.supervisor_pid()
    _kill_worker(site)
    yield
    site.config.write_text(good)


@contextmanager
def _another_database(site: Site) -> Iterator[None]:
    """Name another database, as somebody would who prepares a move."""
    good = site.config.read_text()
    other = site.folder / "other.db"
    site.config.write_text(good.replace(site.database_url, f"sqlite:///{other}"))
    site.servers["supervisor"] = site.supervisor_pid()
    _kill_worker(site)
    yield
    if other.exists():
        site.broken.append("a role opened the database of the edited configuration: two daemons in one")
    site.config.write_text(good)


@contextmanager
def _restarted_with_broken_edit(site: Site) -> Iterator[None]:
    """Kill the daemon with a broken file in its place, and start it again as its service would."""
    good = site.config.read_text()
    site.config.write_text(good + "\n\tworkers: 3\n")
    site.kill()
    site.start_process()
    yield


def _is_one_daemon(site: Site) -> list[str]:
    found = site.supervisor_pid()
    before = site.servers["supervisor"]
    wrong = [] if found == before else [f"expected the supervisor {before}, found {found}"]
    file = Path(site.settings["database"]["url"].removeprefix("sqlite:///")).resolve()
    databases = {opened for pid in site.pids() for opened in _opened(pid) if opened.endswith(".db")}
    return wrong if databases == {str(file)} else [*wrong, f"expected one open database, found {sorted(databases)}"]


def _says_so(site: Site) -> list[str]:
    words = site.health.in_words()
    return [] if "configuration" in words else [f"expected /health to name the configuration, found {words}"]


def _opened(pid: int) -> list[str]:
    found = []
    for each in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.append(os.readlink(each))
        except OSError:
            continue
    return found


SHORT = Fault("broken edit, then a worker killed", _broken_edit, Truth.EITHER, afterwards=_is_one_daemon, hold_s=2)
FAULTS = [
    Fault("broken edit, then a worker killed", _broken_edit, Truth.EITHER, afterwards=_is_one_daemon),
    Fault("edit of database.url, then a worker killed", _another_database, Truth.EITHER, afterwards=_is_one_daemon),
    Fault(
        "restarted with a broken edit",
        _restarted_with_broken_edit,
        Truth.EITHER,
        returns=Returns.BY_ITSELF,
        afterwards=_says_so,
    ),
]
