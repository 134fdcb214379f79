"""Processes killed at each line between the bytes and the row: what a sender was told is kept, once.

The receiver here is a process of its own that does what intake does with the store, and dies by SIGKILL where told.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
from pathlib import Path
from unittest import mock

import pytest

from tests.findings import urgency_of
from tests.programs import until
from tests.store.making import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    Studies,
    admit,
    at,
    claimed,
    commit,
    image,
    instance,
    make_ready,
    study_uid,
)
from triaged.spool.files import Spool
from triaged.spool.part import KeptFile
from triaged.store.listing.worklist import Worklist
from triaged.store.studies import outcomes
from triaged.store.tables.database import Database, open_database
from triaged.study.lifecycle import State
from triaged.study.records import Admission, Instance

DATA_SET = bytes(range(256)) * 2000
PLACES = ["while writing", "before the name", "after the name", "before the row", "after the row"]


def receive(url: str, root: Path, *, dies: str | None) -> Admission:
    """Receive one instance as intake does; die at the line called `dies`."""
    told = instance(1, 1)

    def here(place: str) -> None:
        if place == dies:
            os.kill(os.getpid(), signal.SIGKILL)

    database, spool = open_database(url), Spool(root, reserve_mb=0)
    with spool.part(told.study_uid, told.series_uid, told.sop_instance_uid) as part:
        part.write(DATA_SET[:1000])
        here("while writing")
        part.write(DATA_SET[1000:])
        here("before the name")
        kept = part.commit()
        here("after the name")
    here("before the row")
    admission = admit(Studies(database), _row(told, kept))
    here("after the row")
    database.close()
    return admission


def _row(told: Instance, kept: KeptFile) -> Instance:
    return Instance(
        told.study_uid,
        told.series_uid,
        told.sop_instance_uid,
        EXPLICIT_VR_LITTLE_ENDIAN,
        kept.path,
        kept.sha256,
        kept.size_bytes,
        at(0),
        image(),
    )


def _receive(url: str, root: Path, dies: str) -> None:
    receive(url, root, dies=dies)


@pytest.mark.parametrize("place", PLACES)
def test_a_receiver_killed_anywhere_leaves_one_instance_after_the_sender_repeats(
    database: Database, database_url: str, tmp_path: Path, place: str
) -> None:
    root = tmp_path / "spool"
    process = multiprocessing.get_context("spawn").Process(target=_receive, args=(database_url, root, place))
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL

    again = receive(database_url, root, dies=None)
    assert again is (Admission.DUPLICATE if place == "after the row" else Admission.NEW)
    (kept,) = Studies(database).instances(study_uid(1).value)
    path = Spool(root, reserve_mb=0).absolute(kept.path)
    assert path.read_bytes() == DATA_SET
    assert kept.sha256 == hashlib.sha256(DATA_SET).hexdigest()
    assert [found for found in root.rglob("*.dcm") if found.is_file()] == [path]
    assert Worklist(database).entries()[0].instances == 1


def _die_in_commit(url: str) -> None:
    database = open_database(url)
    studies = Studies(database)
    claim = claimed(studies)

    def die(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with mock.patch.object(outcomes, "record_event", die):  # the last write of a commit
        commit(studies, claim)


def test_a_worker_killed_in_its_commit_leaves_a_claim_that_another_takes_over(
    database: Database, database_url: str
) -> None:
    studies = Studies(database)
    make_ready(studies, 1)
    process = multiprocessing.get_context("spawn").Process(target=_die_in_commit, args=(database_url,))
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    (entry,) = Worklist(database).entries()
    assert (entry.state, urgency_of(entry)) == (State.ANALYSING, None)
    # PostgreSQL keeps its row locked until it has seen that the client is gone: whoever reaps asks again.
    until(lambda: studies.reap(now=at(60)) == 1, within_s=30, what="what a killed worker had is put back")
    again = claimed(studies, "worker-2", minutes=60)
    assert again.attempt == 2
    commit(studies, again, minutes=61)
    assert Worklist(database).entries()[0].state is State.TRIAGED
