"""The reading worklist as rows: what is on it, in which order, and whether it has changed.

Reads only. The order is the sort key's and nothing else's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, Table, case, func, literal, select

from triaged.store.listing.order import IS_OPEN
from triaged.store.listing.parts import OPEN_LIST, SINCE, Part, narrowed, ordered, places
from triaged.store.listing.policies import warnings
from triaged.store.tables import schema
from triaged.store.tables.database import Database, Ledger
from triaged.store.tables.findings import from_text
from triaged.store.tables.modalities import modalities_of
from triaged.store.tables.rows import patient_of
from triaged.store.tables.views import Ended, ListOrder, Shown
from triaged.study.lifecycle import State
from triaged.study.ranking import Lane, Override, RequestPriority, Trend, TriageClass
from triaged.study.read_state import ReadState
from triaged.study.records import WorklistEntry
from triaged.study.second import SecondState

__all__ = ["Neighbours", "Part", "Worklist"]

_study = schema.study
_LONG_ENOUGH = 32
_LATE_COMMITS = 1000
"""How many row numbers back a transaction may still be open that the change token must notice."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The studies before and after another one, by their UIDs; None at the ends."""

    before: str | None
    after: str | None


class Worklist(Ledger):
    """The list, as pages and commands show it: of all studies, or of those of some sites alone.

    Positions and counts are then among these, as if there were no others.
    """

    def __init__(self, database: Database, sites: frozenset[str] = frozenset()) -> None:
        """`sites` are those whose studies are seen, an empty name for those of none; without names all studies."""
        super().__init__(database)
        self._sites = sites

    def within(self, sites: frozenset[str]) -> Worklist:
        """Return the list as somebody sees it who sees the studies of these sites alone; without names, all of it."""
        return Worklist(self._database, sites) if sites else self

    def knows(self, study_uid: str) -> bool:
        """Tell whether there is a study of this UID among those that are seen, on the list or not."""
        return bool(self._rows(self._seen(_UIDS.where(_study.c.study_uid == study_uid))))

    def entries(
        self, limit: int = 1000, offset: int = 0, part: Part = OPEN_LIST, *, order: ListOrder = ListOrder.TRIAGE
    ) -> list[WorklistEntry]:
        """Return a stretch of a part of the list from its top, after skipping `offset` entries of that part.

        Positions are those on the open list, whatever part of it and in whichever order it is shown; beside them is the
        place among the studies of those sites that are asked for. Of those that are DONE the last read comes first.
        """
        plain = part == OPEN_LIST and order is ListOrder.TRIAGE
        unnumbered = plain or part.shown is Shown.DONE
        query = ordered(self._of(_ENTRIES if unnumbered else self._numbered(part), part), part.shown, order)
        rows = self._rows(query.limit(limit).offset(offset))
        if plain:
            return [_entry(row, position) for position, row in enumerate(rows, start=offset + 1)]
        return [_entry(row, *((0, 0) if unnumbered else (row.position or 0, row.site_place or 0))) for row in rows]

    def order(self) -> list[str]:
        """Return the Study Instance UIDs of the open list from its top, as they are at one moment."""
        query = self._seen(select(_study.c.study_uid)).where(IS_OPEN).order_by(_study.c.sort_key)
        return [row.study_uid for row in self._rows(query)]

    def first_free(
        self, person: str, but: str, part: Part = OPEN_LIST, order: ListOrder = ListOrder.TRIAGE
    ) -> str | None:
        """Return the first study of a part of the list, in an order, that nobody else reads, `but` one."""
        mine = (_study.c.read_state == ReadState.READING) & (_study.c.read_by == person)
        free = _UIDS.where(_study.c.study_uid != but, (_study.c.read_state == ReadState.UNREAD) | mine)
        return self._first(ordered(self._of(free, part), part.shown, order))

    def neighbours(
        self, study_uid: str, part: Part = OPEN_LIST, order: ListOrder = ListOrder.TRIAGE
    ) -> Neighbours | None:
        """Return the studies before and after one in a part of the list, in an order; None where it is not in there.

        In the order of the open list, which most readers follow, nothing but these is read: it may have 100,000 rows.
        """
        among = self._of(_UIDS, part)
        if not self._rows(among.where(_study.c.study_uid == study_uid)):
            return None
        if order is ListOrder.TRIAGE and part.shown is Shown.OPEN:
            key = select(_study.c.sort_key).where(_study.c.study_uid == study_uid).scalar_subquery()
            above = among.where(_study.c.sort_key < key).order_by(_study.c.sort_key.desc())
            below = among.where(_study.c.sort_key > key).order_by(_study.c.sort_key)
            return Neighbours(self._first(above), self._first(below))
        uids = [None, *(row.study_uid for row in self._rows(ordered(among, part.shown, order))), None]
        index = uids.index(study_uid)
        return Neighbours(uids[index - 1], uids[index + 1])

    def _first(self, query: Select[Any]) -> str | None:
        return next((str(row.study_uid) for row in self._rows(query.limit(1))), None)

    def entries_at(self, places: Mapping[str, int]) -> list[WorklistEntry]:
        """Return studies by their UIDs, each at the position that it has in `places`, in the order of these."""
        rows = self._rows(self._seen(_ENTRIES).where(_study.c.study_uid.in_(list(places))))
        return [_entry(row, places[row.study_uid]) for row in sorted(rows, key=lambda row: places[row.study_uid])]

    def entry(self, study_uid: str) -> WorklistEntry | None:
        """Return one study with its position, or None where it is not known; also one that is done."""
        with self._database.read() as connection:
            row = connection.execute(self._seen(_ENTRIES).where(_study.c.study_uid == study_uid)).one_or_none()
            if row is None:
                return None
            if row.read_state == ReadState.DONE or row.ignored:
                return _entry(row, 0)
            above = _COUNT.where(_study.c.sort_key <= row.sort_key, IS_OPEN)
            place = connection.execute(self._seen(above)).scalar_one()
            of_site = connection.execute(above.where(_study.c.site == row.site)).scalar_one() if row.site else 0
        return _entry(row, place, of_site)

    def ended(self, limit: int = 1000) -> list[Ended]:
        """Return the studies that could not be read or are out of scope, in the order of the list."""
        columns = (_study.c.study_uid, _study.c.state, _study.c.reason)
        query = (
            self._seen(select(*columns, SINCE.label("since")))
            .where(_study.c.state.in_((State.FAILED, State.OUT_OF_SCOPE)), _study.c.ignored == 0)
            .order_by(_study.c.sort_key)
            .limit(limit)
        )
        return [Ended(row.study_uid, State(row.state), row.reason, row.since) for row in self._rows(query)]

    def total(self, part: Part = OPEN_LIST) -> int:
        """Return how many studies a part of the list has, by default the open list."""
        ((number,),) = self._rows(self._of(_COUNT, part))
        return int(number)

    def below(self) -> int:
        """Return how many studies of the open list are in the block below it."""
        ((number,),) = self._rows(self._seen(_COUNT).where(_study.c.lane == int(Lane.BELOW), IS_OPEN))
        return int(number)

    def by_class(self) -> dict[TriageClass, int]:
        """Return how many studies of the open list each class has; without those that have none."""
        number = func.count().label("number")
        query = self._seen(select(_study.c.triage_class, number)).where(IS_OPEN).group_by(_study.c.triage_class)
        return {TriageClass(row.triage_class): int(row.number) for row in self._rows(query)}

    def by_site(self) -> dict[str, int]:
        """Return how many studies of the open list each site has, an empty name for those of none; without zeros."""
        number = func.count().label("number")
        query = self._seen(select(_study.c.site, number)).where(IS_OPEN).group_by(_study.c.site)
        return {row.site: int(row.number) for row in self._rows(query)}

    def banner(self) -> list[str]:
        """Return what readers have to know of the order beside the list itself, in words; mostly nothing."""
        with self._database.read() as connection:
            return warnings(connection)

    def version(self) -> str:
        """Return a token that changes whenever the list does; equal tokens mean that nothing has to be read again.

        Every change writes an event, an action, a verdict or an assignment where a reader made it, or only the change
        of the order where time alone made it. The highest numbers alone would miss, on PostgreSQL, a transaction that
        took a lower number and committed later; the count of the last numbers does not. It tells no numbers.
        """
        with self._database.read() as connection:
            counted = "-".join(str(number) for query in _NEWEST for number in connection.execute(query).one())
        return hashlib.sha256(counted.encode()).hexdigest()[:_LONG_ENOUGH]

    def _seen(self, query: Select[Any]) -> Select[Any]:
        return query.where(_study.c.site.in_(sorted(self._sites))) if self._sites else query

    def _of(self, query: Select[Any], part: Part) -> Select[Any]:
        return self._seen(narrowed(query, part))

    def _numbered(self, part: Part) -> Select[Any]:
        """Return the query for entries with the place of each, and that in the list of the sites asked for."""
        everywhere = places(self._sites, "everywhere")
        query = _ENTRIES.outerjoin(everywhere, everywhere.c.id == _study.c.id)
        if not part.sites:
            return query.add_columns(everywhere.c.place.label("position"), literal(0).label("site_place"))
        asked = part.sites & self._sites if self._sites else part.sites
        of_sites = places(asked, "of_sites")
        joined = query.outerjoin(of_sites, of_sites.c.id == _study.c.id)
        return joined.add_columns(everywhere.c.place.label("position"), of_sites.c.place.label("site_place"))


