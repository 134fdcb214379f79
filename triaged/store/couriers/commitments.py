"""Storage commitment in tables: what we keep of what a peer names, and what destinations keep of ours.

Knows no sockets, and no files either: whether the bytes of a row are on the disk is for others to see.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, Connection, bindparam, literal_column, or_, select, update

from triaged.store.posting.publishing import withdraw_if_pending, withdraw_superseded
from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.study.commitment import CommitmentReport, FailureReason, Reference
from triaged.study.records import DeliveryState
from triaged.study.uids import SOPInstanceUID

_AT_ONCE = 500
"""How many instances one query names; databases limit the parameters of a statement."""


@dataclass(frozen=True, slots=True)
class Held:
    """An instance that is kept: its class, and a file that has to be whole; the size of our own objects is not kept."""

    sop_class_uid: str
    path: str
    size_bytes: int | None


class Commitments(Ledger):
    """What is asked of us, what we ask, and what became of it."""

    def held(self, references: Sequence[Reference]) -> Mapping[str, Held]:
        """Return what is kept, by the SOP Instance UIDs as they are asked for.

        Also of what is in quarantine under that UID, and of our own objects. Where several instances have one UID, it
        is one of the class that is asked for, if there is any. What is not kept is not in the answer.
        """
        keys = {each.sop_instance_uid: _key(each.sop_instance_uid) for each in references}
        with self._database.read() as connection:
            found = _kept(connection, sorted({key for key in keys.values() if key}))
        held = {}
        for each in references:
            kept = found.get(keys[each.sop_instance_uid], [])
            if kept:
                fits = (one for one in kept if one.sop_class_uid == each.sop_class_uid)
                held[each.sop_instance_uid] = next(fits, kept[0])
        return held

    def promise(self, references: Sequence[Reference], *, now: datetime) -> None:
        """Record that a peer may be told that these instances are kept, before it is: they stay longer for it."""
        keys = sorted({key for each in references if (key := _key(each.sop_instance_uid))})
        with self._database.begin() as connection:
            for some in _in_parts(keys):
                of_studies = _HOLDING.where(_instance.c.sop_instance_uid.in_(some))
                connection.execute(_PROMISE.where(_study.c.id.in_(of_studies)), {"promised_at": now})
                connection.execute(_PROMISE_ASIDE.where(_quarantine.c.sop_instance_uid.in_(some)), {"promised_at": now})

    def uncommitted(
        self, destination: str, *, ask_again_before: datetime, limit: int, now: datetime
    ) -> tuple[tuple[int, Reference], ...]:
        """Return what a destination was sent and has not said to keep, of the one study that waits for longest.

        What it was asked about since `ask_again_before` is left out: the answer may still come. `now` is not needed.
        """
        del now
        parameters = {"to": destination, "before": ask_again_before}
        with self._database.read() as connection:
            first = connection.execute(_UNCOMMITTED.order_by(*_OLDEST_FIRST).limit(1), parameters).first()
            if first is None:
                return ()
            # By its objects, and in order only afterwards: else a database looks through what all studies wait for.
            objects = select(_derived.c.id).where(_derived.c.study_id == first.study_id)
            made = connection.execute(objects).scalars().all()
            rows = connection.execute(_UNCOMMITTED.where(_outbox.c.derived_id.in_(made)), parameters).all()
        oldest_first = sorted(rows, key=lambda row: (row.sent_at, row.id))
        return tuple((row.id, Reference(row.sop_class_uid, row.sop_instance_uid)) for row in oldest_first[:limit])

    def asked(self, item_ids: Collection[int], transaction_uid: str, *, now: datetime) -> None:
        """Record in which transaction a destination is asked to keep these deliveries; an earlier one is forgotten."""
        values = {"commitment_uid": transaction_uid, "commitment_asked_at": now}
        with self._database.begin() as connection:
            for some in _in_parts(sorted(item_ids)):
                connection.execute(_IS_UNCOMMITTED.where(_outbox.c.id.in_(some)), values)

    def settle(
        self, report: CommitmentReport, *, max_attempts: int, wait_s: float = 0.0, now: datetime
    ) -> tuple[int, int]:
        """Record what a destination answered; return how many deliveries it keeps and how many it does not.

        What it does not keep is sent again, with its reason as error, after `wait_s` for each time that this was said,
        and given up when it was said `max_attempts` times. An answer to nothing that was asked, or a second one to the
        same, changes nothing; nor does one that says only that the transaction was known (0131H): it is asked again in
        another.
        """
        with self._database.begin() as connection:
            # The studies first, as in a commit, so that neither waits for the other.
            studies = connection.execute(_STUDIES_ASKED, {"transaction": report.transaction_uid}).scalars().all()
            rows = connection.execute(_ASKED, {"transaction": report.transaction_uid}).all()
            asked = {row.sop_instance_uid: row for row in rows}
            known = FailureReason.DUPLICATE_TRANSACTION
            lost = {each.reference.sop_instance_uid: each.reason for each in report.failed if each.reason != known}
            committed = asked.keys() & {each.sop_instance_uid for each in report.committed}
            failed = (asked.keys() & lost.keys()) - committed
            for uid in committed:
                connection.execute(_SET, {"item": asked[uid].id, "committed_at": now})
            for uid in failed:
                failures = asked[uid].commitment_failures + 1
                state = DeliveryState.DEAD if failures >= max_attempts else DeliveryState.PENDING
                again = now + timedelta(seconds=wait_s * failures)
                connection.execute(_SET, {"item": asked[uid].id, **_not_kept(state, failures, lost[uid], again)})
            for study_id in studies:
                withdraw_superseded(connection, study_id, now=now)
            for uid in failed:
                withdraw_if_pending(connection, asked[uid].id, now=now)
        return len(committed), len(failed)


def _key(sop_instance_uid: str) -> str:
    """Return under which UID an instance is filed that is named so."""
    return SOPInstanceUID.parse(sop_instance_uid).value if sop_instance_uid.strip(" \0") else ""


def _kept(connection: Connection, keys: Sequence[str]) -> dict[str, list[Held]]:
    """Return all that is kept under these UIDs; received instances first, our own objects last."""
    found: dict[str, list[Held]] = {}
    for query, key in _KEPT:
        for some in _in_parts(keys):
            for row in connection.execute(query.where(key.in_(some))):
                sop_class = json.loads(row.image)["sop_class_uid"] if query is _RECEIVED else row.sop_class_uid
                size = None if query is _OWN else row.size_bytes
                found.setdefault(row.sop_instance_uid, []).append(Held(sop_class, row.path, size))
    return found


def _in_parts(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE))


def _not_kept(state: DeliveryState, failures: int, reason: int, again: datetime) -> dict[str, Any]:
    return {
        "state": state,
        "commitment_failures": failures,
        "commitment_uid": None,
        "commitment_asked_at": None,
        "sent_at": None,
        "next_attempt_at": again,
        "error": f"sent, but the destination does not keep it: {_in_words(reason)}",
    }


def _in_words(reason: int) -> str:
    try:
        return f"{FailureReason(reason).name.lower().replace('_', ' ')} ({reason:04X}H)"
    except ValueError:
        return f"{reason:04X}H"


_outbox, _derived, _instance, _quarantine = schema.outbox, schema.derived, schema.instance, schema.quarantine
_study = schema.study
_HOLDING = select(_instance.c.study_id)
_PROMISE = update(_study).where(_study.c.promised_at.is_(None))
_PROMISE_ASIDE = update(_quarantine).where(_quarantine.c.promised_at.is_(None))

_RECEIVED = (
    select(_instance.c.sop_instance_uid, _instance.c.image, _instance.c.path, _instance.c.size_bytes)
    .where(_instance.c.removal_id.is_(None))
    .order_by(_instance.c.id)
)
_ASIDE = (
    select(_quarantine.c.sop_instance_uid, _quarantine.c.sop_class_uid, _quarantine.c.path, _quarantine.c.size_bytes)
    .where(_quarantine.c.removal_id.is_(None))
    .order_by(_quarantine.c.id)
)
_OWN = select(_derived.c.sop_instance_uid, _derived.c.sop_class_uid, _derived.c.path).where(
    _derived.c.removal_id.is_(None)
)
_KEPT: tuple[tuple[Any, Column[Any]], ...] = (
    (_RECEIVED, _instance.c.sop_instance_uid),
    (_ASIDE, _quarantine.c.sop_instance_uid),
    (_OWN, _derived.c.sop_instance_uid),
)

_SET = update(_outbox).where(_outbox.c.id == bindparam("item"))
# The state as a literal, not a parameter: else SQLite cannot tell that the index of these rows is for them.
_is_uncommitted = (_outbox.c.state == literal_column("'SENT'")) & _outbox.c.committed_at.is_(None)
_IS_UNCOMMITTED = update(_outbox).where(_is_uncommitted)
_UNCOMMITTED = (
    select(_outbox.c.id, _outbox.c.sent_at, _derived.c.study_id, _derived.c.sop_class_uid, _derived.c.sop_instance_uid)
    .join(_derived, _derived.c.id == _outbox.c.derived_id)
    .where(
        _is_uncommitted,
        _outbox.c.destination == bindparam("to"),
        or_(
            _outbox.c.commitment_asked_at.is_(None),
            _outbox.c.commitment_asked_at < bindparam("before", type_=_outbox.c.commitment_asked_at.type),
        ),
    )
)
_OLDEST_FIRST = (_outbox.c.sent_at, _outbox.c.id)
_asked_in = _is_uncommitted & (_outbox.c.commitment_uid == bindparam("transaction"))
_ASKED = (
    select(_outbox.c.id, _outbox.c.commitment_failures, _derived.c.sop_instance_uid)
    .join(_derived, _derived.c.id == _outbox.c.derived_id)
    .where(_asked_in)
    .order_by(_outbox.c.id)
)
_STUDIES_ASKED = (
    select(schema.study.c.id)
    .where(
        schema.study.c.id.in_(
            select(_derived.c.study_id).join(_outbox, _outbox.c.derived_id == _derived.c.id).where(_asked_in)
        )
    )
    .order_by(schema.study.c.id)
    .with_for_update(key_share=True)
)
