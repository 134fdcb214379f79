"""Workers that claim at the same moment take turns between sites as one worker would, on both databases."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier

from sqlalchemy import select

from tests.store.making import Studies, at
from tests.store.studies.test_in_turn import arrives
from triaged.store.tables import schema
from triaged.store.tables.database import Database, open_database
from triaged.triage.shares import UNIT, FairShares

SHARES = FairShares({"a": 3, "b": 1})
WORKERS, EACH = 3, 8


def claims(url: str, worker: str, gate: Barrier, found: Queue[list[str]]) -> None:
    database = open_database(url)
    studies = Studies(database)
    database.is_alive()
    gate.wait()
    mine = []
    for _ in range(EACH):
        claim = studies.claim_next(worker, lease_s=600, now=at(1000), turns=SHARES)
        mine.append("" if claim is None else claim.study_uid.value)
    found.put(mine)
    database.close()


def test_no_turn_is_given_twice_or_lost(database: Database, database_url: str) -> None:
    studies = Studies(database)
    for number in range(60):
        arrives(studies, number, "a" if number < 40 else "b")
    spawn = multiprocessing.get_context("spawn")
    gate, found = spawn.Barrier(WORKERS), spawn.Queue()
    workers = [spawn.Process(target=claims, args=(database_url, f"worker-{n}", gate, found)) for n in range(WORKERS)]
    for worker in workers:
        worker.start()
    taken = [uid for _ in workers for uid in found.get(timeout=120)]
    for worker in workers:
        worker.join(60)
    assert len(set(taken)) == len(taken) == WORKERS * EACH
    numbers = sorted(int(uid.rpartition(".")[2]) for uid in taken)
    assert numbers == [*range(18), *range(40, 46)], "three of a for each of b, and the first of each"
    with database.read() as connection:
        rows = connection.execute(select(schema.site_service)).all()
    served = Counter({row.site: row.until for row in rows})
    assert served == {"a": 18 * round(UNIT / 3), "b": 6 * UNIT}