def _newest(table: Table) -> Select[Any]:
    highest = select(func.coalesce(func.max(table.c.id), 0).label("highest")).cte("newest")
    recent = select(func.count()).select_from(table).where(table.c.id > highest.c.highest - _LATE_COMMITS)
    return select(highest.c.highest, recent.scalar_subquery().label("recent"))


def _entry(row: Row[Any], position: int, site_place: int = 0) -> WorklistEntry:
    return WorklistEntry(
        study_instance_uid=row.study_uid,
        position=position,
        lane=Lane(row.lane),
        triage_class=TriageClass(row.triage_class),
        reason=row.reason,
        finding=None if row.finding is None else from_text(row.finding),
        state=State(row.state),
        ready_at=row.ready_at,
        revision=row.revision,
        first_instance_at=row.first_instance_at,
        instances=row.instances,
        patient=patient_of(row),
        result_revision=row.set_revision,
        override=Override(row.override),
        read_state=ReadState(row.read_state),
        read_by=row.read_by or "",
        read_at=row.read_at,
        trend=Trend(row.trend or Trend.NO_PRIOR),
        change_points=row.change_points,
        engines_disagree=None if row.disagree is None else bool(row.disagree),
        modalities=modalities_of(row.modalities),
        assigned_to=row.assigned_to or "",
        order_priority=RequestPriority(row.order_priority),
        effective_at=row.effective_at,
        calling_ae_title=row.calling_ae_title or "",
        view_of=row.object_set_uid if row.coronal_path and row.view_removal is None else "",
        rule=row.rule,
        ignored=bool(row.ignored),
        site=row.site,
        site_place=site_place,
    )


