"""Which waiting study is next where sites share the workers, found and kept in the transaction that claims it.

Knows no rule: `Turns` says which site is next, from the first study of each and from how far each was served. Claims
take turns one after the other, so that no two rest on the same service; a study that somebody has locked is skipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    bindparam,
    func,
    insert,
    literal_column,
    select,
    text,
    update,
)

from triaged.store.tables import schema
from triaged.study.ranking import Lane, RequestPriority, more_urgent
from triaged.study.treatment import Treatment
from triaged.study.turns import NextOfSite, Served, Turns, Urgency

_TURNS_LOCK = 7226940164


def study_in_turn(
    connection: Connection, due: Select[Any], turns: Turns, *where: ColumnElement[bool], parameters: dict[str, Any]
) -> Row[Any] | None:
    """Return the locked row of the study that is next, and keep that its site was served; None where none is free.

    `due` finds and locks the first study that may be claimed, of which `where` is true, with these parameters.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _TURNS_LOCK})
    ids = connection.execute(_firsts(due.whereclause, where), parameters).scalars().all()
    firsts: Sequence[Any] = connection.execute(_BY_ID, {"ids": [each for each in ids if each is not None]}).all()
    served = [Served(Urgency(row.urgency), row.site, row.started, row.until) for row in connection.execute(_SERVED)]
    for first in turns.in_turn([_next_of_site(row) for row in firsts], served):
        study = connection.execute(due.where(*where, _IS_OF_SITE), {**parameters, "site": first.site}).first()
        if study is not None:
            _keep(connection, turns.after(_next_of_site(study), served))
            return study
    return None


def _firsts(is_due: ColumnElement[bool] | None, where: Sequence[ColumnElement[bool]]) -> Select[Any]:
    """Return the query for the number of each site's first study, which looks at the index once for each site."""
    assert is_due is not None
    first = (
        select(_study.c.id)
        .where(is_due, *where, _IS_READY, _study.c.site == _sites.c.site)
        .order_by(_study.c.sort_key)
        .limit(1)
        .correlate(_sites)
        .scalar_subquery()
    )
    return select(first).where(_sites.c.site.is_not(None))


def _next_of_site(row: Row[Any]) -> NextOfSite:
    ruled = Treatment.of_text(row.treatment).urgency
    priority = more_urgent(RequestPriority(row.order_priority), ruled)
    return NextOfSite(row.site, Lane(row.lane), priority, row.sort_key)


def _keep(connection: Connection, served: Served) -> None:
    key = {"of_urgency": served.urgency, "of_site": served.site}
    values = {"started": served.started, "until": served.until}
    if connection.execute(_SERVE, {**key, **values}).rowcount == 0:
        connection.execute(insert(_service), {"urgency": served.urgency, "site": served.site, **values})


_study, _service = schema.study, schema.site_service
_BY_ID = select(_study.c.site, _study.c.lane, _study.c.order_priority, _study.c.treatment, _study.c.sort_key).where(
    _study.c.id.in_(bindparam("ids", expanding=True))
)
_READY: ColumnElement[str] = literal_column("'READY'")
"""Written out, since the index of waiting studies is used by whoever asks for exactly that."""
_IS_READY = _study.c.state == _READY
_IS_OF_SITE = and_(_IS_READY, _study.c.site == bindparam("site"))
_smallest = select(func.min(_study.c.site).label("site")).where(_IS_READY).cte("sites", recursive=True)
_other = schema.study.alias("other")
_sites = _smallest.union_all(
    select(
        select(func.min(_other.c.site))
        .where(_other.c.state == _READY, _other.c.site > _smallest.c.site)
        .scalar_subquery()
    ).where(_smallest.c.site.is_not(None))
)
_SERVED = select(_service)
_SERVE = update(_service).where(_service.c.urgency == bindparam("of_urgency"), _service.c.site == bindparam("of_site"))
