"""Which object goes where: deliveries that a result brings, and those that something newer takes the place of.

Functions within a transaction of their callers. Knows no sockets and no files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, case, exists, func, or_, select, update

from triaged.store.dispatch.tickets import Task, issue
from triaged.store.posting.leases import is_free, posted
from triaged.store.posting.ruling import wanted_by
from triaged.store.tables import schema
from triaged.store.tables.rows import insert_unless_there
from triaged.study.kinds import KINDS, ObjectKind, kind_of
from triaged.study.records import DeliveryState, DerivedObject


def publish(
    connection: Connection,
    study_id: int,
    result_id: int,
    objects: Sequence[DerivedObject],
    destinations: Mapping[str, frozenset[ObjectKind]],
    *,
    now: datetime,
    second_result_id: int | None = None,
) -> None:
    """Keep the objects of a result, each once, and post them to the destinations that want them.

    Where a rule of the site names those that may have them, no other gets any. `second_result_id` says that they are of
    what a second engine found beside that result.
    """
    of_result = {"result_id": result_id, "second_result_id": second_result_id, "removal_id": None}
    known = [_keep(connection, study_id, of_result, made) for made in objects]
    for destination, kinds in wanted_by(connection, study_id, destinations).items():
        wanted = kinds - _left_out(connection, destination, kinds, objects)
        its_own = [derived_id for made, derived_id in zip(objects, known, strict=True) if made.kind in wanted]
        for derived_id in its_own:
            _post(connection, derived_id, destination, now)
        if its_own:
            issue(connection, Task.DELIVER, destination)


def withdraw_superseded(connection: Connection, study_id: int, *, now: datetime) -> None:
    """Withdraw the deliveries of a study that are not of the current set, have not been sent, and no courier has.

    Also those that were given up or refused: nobody has to see to them any more.
    """
    revision = connection.execute(_REVISION_IN_FORCE, {"study": study_id}).scalar_one_or_none()
    said = f"superseded by revision {revision} before it was sent"
    connection.execute(_WITHDRAW, {"study": study_id, "now": now, "said": said})


def withdraw_if_pending(connection: Connection, item_id: int, *, now: datetime) -> None:
    """Send single pictures in the place of a delivery of pictures in one object that was refused or given up.

    One that was refused stays so, for people to see; one that was given up needs nobody's care any more.
    """
    failed = connection.execute(_FAILED, {"item": item_id}).one_or_none()
    if failed is None:
        return
    singles = connection.execute(_SINGLES, {"item": item_id}).scalars().all()
    for derived_id in singles:
        values = _delivery(derived_id, failed.destination, now)
        insert_unless_there(connection, schema.outbox, values, key=_DELIVERY_KEY)
    if singles:
        state = DeliveryState.REFUSED if failed.state == DeliveryState.REFUSED else DeliveryState.WITHDRAWN
        error = f"{failed.error}; the single pictures are sent instead"
        connection.execute(update(_outbox).where(_outbox.c.id == item_id), {"state": state, "error": error})
        issue(connection, Task.DELIVER, failed.destination)


def _keep(connection: Connection, study_id: int, of_result: Mapping[str, int | None], made: DerivedObject) -> int:
    values = {
        "study_id": study_id,
        **of_result,
        "sop_instance_uid": made.sop_instance_uid,
        "sop_class_uid": made.sop_class_uid,
        "transfer_syntax_uid": made.transfer_syntax_uid,
        "kind": made.kind.name,
        "path": made.path,
        "sha256": made.sha256,
    }
    derived_id = insert_unless_there(connection, schema.derived, values, key=["sop_instance_uid"])
    if derived_id is None:
        derived_id = int(connection.execute(_KNOWN, {"sop": made.sop_instance_uid}).scalar_one())
        connection.execute(_ADOPT, {"derived": derived_id, **of_result})
    return derived_id


def _left_out(
    connection: Connection, destination: str, kinds: frozenset[ObjectKind], objects: Sequence[DerivedObject]
) -> frozenset[ObjectKind]:
    """Return the kinds of pictures that a destination does not get because it gets the same ones in the other form."""
    there = kinds & {made.kind for made in objects}
    return frozenset(
        single if _goes_whole(connection, destination, whole, objects) else whole
        for whole in there
        if (single := whole.combines) and single in there
    )


def _goes_whole(connection: Connection, destination: str, whole: ObjectKind, objects: Sequence[DerivedObject]) -> bool:
    """Tell whether pictures go in one object.

    What has begun to be sent of these very objects decides first, so that the pictures never arrive twice.
    """
    uids = [made.sop_instance_uid for made in objects if made.kind in (whole, whole.combines)]
    kinds = _POSTED.where(_derived.c.sop_instance_uid.in_(uids))
    posted = {kind_of(kind) for kind in connection.execute(kinds, {"to": destination}).scalars()}
    if posted:
        return whole.combines not in posted
    return _accepts(connection, destination, whole.sop_class_uid)


def _accepts(connection: Connection, destination: str, sop_class_uid: str) -> bool:
    accepted = connection.execute(_ACCEPTED, {"to": destination}).scalar_one_or_none()
    return accepted is not None and bool(json.loads(accepted).get(sop_class_uid))


def _post(connection: Connection, derived_id: int, destination: str, now: datetime) -> None:
    values = _delivery(derived_id, destination, now)
    if insert_unless_there(connection, schema.outbox, values, key=_DELIVERY_KEY) is None:
        parameters = {"derived": derived_id, "to": destination}
        connection.execute(_REVIVE, parameters | posted(now))


def _delivery(derived_id: int, destination: str, now: datetime) -> dict[str, Any]:
    return {"derived_id": derived_id, "destination": destination, "created_at": now, **posted(now)}


_derived, _outbox, _result, _study = schema.derived, schema.outbox, schema.result, schema.study
_DELIVERY_KEY = ("derived_id", "destination")
_SINGLE_OF = {kind.name: kind.combines.name for kind in KINDS.values() if kind.combines}
_KNOWN = select(_derived.c.id).where(_derived.c.sop_instance_uid == bindparam("sop"))
_ADOPT = update(_derived).where(_derived.c.id == bindparam("derived"))
_REVIVE = update(_outbox).where(
    _outbox.c.derived_id == bindparam("derived"),
    _outbox.c.destination == bindparam("to"),
    _outbox.c.state.in_([DeliveryState.DEAD, DeliveryState.REFUSED, DeliveryState.WITHDRAWN]),
)
_ACCEPTED = select(schema.negotiated.c.accepted).where(schema.negotiated.c.destination == bindparam("to"))
_POSTED = (
    select(_derived.c.kind)
    .join(_outbox, _outbox.c.derived_id == _derived.c.id)
    .where(_outbox.c.destination == bindparam("to"))
)

_in_force = _result.alias("in_force")
IN_FORCE = _in_force
"""The current result, in queries that also say which result an object is of."""
IS_SUPERSEDED = _result.c.object_set_uid != _in_force.c.object_set_uid
"""True for objects, joined with their result and the current one, of a set that is no longer current."""

_REVISION_IN_FORCE = (
    select(_result.c.set_revision)
    .join(_study, _study.c.result_id == _result.c.id)
    .where(_study.c.id == bindparam("study"))
)
_superseded = (
    select(_derived.c.id)
    .join(_result, _result.c.id == _derived.c.result_id)
    .join(_study, _study.c.id == _derived.c.study_id)
    .join(_in_force, _in_force.c.id == _study.c.result_id)
    .where(_study.c.id == bindparam("study"), IS_SUPERSEDED)
)
_said = bindparam("said", type_=_outbox.c.error.type)
_WITHDRAW = (
    update(_outbox)
    .where(
        _outbox.c.derived_id.in_(_superseded),
        or_(
            _outbox.c.state.in_([DeliveryState.DEAD, DeliveryState.REFUSED]),
            (_outbox.c.state == DeliveryState.PENDING) & is_free(_outbox),
        ),
    )
    .values(
        state=DeliveryState.WITHDRAWN,
        courier=None,
        lease_expires_at=None,
        error=_said + func.coalesce("; " + _outbox.c.error, ""),
    )
)
_FAILED = (
    select(_outbox.c.destination, _outbox.c.state, _outbox.c.error)
    .join(_derived, _derived.c.id == _outbox.c.derived_id)
    .where(
        _outbox.c.id == bindparam("item"),
        _outbox.c.state.in_([DeliveryState.DEAD, DeliveryState.REFUSED]),
        _derived.c.kind.in_(_SINGLE_OF),
    )
)
_single, _single_result = _derived.alias("single"), _result.alias("single_result")
_is_its_single = _single.c.kind == case(_SINGLE_OF, value=_derived.c.kind)
_SINGLES = (
    select(_single.c.id)
    .join(_single_result, _single_result.c.id == _single.c.result_id)
    .join(_derived, _derived.c.study_id == _single.c.study_id)
    .join(_result, _result.c.id == _derived.c.result_id)
    .join(_outbox, _outbox.c.derived_id == _derived.c.id)
    .where(
        _outbox.c.id == bindparam("item"), _single_result.c.object_set_uid == _result.c.object_set_uid, _is_its_single
    )
    .order_by(_single.c.id)
)
_to_same = _outbox.alias("to_same")
HAS_GIVEN_WAY = _derived.c.kind.in_(_SINGLE_OF) & exists(
    select(_to_same.c.id)
    .join(_single, _single.c.id == _to_same.c.derived_id)
    .join(_single_result, _single_result.c.id == _single.c.result_id)
    .where(
        _single.c.study_id == _derived.c.study_id,
        _is_its_single,
        _single_result.c.object_set_uid == _result.c.object_set_uid,
        _to_same.c.destination == _outbox.c.destination,
    )
    .correlate(_derived, _result, _outbox)
)
"""True for deliveries, joined with their object and result, of pictures in one object whose single ones go instead."""
