"""An hour of many sites, compressed: `python -m tests.bench.sites [--minutes 10] [--times 6]`.

Fifty sites send a hundred small chest CTs an hour each, at random moments, `--times` as fast, by DCMTK to two receivers
on PostgreSQL, with every commit synced to disk. All roles are the daemon's own; the workers' examination finds without
looking (`tests.bench.null_role`), so that what is measured is all but the reading. Printed are: how many studies waited
in each third of the time, the time from the last slice to the order, and what processor time each role took, so that
one sees which of them would be the first to be too slow.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import random
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import psycopg

from tests.breaking.postgres_server import PostgresServer, postgres_server
from tests.breaking.small_scans import SETTINGS, small_study
from tests.programs import dcmsend, new_daemon, until
from triaged.store.tables.database import migrate, open_database

STUDIES_AN_HOUR = 100
SENDERS_AT_ONCE = 8
_LOOK_S = 2.0
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_NUMBER = 1_000_000
"""The first number of a study; all have as many digits, so that one is made of another by replacing them."""
_WAITING = ("RECEIVING", "READY", "ANALYSING")


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run found; times in seconds, shares of one core."""

    studies: int
    instances: int
    sent_a_second: float
    late_sends: int
    waiting_by_third: Sequence[Mapping[str, float]]
    order_p50_s: float
    order_p95_s: float
    order_worst_s: float
    unplaced: int
    cores: Mapping[str, float]
    idle: float


def main() -> None:
    """Send for the given time, wait until nothing is left, and print the figures, in words or as JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.sites")
    parser.add_argument("--sites", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long is sent")
    parser.add_argument("--times", type=float, default=6.0, help="how much faster than in reality")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--receivers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=50)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of words")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="triaged-sites-")))
        server = stack.enter_context(postgres_server())
        server.configure("max_connections = 200\n")
        server.stop()
        server.start()
        hospital = stack.enter_context(_serving(folder, server, options))
        found = _measured(hospital, options, random.Random(options.seed))
    sys.stdout.write(json.dumps(asdict(found), indent=2) + "\n" if options.json else _words(found))


@dataclass(frozen=True, slots=True)
class _Hospital:
    folder: Path
    dicom_port: int
    server: PostgresServer
    roles: Mapping[str, subprocess.Popen[bytes]]

    def cpu_s(self) -> dict[str, float]:
        """Return the processor time that each role, the database and the senders have taken."""
        found = {name: _cpu_s([role.pid, *_children(role.pid)]) for name, role in self.roles.items()}
        found["PostgreSQL"] = _cpu_s(self.server.pids())
        sent = resource.getrusage(resource.RUSAGE_CHILDREN)
        return found | {"senders": sent.ru_utime + sent.ru_stime}

    def states(self) -> Counter[str]:
        """Return how many studies are in each state."""
        return Counter(dict(self._rows("SELECT state, count(*) FROM study GROUP BY state")))

    def orders_s(self) -> list[float]:
        """Return the time from the last instance to the order, of every study that has its place."""
        found = self._rows(
            "SELECT extract(epoch FROM min(event.at::timestamptz) - study.last_instance_at::timestamptz) FROM study"
            " JOIN event ON event.study_id = study.id AND event.event = 'ASSESSED' GROUP BY study.id"
        )
        return sorted(float(seconds) for (seconds,) in found)

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.server.url) as connection:
            return connection.execute(query.encode()).fetchall()


@contextmanager
def _serving(folder: Path, server: PostgresServer, options: argparse.Namespace) -> Iterator[_Hospital]:
    daemon = new_daemon(folder / "daemon", database={"url": server.url}, completion={}, **SETTINGS)
    daemon.reconfigure(
        {"dicom": daemon.settings["dicom"] | {"receivers": options.receivers}, "workers": options.workers}
    )
    database = open_database(server.url)
    migrate(database)
    database.close()
    names = ["clock", "receiver", "web", "courier", *(f"worker-{number + 1}" for number in range(options.workers))]
    roles: dict[str, subprocess.Popen[bytes]] = {}
    try:
        with daemon.log.open("ab") as log:
            for name in names:
                role = name.split("-")[0]
                program = "tests.bench.null_role" if role == "worker" else "triaged.cli"
                command = [sys.executable, "-m", program, "serve", "--role", role, "--name", name]
                roles[name] = subprocess.Popen([*command, "--config", str(daemon.config)], stdout=log, stderr=log)
        until(lambda: _answers(daemon.dicom_port) and _answers(daemon.web_port), within_s=60, what="daemon answers")
        yield _Hospital(folder, daemon.dicom_port, server, roles)
    finally:
        for process in roles.values():
            process.terminate()
        for process in roles.values():
            process.wait(60)


def _measured(hospital: _Hospital, options: argparse.Namespace, chance: random.Random) -> Figures:
    due = _schedule(options, chance)
    before, idle_before, began = hospital.cpu_s(), _idle(), time.monotonic()
    seen: list[tuple[float, Counter[str]]] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(_LOOK_S):
            seen.append((time.monotonic() - began, hospital.states()))

    watch = threading.Thread(target=look)
    watch.start()
    try:
        late = _send(hospital, due, began)
        took = time.monotonic() - began
        after, idle_after = hospital.cpu_s(), _idle()
        until(lambda: not _waiting(hospital.states()), within_s=600, what="nothing is left")
    finally:
        over.set()
        watch.join()
    orders = hospital.orders_s()
    per_study = len(list((hospital.folder / "template").rglob("*.dcm")))
    return Figures(
        studies=len(due),
        instances=len(due) * per_study,
        sent_a_second=len(due) * per_study / took,
        late_sends=late,
        waiting_by_third=_thirds([each for each in seen if each[0] <= took], took),
        order_p50_s=median(orders),
        order_p95_s=quantiles(orders, n=20)[-1],
        order_worst_s=orders[-1],
        unplaced=len(due) - len(orders),
        cores={name: (after[name] - before[name]) / took for name in after},
        idle=(idle_after - idle_before) / took,
    )


def _schedule(options: argparse.Namespace, chance: random.Random) -> list[tuple[float, int]]:
    """Return when each study is sent, and by which site: at random moments, as many as a site has in that time."""
    a_second = STUDIES_AN_HOUR / 3600 * options.times
    due: list[tuple[float, int]] = []
    for site in range(options.sites):
        moment = chance.expovariate(a_second)
        while moment < options.minutes * 60:
            heapq.heappush(due, (moment, site))
            moment += chance.expovariate(a_second)
    return [heapq.heappop(due) for _ in range(len(due))]


def _send(hospital: _Hospital, due: Sequence[tuple[float, int]], began: float) -> int:
    """Send every study at its moment; return how many began more than a second late, which is the senders' fault."""
    template = {path.name: path.read_bytes() for path in _template(hospital.folder).glob("*.dcm")}

    def send(number: int, moment: float, site: int) -> bool:
        is_late = time.monotonic() > began + moment + 1.0
        folder = hospital.folder / f"study-{number}"
        folder.mkdir()
        for name, content in template.items():
            (folder / name).write_bytes(content.replace(str(_NUMBER).encode(), str(number).encode()))
        dcmsend("127.0.0.1", hospital.dicom_port, "TRIAGED", [folder], sender=_sender(site))
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        return is_late

    sent: list[Future[bool]] = []
    with ThreadPoolExecutor(SENDERS_AT_ONCE) as senders:
        for index, (moment, site) in enumerate(due):
            time.sleep(max(0.0, began + moment - time.monotonic()))
            sent.append(senders.submit(send, _NUMBER + 1 + index, moment, site))
    return sum(each.result() for each in sent)


