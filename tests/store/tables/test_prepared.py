"""Statements whose text is made once, against SQLAlchemy's own execution of them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from tests.store.making import NOON
from triaged.store.tables.database import Database
from triaged.store.tables.housekeeping import pause
from triaged.store.tables.prepared import Prepared

COLUMNS = ("what", "target", "person", "reason", "since")
ELSEWHERE = timezone(timedelta(hours=5, minutes=30))


def a_pause(target: str, **values: Any) -> dict[str, Any]:
    return {"what": "sending", "target": target, "person": "Roe", "reason": "because", "since": NOON, **values}


def rows(database: Database) -> list[Any]:
    with database.read() as connection:
        return [tuple(row)[2:] for row in connection.execute(select(pause).order_by(pause.c.target))]


@pytest.mark.parametrize("since", [NOON, NOON.astimezone(ELSEWHERE)])
@pytest.mark.parametrize("reason", ["because", "Ärger 日本", "\0 and \ud800"])
def test_a_row_is_the_one_that_sqlalchemy_writes(database: Database, since: datetime, reason: str) -> None:
    prepared = Prepared(insert(pause).inline(), *COLUMNS)
    with database.begin() as connection:
        prepared.execute(connection, a_pause("prepared", since=since, reason=reason))
        connection.execute(insert(pause), a_pause("sqlalchemy", since=since, reason=reason))
    one, other = rows(database)
    assert one == other
    assert one[-1] == NOON


def test_an_update_has_its_own_values_and_those_of_its_condition(database: Database) -> None:
    where = (pause.c.target == bindparam("which"), pause.c.what == "sending")
    prepared = Prepared(update(pause).where(*where).values(person=pause.c.person + "!"), "reason")
    with database.begin() as connection:
        connection.execute(insert(pause), [a_pause("a"), a_pause("b")])
        prepared.execute(connection, {"which": "b", "reason": "changed"})
        prepared.execute(connection, {"which": "b", "reason": "changed again"})
    assert [row[:2] for row in rows(database)] == [("Roe", "because"), ("Roe!!", "changed again")]


def test_what_the_database_refuses_is_an_error_of_sqlalchemy(database: Database) -> None:
    prepared = Prepared(insert(pause).inline(), *COLUMNS)
    with database.begin() as connection:
        prepared.execute(connection, a_pause("twice"))
    with pytest.raises(IntegrityError), database.begin() as connection:
        prepared.execute(connection, a_pause("twice"))
    assert len(rows(database)) == 1