_COUNT = select(func.count()).select_from(_study)
_result = schema.result
_UIDS = select(_study.c.study_uid).outerjoin(_result, _result.c.id == _study.c.result_id)
_second = schema.second_result
_DISAGREE = (
    select(func.max(case((_second.c.disagreements != "[]", 1), else_=0)))
    .where(_second.c.result_id == _study.c.result_id, _second.c.state == SecondState.READ)
    .scalar_subquery()
)
_association, _sent = schema.association, schema.association_study
_SENDER = (
    select(_association.c.calling_ae_title)
    .where(
        _association.c.id
        == select(func.max(_sent.c.association_id))
        .where(_sent.c.study_id == _study.c.id)
        .correlate(_study)  # which is not what surrounds it next
        .scalar_subquery()
    )
    .scalar_subquery()
)
_VIEW = (_result.c.coronal_path, _result.c.removal_id.label("view_removal"))
_OF_RESULT = (_result.c.set_revision, _result.c.trend, _result.c.change_points, *_VIEW)
_ENTRIES = select(
    _study, *_OF_RESULT, _result.c.object_set_uid, _DISAGREE.label("disagree"), _SENDER.label("calling_ae_title")
).outerjoin(_result, _result.c.id == _study.c.result_id)
_TOLD = (schema.event, schema.action, schema.policy, schema.reorder, schema.verdict, schema.assignment)
_NEWEST = tuple(_newest(table) for table in _TOLD)
