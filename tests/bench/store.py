"""What the store costs with a long list: `-m tests.bench.store [STUDIES] [DONE] [DATABASE-URL]`.

By default 10,000 open studies and 100,000 that were read, on SQLite.

Absolute figures move with the disk (each commit waits for it) and with the load of the machine; the processor's share
of an admission is printed beside.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable

from sqlalchemy import insert, text

from tests.store.making import PATIENT, Studies, admit, at, instance, ranking, study_uid
from triaged.store.listing.actions import Actions
from triaged.store.listing.order import ranking_columns
from triaged.store.listing.rankings import Rankings
from triaged.store.listing.worklist import Part, Worklist
from triaged.store.tables import schema
from triaged.store.tables.database import Database, migrate, open_database
from triaged.store.tables.rows import PATIENT_FIELDS, search_text
from triaged.store.tables.views import ListOrder, Shown
from triaged.study.ranking import Lane, Override, Ranking
from triaged.study.ranking_input import RankingInput, RankingPolicy
from triaged.study.read_state import ActionKind

_REPEATS = 30
_FIRST_READ = 1_000_000


def main() -> None:
    """Print the median and the worst of each kind of call, in milliseconds."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        done = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
        database = open_database(sys.argv[3] if len(sys.argv) > 3 else f"sqlite:///{folder}/bench.db")
        migrate(database)
        _fill(database, range(1, number + 1))
        _fill(database, range(_FIRST_READ, _FIRST_READ + done), read=True)
        if database.dialect == "postgresql":  # as its autovacuum does by itself, some minutes later
            with database.begin() as connection:
                connection.execute(text("ANALYZE"))
        studies, worklist, actions = Studies(database), Worklist(database), Actions(database)
        _time("a further instance of a study", lambda k: _slice(studies, number, k))
        _time("a study enters at the end", lambda k: _enter(studies, 2 * number + k, number + k, Lane.ORDERED))
        _time("a study enters 45 from the end", lambda k: _enter(studies, 3 * number + k, number - 45, Lane.ORDERED))
        _time("a study enters above all", lambda k: _enter(studies, 4 * number + k, 0, Lane.EMERGENCY))
        _time("first page of the list", lambda _: worklist.entries(100))
        _time("change token of the list", lambda _: worklist.version())
        _time("one entry with its position", lambda k: worklist.entry(study_uid(number - k).value))
        _time("first page, in order of arrival", lambda _: worklist.entries(100, order=ListOrder.ARRIVAL))
        _time("a search that finds one, open", lambda k: worklist.entries(100, part=Part(search=f"roe p-{number - k}")))
        _time(
            "a search that finds one, all",
            lambda k: worklist.entries(100, part=Part(shown=Shown.ALL, search=f"p-{number - k}")),
        )
        _time("the last that were read", lambda _: worklist.entries(100, part=Part(shown=Shown.DONE)))
        _time("the first study is done", lambda k: _act(actions, 4 * number + k, ActionKind.DONE))
        _time("that is undone", lambda k: _undo(actions, 4 * number + k))
        _time("the last study is pinned", lambda k: _act(actions, number - k, ActionKind.PINNED))
        _time("the moves of one study", lambda k: studies.moves(study_uid(4 * number + k).value))
        policy = Rankings(database)
        _time("the whole list is placed anew", lambda k: policy.rerank_all(_turned(k), cause="b", now=at(0)), 4)
        _time("the moves of one study since", lambda k: studies.moves(study_uid(4 * number + k).value))
        database.close()


def _fill(database: Database, numbers: range, *, read: bool = False) -> None:
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
            "search_text": search_text(PATIENT.patient_name, f"P-{k}", f"A-{k}"),
            **ranking_columns(ranking(k % 40_000, study_uid(k))),
            **({"read_state": "DONE", "read_by": "ann", "read_at": at(k)} if read else {}),
        }
        for k in numbers
    ]
    if rows:
        with database.begin() as connection:
            connection.execute(insert(schema.study), rows)


def _slice(studies: Studies, study: int, number: int) -> None:
    admit(studies, instance(study, number), minutes=study)


def _enter(studies: Studies, study: int, minutes: float, lane: Lane) -> None:
    admit(studies, instance(study, 1), where=ranking(minutes, study_uid(study), lane=lane))


def _act(actions: Actions, study: int, kind: ActionKind) -> None:
    actions.act(study_uid(study).value, kind, "ann", ranking_policy=_pinned, now=at(1))


def _undo(actions: Actions, study: int) -> None:
    actions.undo(study_uid(study).value, "ann", ranking_policy=_emergency, now=at(1))


def _pinned(ranking_input: RankingInput) -> Ranking:
    lane = Lane.EMERGENCY if ranking_input.override is Override.PIN else Lane.ORDERED
    return ranking((ranking_input.since - at(0)).total_seconds() / 60, ranking_input.study_uid, lane=lane)


def _emergency(ranking_input: RankingInput) -> Ranking:
    return ranking(0, ranking_input.study_uid, lane=Lane.EMERGENCY)


def _turned(k: int) -> RankingPolicy:
    sign = 1 if k % 2 else -1
    return lambda ranking_input: ranking(
        sign * (ranking_input.since - at(0)).total_seconds() / 60, ranking_input.study_uid
    )


def _time(name: str, call: Callable[[int], object], repeats: int = _REPEATS) -> None:
    taken, cpu = [], time.process_time()
    for number in range(repeats):
        begun = time.perf_counter()
        call(number)
        taken.append(1000 * (time.perf_counter() - begun))
    cpu_ms = 1000 * (time.process_time() - cpu) / repeats
    sys.stdout.write(f"{name:32} median {sorted(taken)[repeats // 2]:7.2f} worst {max(taken):7.2f} cpu {cpu_ms:6.2f}\n")


if __name__ == "__main__":
    main()
