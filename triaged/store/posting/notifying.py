"""Changes of studies, written for the receivers that want to be notified, in the transaction that makes the change.

Functions within a transaction of their callers, which lock the study's row. Knows no wire and no policy.

Of one study a receiver is notified in order, and only of what is current: what has not been sent yet, and no courier is
just sending, is withdrawn for the newer change, which then begins at the class that the receiver was sent last.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from triaged.store.dispatch.tickets import Task, issue
from triaged.store.posting.leases import is_free, posted
from triaged.store.tables import schema
from triaged.study.notification import Occasion
from triaged.study.ranking import Ranking
from triaged.study.records import DeliveryState


def announce(
    connection: Connection, study: Row[Any], ranking: Ranking, *, result_id: int | None, now: datetime
) -> None:
    """Write what a study's new placement, and its new result where there is one, is for each receiver.

    `study` is the row as it was before.
    """
    if result_id is None and ranking.triage_class == study.triage_class:
        return
    for receiver, occasions in _receivers(connection).items():
        if _post(connection, study, ranking, receiver, occasions, result_id=result_id, now=now):
            issue(connection, Task.PUSH, receiver)


def announce_all(connection: Connection, placements: Mapping[int, Ranking], *, now: datetime) -> None:
    """Write which studies have another class with their new placements; their rows still say the old one."""
    receivers, posted_to = _receivers(connection), set()
    if not receivers:
        return
    for study in connection.execute(_OPEN).all():
        ranking = placements.get(study.id)
        if ranking is not None and ranking.triage_class != study.triage_class:
            for receiver, occasions in receivers.items():
                if _post(connection, study, ranking, receiver, occasions, result_id=None, now=now):
                    posted_to.add(receiver)
    for receiver in sorted(posted_to):
        issue(connection, Task.PUSH, receiver)


def withdraw_for_newer(connection: Connection, push: Row[Any], *, now: datetime) -> bool:
    """Withdraw a push, whose study is locked, where a newer one waits behind it; tell whether it did."""
    newer = connection.execute(_NEWER, {"study": push.study_id, "to": push.receiver, "push": push.id}).first()
    if newer is None:
        return False
    untold = _withdraw(connection, push.study_id, push.receiver, newer.id, now)
    if not untold:
        return False
    is_result = Occasion.RESULT in {newer.occasion, *(row.occasion for row in untold)}
    occasion = Occasion.RESULT if is_result else Occasion.CLASS_CHANGE
    connection.execute(_SET, {"push": newer.id, "class_before": untold[0].class_before, "occasion": occasion})
    return True


def _receivers(connection: Connection) -> dict[str, frozenset[Occasion]]:
    rows = connection.execute(_RECEIVERS)
    return {row.receiver: frozenset(Occasion(each) for each in json.loads(row.occasions)) for row in rows}


def _post(
    connection: Connection,
    study: Row[Any],
    ranking: Ranking,
    receiver: str,
    wanted: frozenset[Occasion],
    *,
    result_id: int | None,
    now: datetime,
) -> bool:
    """Write a change, unless it is none for this receiver; tell whether it was written."""
    untold = _withdraw(connection, study.id, receiver, None, now)
    before = untold[0].class_before if untold else study.triage_class
    is_result = result_id is not None or any(row.occasion == Occasion.RESULT for row in untold)
    occasion = Occasion.RESULT if is_result and Occasion.RESULT in wanted else Occasion.CLASS_CHANGE
    # One that was tried may have arrived all the same: then the receiver has to be notified even that all is as before.
    differs = before != ranking.triage_class or any(row.attempts or row.error is not None for row in untold)
    if occasion is Occasion.CLASS_CHANGE and not (differs and Occasion.CLASS_CHANGE in wanted):
        return False
    values = {
        "study_id": study.id,
        "receiver": receiver,
        "at": now,
        "occasion": occasion,
        "class_before": before,
        "class_after": ranking.triage_class,
        "reason": ranking.reason,
        "result_id": study.result_id if result_id is None else result_id,
        **posted(now),
    }
    connection.execute(insert(_push), values)
    return True


def _withdraw(
    connection: Connection, study_id: int, receiver: str, older_than: int | None, now: datetime
) -> Sequence[Row[Any]]:
    """Withdraw what a receiver has not been sent of a study and no courier has; return it, the oldest first."""
    statement = _WITHDRAW if older_than is None else _WITHDRAW.where(_push.c.id < older_than)
    rows = connection.execute(statement, {"study": study_id, "to": receiver, "now": now})
    return sorted(rows, key=lambda row: int(row.id))


_study, _push = schema.study, schema.push
_UNTOLD = _push.c.state.in_([DeliveryState.PENDING, DeliveryState.DEAD, DeliveryState.REFUSED])
_OF_STUDY = (_push.c.study_id == bindparam("study"), _push.c.receiver == bindparam("to"))
_RECEIVERS = select(schema.push_receiver)
_OPEN = select(_study).where(_study.c.read_state != "DONE").order_by(_study.c.id)
_NEWER = (
    select(_push.c.id, _push.c.occasion)
    .where(*_OF_STUDY, _push.c.state == DeliveryState.PENDING, _push.c.id > bindparam("push"))
    .order_by(_push.c.id.desc())
    .limit(1)
)
_SET = update(_push).where(_push.c.id == bindparam("push"))
_WITHDRAW = (
    update(_push)
    .where(*_OF_STUDY, _UNTOLD, is_free(_push))
    .values(state=DeliveryState.WITHDRAWN, courier=None, lease_expires_at=None)
    .returning(_push.c.id, _push.c.class_before, _push.c.occasion, _push.c.attempts, _push.c.error)
)
