"""How fast the quality pages are: `-m tests.bench.quality [--studies 10000] [--days 30] [DATABASE-URL]`; not a test.

That many studies have come in as many days, each with a result, six objects at one destination, a notification, what a
second engine found, and 40 instances; every page is asked for the first time, and again within its minute.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import insert, text

from tests.store.making import NOON, image, ranking, study_uid
from tests.web.scene import Scene
from triaged.spool.files import Spool
from triaged.store.listing.order import ranking_columns
from triaged.store.tables import schema
from triaged.store.tables.database import Database, migrate, open_database
from triaged.store.tables.rows import PATIENT_FIELDS, header_text
from triaged.study.ranking import TriageClass

PATHS = ("/admin/times", "/admin/shadow", "/admin/watch")
_OBJECTS, _INSTANCES, _REPEATS = 6, 40, 5
_AT_ONCE = 500
_CLASSES = "A", "B", "C", "D", "N", "N", "N"
_KERNELS = "B70f", "BONE", "FC51"


def main() -> None:
    """Print milliseconds of each page: of the first request, and of the next within the minute."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--studies", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("database", nargs="?", default="")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(asked.database or f"sqlite:///{folder}/bench.db")
        migrate(database)
        _fill(database, asked.studies, asked.days)
        scene = Scene(database, Spool(Path(folder) / "spool", reserve_mb=0), NOON)
        for path in PATHS:
            _time(scene, f"{path}?days={asked.days}")
        database.close()


def _time(scene: Scene, path: str) -> None:
    first: list[float] = []
    again: list[float] = []
    for _ in range(_REPEATS):
        with TestClient(scene.app()) as client:
            client.get("/status")
            for taken in (first, again):
                begun = time.process_time()
                answer = client.get(path)
                taken.append(1000 * (time.process_time() - begun))
                assert answer.status_code == 200, answer.text
    size = f"{len(answer.content) // 1024} KiB"
    sys.stdout.write(
        f"{path:28} first {statistics.median(first):6.0f} ms of the processor,"
        f" again {statistics.median(again):6.0f} ms, {size}\n"
    )
    sys.stdout.flush()


def _fill(database: Database, number: int, days: int) -> None:
    random = Random(7)
    for begin in range(1, number + 1, _AT_ONCE):
        numbers = range(begin, min(begin + _AT_ONCE, number + 1))
        moments = {k: NOON - timedelta(days=days) * (1 - k / (number + 1)) for k in numbers}
        with database.begin() as connection:
            for table, rows in _tables(moments, random).items():
                connection.execute(insert(schema.metadata.tables[table]), rows)
    with database.begin() as connection:
        connection.execute(text("ANALYZE"))


def _tables(moments: dict[int, datetime], random: Random) -> dict[str, Sequence[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for k, at in moments.items():
        for table, row in _rows(k, at, random):
            found.setdefault(table, []).append(row)
    return dict(found)


def _rows(k: int, at: datetime, random: Random) -> Iterator[tuple[str, dict[str, Any]]]:
    share = random.betavariate(0.5, 3)
    other = min(1.0, max(0.0, share + random.gauss(0.01, 0.03)))
    soon = at + timedelta(seconds=random.lognormvariate(3.5, 0.5))
    read = soon + timedelta(minutes=random.expovariate(1 / 90))
    where = ranking(0, study_uid(k), triage_class=TriageClass(_CLASSES[k % 7]))
    device, series = f"Maker, Model {k % 5}, CT{k % 5}", f"1.2.3.{k}"
    done = k % 20 > 0
    yield (
        "study",
        {
            "id": k,
            "study_uid": study_uid(k).value,
            "state": "TRIAGED",
            "revision": 1,
            "order_priority": "ROUTINE",
            "first_instance_at": at,
            "last_instance_at": at,
            "ready_at": at,
            "instances": _INSTANCES,
            "conflicts": 0,
            "attempts": 0,
            "result_id": k,
            "modalities": ",CT,",
            "read_state": "DONE" if done else "UNREAD",
            "read_by": "ann" if done else None,
            "read_at": read if done else None,
            **dict.fromkeys(PATIENT_FIELDS, "x"),
            **ranking_columns(where),
        },
    )
    found = {"urgency": share, "grade": min(4, int(5 * share)), "grade_scale": "CT", "engine": "networks"}
    second = {"urgency": other, "grade": min(4, int(5 * other)), "grade_scale": "CT", "engine": "networks"}
    suspected = {"suspicion": "covid-19", "threshold": 0.5}
    yield (
        "result",
        {
            "id": k,
            "study_id": k,
            "revision": 1,
            "at": soon,
            "worker": "w",
            "outcome": "TRIAGED",
            "quality": "[]",
            "chosen_series_uid": series,
            "model": "ct-open 2.0.0",
            "scheme": "severity",
            "triage_class": where.triage_class,
            "reason": "",
            "device": device,
            "object_set_uid": f"2.25.{k}",
            **found,
            **suspected,
            "probability": share,
        },
    )
    yield (
        "second_result",
        {
            "id": k,
            "study_id": k,
            "result_id": k,
            "name": "other",
            "state": "READ",
            "attempts": 1,
            "at": soon,
            "model": "other 1.0.0",
            "device": device,
            "points": 100 * (other - share),
            **second,
            **suspected,
            "probability": other,
            "part": "right lung",
        },
    )
    yield "push", _sent(soon, 3) | {"study_id": k, "receiver": "ris", "at": soon, "occasion": "result", **_CHANGE}
    for number in range(_OBJECTS):
        derived_id = k * _OBJECTS + number
        uids = {"sop_instance_uid": f"2.25.{derived_id}", "sop_class_uid": "1.2", "transfer_syntax_uid": "1.2"}
        made = {"id": derived_id, "study_id": k, "result_id": k, "kind": "sc", "path": "p", "sha256": "ab"}
        yield "derived", made | uids
        yield (
            "outbox",
            _sent(soon, 5 + number) | {"derived_id": derived_id, "destination": "pacs", "created_at": soon},
        )
    yield from _instances(k, at, series)
    yield "action", {"study_id": k, "at": read, "person": "ann", "kind": "READING", "detail": "", **_BEFORE}


def _instances(k: int, at: datetime, series: str) -> Iterator[tuple[str, dict[str, Any]]]:
    header = header_text(image()).removesuffix("}") + f', "convolution_kernel": "{_KERNELS[k % 3]}"}}'
    for number in range(_INSTANCES):
        yield (
            "instance",
            {
                "study_id": k,
                "series_uid": series if number > 1 else f"{series}.0",
                "sop_instance_uid": f"1.2.4.{k}.{number}",
                "transfer_syntax_uid": "1.2",
                "path": f"{k}/{number}",
                "sha256": "ab" * 32,
                "size_bytes": 1,
                "received_at": at,
                "image": header,
            },
        )


def _sent(at: datetime, seconds: float) -> dict[str, Any]:
    sent_at = at + timedelta(seconds=seconds)
    return {"state": "SENT", "attempts": 1, "next_attempt_at": at, "sent_at": sent_at}


_CHANGE = {"class_before": "U", "class_after": "A", "reason": ""}
_BEFORE = {"override_before": "none", "read_state_before": "UNREAD"}

if __name__ == "__main__":
    main()
