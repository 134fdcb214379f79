"""What the store costs with a long list: `-m tests.bench.store [STUDIES] [DATABASE-URL]`, by default 10,000 on SQLite.

Absolute figures move with the disk (each commit waits for it) and with the load of the machine; the processor's share
of an admission is printed beside.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable

from sqlalchemy import insert

from tests.unit.store.making import PATIENT, admit, at, instance, placement, study_uid
from triaged.store import schema
from triaged.store.database import Database, migrate, open_database
from triaged.store.order import placement_columns
from triaged.store.rows import PATIENT_FIELDS
from triaged.store.studies import Studies
from triaged.store.worklist import Worklist
from triaged.study.placement import Lane

_REPEATS = 30


def main() -> None:
    """Print the median and the worst of each kind of call, in milliseconds."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(sys.argv[2] if len(sys.argv) > 2 else f"sqlite:///{folder}/bench.db")
        migrate(database)
        _fill(database, number)
        studies, worklist = Studies(database), Worklist(database)
        _time("a further instance of a study", lambda k: _slice(studies, number, k))
        _time("a study enters at the end", lambda k: _enter(studies, 2 * number + k, number + k, Lane.ORDERED))
        _time("a study enters 45 from the end", lambda k: _enter(studies, 3 * number + k, number - 45, Lane.ORDERED))
        _time("a study enters above all", lambda k: _enter(studies, 4 * number + k, 0, Lane.EMERGENCY))
        _time("first page of the list", lambda _: worklist.entries(100))
        _time("change token of the list", lambda _: worklist.version())
        _time("one entry with its position", lambda k: worklist.entry(study_uid(number - k).value))
        _time("the moves of one study", lambda k: studies.moves(study_uid(4 * number + k).value))
        database.close()


def _fill(database: Database, number: int) -> None:
    rows = [
        {
            "study_uid": study_uid(k).value,
            "state": "RECEIVING",
            "revision": 1,
            "order_priority": "ROUTINE",
            "first_instance_at": at(k),
            "last_instance_at": at(k),
            "instances": 1,
            "conflicts": 0,
            "attempts": 0,
            **{name: getattr(PATIENT, name) for name in PATIENT_FIELDS},
            **placement_columns(placement(k, study_uid(k))),
        }
        for k in range(1, number + 1)
    ]
    with database.begin() as connection:
        connection.execute(insert(schema.study), rows)


def _slice(studies: Studies, study: int, number: int) -> None:
    admit(studies, instance(study, number), minutes=study)


def _enter(studies: Studies, study: int, minutes: float, lane: Lane) -> None:
    admit(studies, instance(study, 1), where=placement(minutes, study_uid(study), lane=lane))


def _time(name: str, call: Callable[[int], object]) -> None:
    taken, cpu = [], time.process_time()
    for number in range(_REPEATS):
        begun = time.perf_counter()
        call(number)
        taken.append(1000 * (time.perf_counter() - begun))
    cpu_ms = 1000 * (time.process_time() - cpu) / _REPEATS
    sys.stdout.write(
        f"{name:32} median {sorted(taken)[_REPEATS // 2]:7.2f} worst {max(taken):7.2f} cpu {cpu_ms:6.2f}\n"
    )


if __name__ == "__main__":
    main()
