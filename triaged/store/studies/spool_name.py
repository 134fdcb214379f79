"""Which spool the paths in the store belong to. Knows no files."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select

from triaged.store.tables import schema
from triaged.store.tables.database import Ledger
from triaged.store.tables.rows import insert_or_replace, insert_unless_there


class SpoolName(Ledger):
    """The identity of the spool, written once; a person may say later that another one has taken its place."""

    def known(self) -> str | None:
        """Return the identity, or None before the first start."""
        row = self._row(select(schema.spool.c.identity))
        return None if row is None else str(row.identity)

    def name(self, identity: str, *, now: datetime) -> str:
        """Record the identity, unless another process was faster; return the one that holds."""
        values = {"id": 1, "identity": identity, "named_at": now}
        with self._database.begin() as connection:
            insert_unless_there(connection, schema.spool, values, key=["id"])
            return str(connection.execute(select(schema.spool.c.identity)).scalar_one())

    def replace(self, identity: str, *, now: datetime) -> None:
        """Record that another spool has taken the place of the one before."""
        values = {"id": 1, "identity": identity, "named_at": now}
        with self._database.begin() as connection:
            insert_or_replace(connection, schema.spool, values, key=["id"])

    def of_others(self, study_uid: str, limit: int = 10) -> list[str]:
        """Return where one instance each of the studies that came last is kept, but for the named one."""
        study, instance = schema.study, schema.instance
        last = select(study.c.id).where(study.c.study_uid != study_uid).order_by(study.c.id.desc()).limit(limit)
        kept = (instance.c.removal_id.is_(None), instance.c.study_id.in_(last))
        first = select(func.min(instance.c.id)).where(*kept).group_by(instance.c.study_id)
        return [row.path for row in self._rows(select(instance.c.path).where(instance.c.id.in_(first)))]

    def latest_paths(self, limit: int = 100) -> list[str]:
        """Return where the instances that came last are kept."""
        instance = schema.instance
        return [row.path for row in self._rows(select(instance.c.path).order_by(instance.c.id.desc()).limit(limit))]
