"""How soon a study that is ready has a worker, by looking and by tickets: `python -m tests.bench.dispatch [STUDIES]`.

On a PostgreSQL server of its own, with commits synced to disk. Studies become ready one by one at random moments while
two workers wait; each way waits for as many, in turns, so that both meet the same load. What dispatch takes of scoring
is asked of the fastest engine there is, which only reads: the share with networks and result objects is smaller.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from statistics import median, quantiles

from tests.bench.pipeline import SIZE_MM, SPACING_MM
from tests.breaking.postgres_server import postgres_server
from tests.exams.pipelines.bodies import ADULT, Ball, Chest, draw, grid
from tests.store.making import Studies, admit, instance, ranking, study_uid
from triaged.daemon.waiting import Looking, Waiting, waiting
from triaged.exams.ct.options import CtOptions
from triaged.exams.ct.pipelines.threshold import ThresholdPipeline
from triaged.store.dispatch.tickets import Task, Tickets, issue, queue
from triaged.store.studies.claims import Claims
from triaged.store.tables.database import Database, migrate, open_database

WORKERS = 2
ROUND = 20
SCORE = queue(Task.SCORE)
Moments = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Figures:
    """From the end of the transaction that makes a study ready, in milliseconds: until a worker looks, and has it."""

    studies: int
    looked_p50_ms: float
    looked_p95_ms: float
    claimed_p50_ms: float
    claimed_p95_ms: float
    claimed_worst_ms: float


@dataclass(frozen=True, slots=True)
class Cost:
    """What a ticket costs, and its share of reading one series of 300 slices, in percent."""

    issue_ms: float
    take_ms: float
    reading_s: float
    share_percent: float


class Claimed:
    """When each study was looked for, and claimed, as its worker saw it."""

    def __init__(self) -> None:
        self._at: dict[str, Moments] = {}
        self._changed = threading.Condition()

    def note(self, uid: str, looked: float) -> None:
        """Keep this moment, and that in which its worker had begun to look."""
        with self._changed:
            self._at[uid] = looked, time.perf_counter()
            self._changed.notify_all()

    def when(self, uid: str) -> Moments:
        """Return both moments, once there are any."""
        with self._changed:
            if not self._changed.wait_for(lambda: uid in self._at, timeout=60):
                raise TimeoutError(f"expected {uid} to be claimed within 60 s")
            return self._at[uid]


def main() -> None:
    """Print the figures, in words or as JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.dispatch")
    parser.add_argument("studies", nargs="?", type=int, default=100, help="how many become ready, for each way")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of words")
    options = parser.parse_args()
    with postgres_server() as server:
        database = open_database(server.url)
        migrate(database)
        found = _both(database, options.studies)
        cost = _cost(database)
        database.close()
    if options.json:
        figures = {way: asdict(each) for way, each in found.items()}
        sys.stdout.write(json.dumps({"ready_to_claimed": figures, "cost": asdict(cost)}, indent=2) + "\n")
        return
    for way, each in found.items():
        sys.stdout.write(
            f"by {way}: ready → a worker looks p50 {each.looked_p50_ms:.1f} ms, p95 {each.looked_p95_ms:.1f} ms; "
            f"→ claimed p50 {each.claimed_p50_ms:.1f} ms, p95 {each.claimed_p95_ms:.1f} ms, "
            f"worst {each.claimed_worst_ms:.1f} ms of {each.studies}\n"
        )
    sys.stdout.write(
        f"a ticket: {cost.issue_ms:.1f} ms to write, {cost.take_ms:.1f} ms to take: {cost.share_percent:.2f} % of"
        f" {cost.reading_s:.1f} s, in which the fastest engine reads 300 slices\n"
    )


def _both(database: Database, studies: int) -> Mapping[str, Figures]:
    taken: dict[str, list[Moments]] = {"looking": [], "tickets": []}
    numbers = iter(range(1, 2 * studies + 2 * ROUND))
    while len(taken["tickets"]) < studies:
        for way, found in taken.items():
            with _workers(database, way) as claimed:
                found += [_ready(database, next(numbers), claimed) for _ in range(min(ROUND, studies - len(found)))]
    return {way: _figures(found) for way, found in taken.items()}


@contextmanager
def _workers(database: Database, way: str) -> Iterator[Claimed]:
    """Let workers wait in one way, each with a connection of its own to listen on where it does."""
    claimed, stop = Claimed(), threading.Event()
    with ExitStack() as stack:
        for number in range(WORKERS):
            waits = stack.enter_context(waiting(database, [SCORE], stop))[SCORE] if way == "tickets" else Looking(stop)
            worker = threading.Thread(target=_work, args=(database, f"worker-{number}", waits, claimed, stop))
            worker.start()
            stack.callback(worker.join)
        stack.callback(stop.set)
        time.sleep(1.0)  # all wait by then
        yield claimed


def _work(database: Database, name: str, waits: Waiting, claimed: Claimed, stop: threading.Event) -> None:
    claims = Claims(database)
    while not stop.is_set():
        waits.take()
        looked = time.perf_counter()
        claim = claims.claim_next(name, lease_s=600, now=datetime.now(UTC))
        if claim is None:
            waits.wait(stop.is_set)
        else:
            claimed.note(claim.study_uid.value, looked)


def _ready(database: Database, number: int, claimed: Claimed) -> Moments:
    """Make one study ready at a random moment; return after how many milliseconds it was looked for, and claimed."""
    studies, uid = Studies(database), study_uid(number)
    admit(studies, instance(number, 1), minutes=number)
    time.sleep(random.uniform(0.05, 0.55))
    studies.complete(uid, 1, ranking=ranking(number, uid), cause="whole", now=datetime.now(UTC))
    ready = time.perf_counter()
    looked, has_it = claimed.when(uid.value)
    return max(0.0, looked - ready) * 1000.0, max(0.0, has_it - ready) * 1000.0


def _figures(found: list[Moments]) -> Figures:
    looked, claimed = ([each[k] for each in found] for k in (0, 1))
    return Figures(
        len(found),
        median(looked),
        quantiles(looked, n=20)[-1],
        median(claimed),
        quantiles(claimed, n=20)[-1],
        max(claimed),
    )


def _cost(database: Database) -> Cost:
    tickets, written, taken = Tickets(database), [], []
    for _ in range(100):
        with database.begin() as connection:
            began = time.perf_counter()
            issue(connection, Task.SCORE)
            written.append(time.perf_counter() - began)
        began = time.perf_counter()
        tickets.take(SCORE)
        taken.append(time.perf_counter() - began)
    volume = draw(Chest(balls=[Ball((-72, 0, 0), 40, 200)]), grid(SPACING_MM, SIZE_MM), noise_hu=20)
    began = time.perf_counter()
    ThresholdPipeline(CtOptions()).read(volume, ADULT)
    reading_s = time.perf_counter() - began
    issue_s, take_s = median(written), median(taken)
    return Cost(issue_s * 1000, take_s * 1000, reading_s, 100 * (issue_s + take_s) / reading_s)


if __name__ == "__main__":
    main()
