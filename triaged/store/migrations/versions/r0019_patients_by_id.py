"""The issuer of a Patient ID, and studies of one ID found by it alone: what contradicts it is looked at afterwards."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from triaged.store.tables.columns import PeerText
from triaged.store.tables.rows import patient_key

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_AT_ONCE = 1000


def upgrade() -> None:
    """Add the column, which no study has said so far, and make the keys again, a thousand studies at a time."""
    op.add_column("study", sa.Column("issuer_of_patient_id", PeerText(), nullable=False, server_default=""))
    connection, last = op.get_bind(), 0
    studies = sa.text("SELECT id, patient_id FROM study WHERE id > :last ORDER BY id LIMIT :most")
    update = sa.text("UPDATE study SET patient_key = :key WHERE id = :id")
    while rows := connection.execute(studies, {"last": last, "most": _AT_ONCE}).all():
        connection.execute(update, [{"id": row.id, "key": patient_key(row.patient_id)} for row in rows])
        last = rows[-1].id
