"""Tickets for studies that wait for a worker: one queue for those of each kind, since not every worker takes both.

Functions within a transaction of their callers.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Row

from triaged.store.dispatch.tickets import Task, issue, queue
from triaged.store.tables.modalities import modalities_of
from triaged.study.modalities import Stratum, stratum_of


def of_stratum(stratum: Stratum) -> str:
    """Return whose tickets those of such studies are: X-rays have a queue of their own, all others the common one."""
    return "" if stratum is Stratum.VOLUME else stratum.value


def score_queues(strata: Collection[Stratum]) -> list[str]:
    """Return the queues of a worker that takes such studies."""
    return [queue(Task.SCORE, of_stratum(stratum)) for stratum in Stratum if stratum in strata]


def call_worker(connection: Connection, study: Row[Any]) -> None:
    """Write a ticket for a study that waits for a worker."""
    issue(connection, Task.SCORE, of_stratum(stratum_of(None, modalities_of(study.modalities))))
