"""Procrastinate's job manager on a connection of ours: what it writes is part of the transaction that is open there.

The only module that imports Procrastinate, and itself imported only where the database is PostgreSQL: migration 0030
makes its tables there. Knows no studies and no tables of ours.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from procrastinate.connector import BaseConnector
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager, get_channel_for_queues
from psycopg.types.json import Jsonb
from sqlalchemy import Connection, text

_STALLED_S = 60.0
_NOBODY: Any = None
"""Who fetches a job: it is used up before anybody else sees it, so that no worker has to be registered."""
_KEPT_HOURS = 1

_Answer = TypeVar("_Answer")


def defer(connection: Connection, queue: str, task: str, *, number: int = 1) -> None:
    """Write jobs that can be fetched, and notify those who listen, once the transaction is committed."""
    job = Job(queue=queue, lock=None, queueing_lock=None, task_name=task)
    JobManager(_OnOurs(connection)).batch_defer_jobs([job] * number)


def use_up(connection: Connection, queue: str) -> bool:
    """Fetch a job and delete it; False where none waits. No two transactions fetch the same."""
    manager = JobManager(_OnOurs(connection))
    job = _at_once(manager.fetch_job(queues=[queue], worker_id=_NOBODY))
    if job is not None:
        _at_once(manager.finish_job(job, Status.SUCCEEDED, delete_job=True))
    return job is not None


def take_turn(connection: Connection, task: str, moment: int) -> bool:
    """Take the turn of a periodic task at a moment (in seconds); False where anybody had that one."""
    manager = JobManager(_OnOurs(connection))
    arguments: dict[str, Any] = {"timestamp": moment}
    job = Job(queue="turn", lock=None, queueing_lock=None, task_name=task, task_kwargs=arguments)
    number = _at_once(manager.defer_periodic_job(job, periodic_id="", defer_timestamp=moment))
    if number is not None:
        _at_once(manager.finish_job_by_id_async(number, Status.SUCCEEDED, delete_job=True))
    return number is not None


def without_waiting(connection: Connection) -> None:
    """Let this transaction be committed without waiting for the disk: a server that crashes may forget it."""
    connection.execute(text("SET LOCAL synchronous_commit = off"))


def waiting(connection: Connection) -> Mapping[str, int]:
    """Return how many jobs can be fetched, by queue."""
    found = JobManager(_OnOurs(connection)).list_queues(status=Status.TODO.value)
    return {queue["name"]: queue["todo"] for queue in found}


def remove_left(connection: Connection) -> int:
    """Delete jobs that somebody fetched and died with, which nobody fetches again; return how many.

    Also those that ended, and the workers that ended: not ours, which leave neither.
    """
    manager = JobManager(_OnOurs(connection))
    stalled = list(_at_once(manager.get_stalled_jobs(seconds_since_heartbeat=_STALLED_S)))
    for job in stalled:
        _at_once(manager.finish_job(job, Status.FAILED, delete_job=True))
    _at_once(manager.delete_old_jobs(_KEPT_HOURS, include_failed=True, include_cancelled=True, include_aborted=True))
    _at_once(manager.prune_stalled_workers(_STALLED_S))
    return len(stalled)


def channel(queue: str) -> str:
    """Return the channel on which PostgreSQL notifies of jobs in a queue."""
    (found,) = get_channel_for_queues([queue])
    return found


def _at_once(answer: Coroutine[Any, Any, _Answer]) -> _Answer:
    """Return what a coroutine gives that never waits: our connector has the answer before it returns."""
    try:
        answer.send(None)
    except StopIteration as ended:
        result: _Answer = ended.value
        return result
    raise RuntimeError("expected an answer at once, found a coroutine that waits")


class _OnOurs(BaseConnector):
    """How the job manager reaches the database: through SQLAlchemy's connection, whose errors it lets pass."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get_sync_connector(self) -> BaseConnector:
        """Return this connector."""
        return self

    def execute_query_all(self, query: str, **arguments: Any) -> list[dict[str, Any]]:
        """Return the rows."""
        values = {name: _wrapped(value) for name, value in arguments.items()}
        return [dict(row) for row in self._connection.exec_driver_sql(query, values).mappings()]

    async def execute_query_async(self, query: str, **arguments: Any) -> None:
        """Execute a statement."""
        values = {name: _wrapped(value) for name, value in arguments.items()}
        self._connection.exec_driver_sql(query, values)

    async def execute_query_one_async(self, query: str, **arguments: Any) -> dict[str, Any]:
        """Return the only row."""
        (row,) = self.execute_query_all(query, **arguments)
        return row

    async def execute_query_all_async(self, query: str, **arguments: Any) -> list[dict[str, Any]]:
        """Return the rows."""
        return self.execute_query_all(query, **arguments)


def _wrapped(value: Any) -> Any:
    """Return a parameter as psycopg takes it: objects as JSON, wherever they stand."""
    if isinstance(value, Mapping):
        return Jsonb(value)
    if isinstance(value, tuple):
        return tuple(_wrapped(each) for each in value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_wrapped(each) for each in value]
    return value
