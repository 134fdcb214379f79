"""Errors of PostgreSQL's driver that quote a row: constraints that the rows of a patient break, and backends that die.

`DETAIL: Failing row contains (...)` and `Key (patient_id)=(...) already exists` are what a bug, or an administrator's
own constraint, would make the driver say. Knows no trial.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psycopg

from tests.breaking.postgres_server import PostgresServer
from tests.breaking.small_scans import ROOT

UNIQUE_NUMBERS = (730, 731)
"""Studies of which only one may be of a patient, where that constraint is in force."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """What a row of a patient breaks: how it is made and removed, and the class of the error that it raises."""

    name: str
    made_by: str
    removed_by: str
    raises: str


CONSTRAINTS: Sequence[Constraint] = (
    Constraint(
        "a check of the study",
        "ALTER TABLE study ADD CONSTRAINT quoted CHECK (patient_id = '') NOT VALID",
        "ALTER TABLE study DROP CONSTRAINT quoted",
        "CheckViolation",
    ),
    Constraint(
        "a check of the image",
        "ALTER TABLE instance ADD CONSTRAINT quoted CHECK (image = '') NOT VALID",
        "ALTER TABLE instance DROP CONSTRAINT quoted",
        "CheckViolation",
    ),
    Constraint(
        "a unique patient",
        "CREATE UNIQUE INDEX quoted ON study (patient_id) WHERE study_uid IN ("
        + ", ".join(f"'{ROOT}.{number}'" for number in UNIQUE_NUMBERS)
        + ")",
        "DROP INDEX quoted",
        "UniqueViolation",
    ),
)


@contextmanager
def in_force(server: PostgresServer, constraint: Constraint) -> Iterator[None]:
    """Let a constraint be there for a while."""
    _execute(server, constraint.made_by)
    try:
        yield
    finally:
        _execute(server, constraint.removed_by)


def kill_a_backend(server: PostgresServer) -> None:
    """Kill one process that serves a client; the server ends all others and recovers."""
    for pid in server.backend_pids()[:1]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _execute(server: PostgresServer, statement: str) -> None:
    with psycopg.connect(server.url, autocommit=True, connect_timeout=30) as connection:
        connection.execute(statement.encode())
