"""What readers do with studies: each action once, with who and when, and what it changes in the same transaction.

What may be done is decided by `study.read_state`, the ranking of the study afterwards by the policy of the caller.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, update

from triaged.errors import ActionRefused
from triaged.store.listing import order
from triaged.store.listing.rankings import ranking_input_of
from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.tables.rows import known_study
from triaged.study.ranking import Override
from triaged.study.ranking_input import RankingPolicy
from triaged.study.read_state import PROGRAM, Action, ActionKind, ReadState, ReadStatus, after_action, require_reader

_WORDS = {
    ActionKind.READING: "taken for reading",
    ActionKind.RELEASED: "released",
    ActionKind.DONE: "done",
    ActionKind.REOPENED: "opened again",
    ActionKind.PINNED: "pinned",
    ActionKind.RAISED: "raised",
    ActionKind.LOWERED: "lowered",
    ActionKind.RESTORED: "put back into the order of the list",
}


class Actions(Ledger):
    """What the pages write and show.

    Raises:
        UnknownStudy: there is no such study.
        ActionRefused: its read state does not allow it, there is nothing to take back, or somebody else reads it.
    """

    def act(
        self,
        study_uid: str,
        kind: ActionKind,
        person: str,
        *,
        ranking_policy: RankingPolicy,
        now: datetime,
        detail: str = "",
    ) -> Action:
        """Do something with a study; the same person doing the same again changes nothing and gets the first action."""
        with self._database.begin() as connection:
            study = known_study(connection, study_uid)
            last = _last(connection, study)
            if last is not None and (last.kind, last.person) == (kind, person):
                return _action(last, study_uid)
            before = read_status_of(study)
            after = after_action(before, kind, person, now=now)
            if kind is ActionKind.READING and before.state is ReadState.READING and before.person != person:
                detail = f"taken over from {before.person}" + (f": {detail}" if detail else "")
            cause = f"{_WORDS[kind]} by {person}" + (f": {detail}" if detail else "")
            done = record_action(connection, study, kind, person, detail=detail, now=now)
            _hand_over(connection, study, after, ranking_policy, cause=cause, now=now)
        return Action(done, study_uid, now, person, kind, detail)

    def undo(
        self, study_uid: str, person: str, *, ranking_policy: RankingPolicy, now: datetime, action_id: int | None = None
    ) -> Action:
        """Take back the last action on a study that was not taken back yet, whoever did it; return the taking back.

        With `action_id` only if that is the last one: what a person sees and takes back may not be the last any more.

        What the program did by itself is not taken back, nor what lies before that: a study came back since its reader
        has not seen all of it.
        """
        with self._database.begin() as connection:
            study = known_study(connection, study_uid)
            require_reader(read_status_of(study), ActionKind.UNDONE, person)
            last = _last(connection, study)
            if last is None or last.person == PROGRAM:
                found = "none" if last is None else f"{last.kind} by {last.person}"
                raise ActionRefused(f"{ActionKind.UNDONE}: expected an action of a person, found {found}")
            detail = f"{last.kind} by {last.person}"
            if action_id not in (None, last.id):
                raise ActionRefused(f"{ActionKind.UNDONE}: expected the last action, found a later one: {detail}")
            state, override = ReadState(last.read_state_before), Override(last.override_before)
            after = ReadStatus(state, last.read_by_before or "", last.read_at_before, override)
            undone = record_action(connection, study, ActionKind.UNDONE, person, detail=detail, undoes=last.id, now=now)
            cause = f"{_WORDS[ActionKind(last.kind)]} by {last.person}, undone by {person}"
            _hand_over(connection, study, after, ranking_policy, cause=cause, now=now)
        return Action(undone, study_uid, now, person, ActionKind.UNDONE, detail, undoes=last.id)

    def actions(self, study_uid: str) -> list[Action]:
        """Return everything that was done with a study, the oldest first."""
        rows = self._rows(_ACTIONS, uid=study_uid)
        undone = {row.undoes for row in rows}
        return [_action(row, study_uid, undone=row.id in undone) for row in rows]


def read_status_of(study: Row[Any]) -> ReadStatus:
    """Return the read status of the study of a row."""
    return ReadStatus(ReadState(study.read_state), study.read_by or "", study.read_at, Override(study.override))


def record_action(
    connection: Connection,
    study: Row[Any],
    kind: ActionKind,
    person: str,
    *,
    detail: str,
    now: datetime,
    undoes: int | None = None,
) -> int:
    """Write an action with the read status of the study, whose row is locked, before it; return its number."""
    before = {f"{name}_before": getattr(study, name) for name in ("override", "read_state", "read_by", "read_at")}
    told = {"at": now, "person": person, "kind": kind, "detail": detail, "undoes": undoes}
    return int(connection.execute(_ACT, {"study_id": study.id, **told, **before}).scalar_one())


def set_read_status(connection: Connection, study_id: int, hand: ReadStatus) -> None:
    """Write the read status of a study."""
    by = hand.person or None
    values = {"override": hand.override, "read_state": hand.state, "read_by": by, "read_at": hand.at}
    connection.execute(_SET, {"study": study_id, **values})


def _hand_over(
    connection: Connection,
    study: Row[Any],
    after: ReadStatus,
    ranking_policy: RankingPolicy,
    *,
    cause: str,
    now: datetime,
) -> None:
    """Give a study another read status, with what follows for the order.

    One that comes back is re-ranked: meanwhile the policy may have changed, and keys of two do not compare.
    """
    set_read_status(connection, study.id, after)
    if study.ignored:
        return
    was_open, is_open = study.read_state != ReadState.DONE, after.state is not ReadState.DONE
    if was_open and not is_open:
        order.leave(connection, study, cause=cause, now=now)
        return
    if after.override != study.override or not was_open:
        ranking = ranking_policy(ranking_input_of(connection, study, now=now, override=after.override))
        order.place(connection, study, ranking, cause=cause, now=now)
        if not was_open:
            order.enter(connection, study.id, ranking.sort_key, cause=cause, now=now)


def _last(connection: Connection, study: Row[Any]) -> Row[Any] | None:
    """Return the last action on a study that is neither taken back nor a taking back itself."""
    return connection.execute(_LAST, {"study": study.id}).one_or_none()


def _action(row: Row[Any], study_uid: str, *, undone: bool = False) -> Action:
    kind = ActionKind(row.kind)
    return Action(row.id, study_uid, row.at, row.person, kind, row.detail, row.undoes, undone)


_study, _taken = schema.study, schema.action
_back = _taken.alias("back")
_ACT = insert(_taken).returning(_taken.c.id)
_SET = update(_study).where(_study.c.id == bindparam("study"))
_LAST = (
    select(_taken)
    .where(
        _taken.c.study_id == bindparam("study"),
        _taken.c.undoes.is_(None),
        ~select(_back.c.id).where(_back.c.undoes == _taken.c.id).exists(),
    )
    .order_by(_taken.c.id.desc())
    .limit(1)
)
_ACTIONS = (
    select(_taken)
    .join(_study, _study.c.id == _taken.c.study_id)
    .where(_study.c.study_uid == bindparam("uid"))
    .order_by(_taken.c.id)
)
