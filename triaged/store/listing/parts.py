"""Which studies of the list are asked for, in which order, and at which place each of them is; as parts of queries.

Reads nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, func, select, text

from triaged.store.listing.order import IS_OPEN
from triaged.store.tables import schema
from triaged.store.tables.modalities import is_shown
from triaged.store.tables.rows import search_text
from triaged.store.tables.searching import has_words
from triaged.store.tables.views import ListOrder, Shown
from triaged.study.lifecycle import State
from triaged.study.modalities import ShownModality
from triaged.study.ranking import TriageClass


@dataclass(frozen=True, slots=True)
class Part:
    """Which studies of the list are asked for.

    `search` finds every one of its words somewhere in the patient's name or ID or the accession number, whatever their
    case and accents. No classes, no states: all of them. `modality` asks for studies with such images, scored or not.
    `assigned_to` asks for those assigned to any of these names, and those of the sites in `unless_assigned_at` that are
    assigned to nobody; without names all of them, assigned or not.
    `sites` asks for those of any of these sites, where an empty name is that of no site; without names all of them.
    """

    shown: Shown = Shown.OPEN
    search: str = ""
    classes: frozenset[TriageClass] = frozenset()
    states: frozenset[State] = frozenset()
    modality: ShownModality = ShownModality.ALL
    assigned_to: frozenset[str] = frozenset()
    sites: frozenset[str] = frozenset()
    unless_assigned_at: frozenset[str] = frozenset()


OPEN_LIST = Part()


def narrowed(query: Select[Any], part: Part) -> Select[Any]:
    """Return a query for studies, narrowed to a part of the list."""
    match part.shown:
        case Shown.OPEN:
            query = query.where(IS_OPEN)
        case Shown.DONE:
            query = query.where(_IS_DONE)
        case Shown.ALL:
            query = query.where(_study.c.ignored == 0)
        case Shown.IGNORED:
            query = query.where(_study.c.ignored == 1)
    if part.classes:
        query = query.where(_study.c.triage_class.in_(sorted(part.classes)))
    if part.states:
        query = query.where(_study.c.state.in_(sorted(part.states)))
    if part.assigned_to:
        of_group = _study.c.assigned_to.is_(None) & _study.c.site.in_(sorted(part.unless_assigned_at))
        query = query.where(_study.c.assigned_to.in_(sorted(part.assigned_to)) | of_group)
    if part.sites:
        query = query.where(_study.c.site.in_(sorted(part.sites)))
    of_kind = is_shown(part.modality)
    if of_kind is not None:
        query = query.where(of_kind)
    words = search_text(part.search).split()
    if part.shown is Shown.OPEN:  # few of all rows, which the index of the open list finds
        return query.where(*(_study.c.search_text.contains(word, autoescape=True) for word in words))
    return query.where(has_words(words)) if words else query


def ordered(query: Select[Any], shown: Shown, order: ListOrder) -> Select[Any]:
    """Return a query for studies with their results, in an order."""
    if order in _BY_VALUE:
        value = _BY_VALUE[order]
        return query.order_by(value.is_(None), value, _study.c.sort_key)
    if order is ListOrder.ARRIVAL:
        return query.order_by(SINCE, _study.c.id)
    if order is ListOrder.LATEST:
        return query.order_by(SINCE.desc(), _study.c.id.desc())
    if shown is Shown.DONE:
        return query.order_by(_study.c.read_at.desc(), _study.c.id.desc())
    return query.order_by(_study.c.sort_key)


def places(sites: frozenset[str], name: str) -> Subquery:
    """Return the place of every study of the open list by its row number, as `place`: among those of some sites.

    Without sites it is the place on the list over all.
    """
    query = select(_study.c.id, func.row_number().over(order_by=_study.c.sort_key).label("place")).where(IS_OPEN)
    return (query.where(_study.c.site.in_(sorted(sites))) if sites else query).subquery(name)


_study, _result = schema.study, schema.result
_IS_DONE = text("study.read_state = 'DONE' AND study.ignored = 0")
SINCE = func.coalesce(_study.c.ready_at, _study.c.first_instance_at, type_=_study.c.ready_at.type)
"""Since when a study waits: it was ready, or before that its first instance came."""
_BY_VALUE: Mapping[ListOrder, ColumnElement[Any]] = {
    ListOrder.NAME: func.nullif(func.lower(_study.c.patient_name), ""),
    ListOrder.SHARE: -_result.c.urgency,
    ListOrder.PROBABILITY: -_result.c.probability,
    ListOrder.CHANGE: -_result.c.change_points,
}