def _name(site: int) -> str:
    return f"site-{site:02}"


def _sender(site: int) -> str:
    return f"SITE{site:02}"


def _template(folder: Path) -> Path:
    small_study(_NUMBER, folder / "template")
    return folder / "template" / f"study-{_NUMBER}"


def _waiting(states: Counter[str]) -> int:
    return sum(states[each] for each in _WAITING)


def _thirds(seen: Sequence[tuple[float, Counter[str]]], took: float) -> list[dict[str, float]]:
    """Return the mean number of studies in each state of waiting, in each third of the time."""
    thirds: list[list[Counter[str]]] = [[], [], []]
    for moment, states in seen:
        thirds[min(2, int(3 * moment / took))].append(states)
    return [{state: sum(each[state] for each in third) / max(1, len(third)) for state in _WAITING} for third in thirds]


def _words(found: Figures) -> str:
    lines = [
        f"{found.studies} studies, {found.instances} instances, {found.sent_a_second:.0f} a second,"
        f" {found.late_sends} sent late; {found.unplaced} without a place in the end",
        "waiting on average in each third of the time: "
        + "; ".join(", ".join(f"{state} {n:.1f}" for state, n in third.items()) for third in found.waiting_by_third),
        f"last slice → order p50 {found.order_p50_s:.2f} s, p95 {found.order_p95_s:.2f} s,"
        f" worst {found.order_worst_s:.2f} s",
        "cores: "
        + ", ".join(f"{name} {share:.2f}" for name, share in found.cores.items())
        + f"; idle {found.idle:.2f}",
    ]
    return "\n".join(lines) + "\n"


def _answers(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _cpu_s(pids: Sequence[int]) -> float:
    """Return the processor time that processes have taken; those that have ended count no more."""
    total = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS_A_SECOND


def _idle() -> float:
    """Return how long the cores of this machine have been idle, in seconds of one core."""
    return float(Path("/proc/uptime").read_text().split()[1])


if __name__ == "__main__":
    main()
