"""To whom studies are assigned, and when somebody opened one for the first time; neither moves a study.

Who reads a study is another matter (`store.listing.actions`): anybody may read what is assigned to somebody else.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, insert, select, update

from triaged.errors import UnknownStudy
from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.tables.rows import insert_unless_there, known_study
from triaged.study.verdict import Assignment, require_person


class Assignments(Ledger):
    """What the pages write and show.

    Raises:
        UnknownStudy: there is no such study.
    """

    def assign(self, study_uid: str, assignee: str, person: str, *, now: datetime) -> Assignment:
        """Assign a study to a person or a group, or to nobody any more; the same again changes nothing."""
        require_person(person)
        with self._database.begin() as connection:
            study = known_study(connection, study_uid)
            if (study.assigned_to or "") != assignee:
                values = {"study_id": study.id, "at": now, "person": person, "assignee": assignee}
                connection.execute(_ASSIGN, values)
                connection.execute(_SET, {"study": study.id, "assigned_to": assignee or None})
        return Assignment(study_uid, now, person, assignee)

    def of_study(self, study_uid: str) -> list[Assignment]:
        """Return every assignment of a study, the oldest first."""
        rows = self._rows(_OF_STUDY, uid=study_uid)
        return [Assignment(study_uid, row.at, row.person, row.assignee) for row in rows]

    def opened(self, study_uid: str, person: str, *, now: datetime) -> None:
        """Keep when a person opened a study for the first time; later times are not kept."""
        require_person(person)
        found = self._row(_OPENED, uid=study_uid, person=person)
        if found is None:
            raise UnknownStudy(f"expected a study on the list, found none with the Study Instance UID {study_uid}")
        if found.opening is None:
            values = {"study_id": found.study, "person": person, "at": now}
            with self._database.begin() as connection:
                insert_unless_there(connection, schema.opening, values, key=["study_id", "person"])


_study, _assignment, _opening = schema.study, schema.assignment, schema.opening
_ASSIGN = insert(_assignment)
_SET = update(_study).where(_study.c.id == bindparam("study"))
_OF_STUDY = (
    select(_assignment)
    .join(_study, _study.c.id == _assignment.c.study_id)
    .where(_study.c.study_uid == bindparam("uid"))
    .order_by(_assignment.c.id)
)
_mine = (_opening.c.study_id == _study.c.id) & (_opening.c.person == bindparam("person", type_=_opening.c.person.type))
_OPENED = (
    select(_study.c.id.label("study"), _opening.c.id.label("opening"))
    .select_from(_study)
    .outerjoin(_opening, _mine)
    .where(_study.c.study_uid == bindparam("uid"))
)
