"""The modalities of a study's images, by which the list can be narrowed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from triaged.store.tables.columns import PeerText
from triaged.store.tables.modalities import with_modality
from triaged.store.tables.rows import header_of

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_AT_ONCE = 1000


def upgrade() -> None:
    """Add the column, filled from the first instance of each series: all of a series have one modality."""
    op.add_column("study", sa.Column("modalities", PeerText(), server_default="", nullable=False))
    connection = op.get_bind()
    first = "SELECT min(id) FROM instance GROUP BY study_id, series_uid"
    rows = connection.execute(sa.text(f"SELECT study_id, image FROM instance WHERE id IN ({first}) ORDER BY id"))
    found: dict[int, str] = {}
    for row in rows:
        found[row.study_id] = with_modality(found.get(row.study_id, ""), header_of(row.image))
    values = [{"study": study, "found": text} for study, text in found.items()]
    for start in range(0, len(values), _AT_ONCE):
        update = sa.text("UPDATE study SET modalities = :found WHERE id = :study")
        connection.execute(update, values[start : start + _AT_ONCE])
