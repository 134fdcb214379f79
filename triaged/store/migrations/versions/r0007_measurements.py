"""Findings as coded measurements: numbers as rows, and what the list shows of them as one text.

The names of concepts and sites are written out, so that this stays true whatever later versions call them.
"""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

from triaged.store.tables.columns import WHOLE

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_MEASURED = (
    ("severity", "severity", ""),
    ("severity_right", "affected_share", "right"),
    ("severity_left", "affected_share", "left"),
    ("severity_total", "total_share", "total"),
    ("right_lung_ml", "lung_volume", "right"),
    ("left_lung_ml", "lung_volume", "left"),
    ("lungs_ml", "lungs_volume", ""),
    ("lesion_ml", "affected_volume", ""),
    ("dense_share", "dense_share", ""),
)
"""Columns of before, and the concept and site of the numbers that they held, in the order of the report."""
_RENAMED = {"severity": "urgency", "identification": "probability", "identification_threshold": "threshold"}
_SHOWN = ("identification", "severity", "severity_left", "severity_right", "grade", "quality")
_AT_ONCE = 1000


def upgrade() -> None:
    """Move every number to its row, then drop the columns that held it."""
    op.create_table(
        "measurement",
        sa.Column("result_id", WHOLE, nullable=False),
        sa.Column("concept", sa.Text(), nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["result_id"], ["result.id"], name=op.f("fk_measurement_result_id")),
        sa.PrimaryKeyConstraint("result_id", "concept", "site", name=op.f("pk_measurement")),
    )
    op.add_column("result", sa.Column("suspicion", sa.Text()))
    op.add_column("result", sa.Column("grade_scale", sa.Text()))
    op.add_column("study", sa.Column("finding", sa.Text()))
    connection = op.get_bind()
    for number, (column, concept, site) in enumerate(_MEASURED):
        connection.execute(
            sa.text(
                f"INSERT INTO measurement (result_id, concept, site, value, number) SELECT id, '{concept}', '{site}',"
                f" {column}, {number} FROM result WHERE {column} IS NOT NULL"
            )
        )
    connection.execute(sa.text("UPDATE result SET suspicion = 'covid-19' WHERE identification IS NOT NULL"))
    connection.execute(sa.text("UPDATE result SET grade_scale = 'CT' WHERE grade IS NOT NULL"))
    _fill_findings(connection)
    for before, after in _RENAMED.items():
        op.alter_column("result", before, new_column_name=after)
    for column, _, _ in _MEASURED[1:]:
        op.drop_column("result", column)
    for column in _SHOWN:
        op.drop_column("study", column)


def _fill_findings(connection: sa.Connection) -> None:
    """Write what the list shows of each result in force."""
    columns = ", ".join(f"result.{column}" for column, _, _ in _MEASURED)
    rows = connection.execute(
        sa.text(
            f"SELECT study.id, {columns}, result.identification, result.identification_threshold, result.suspicion,"
            " result.grade, result.grade_scale, result.engine, result.quality FROM study"
            " JOIN result ON result.id = study.result_id WHERE result.severity IS NOT NULL"
        )
    ).all()
    for start in range(0, len(rows), _AT_ONCE):
        values = [{"study": row.id, "finding": json.dumps(_finding(row))} for row in rows[start : start + _AT_ONCE]]
        connection.execute(sa.text("UPDATE study SET finding = :finding WHERE id = :study"), values)


def _finding(row: sa.Row[Any]) -> dict[str, Any]:
    measured = ((concept, site, getattr(row, column)) for column, concept, site in _MEASURED)
    return {
        "urgency": row.severity,
        "suspicion": row.suspicion,
        "probability": row.identification,
        "threshold": row.identification_threshold,
        "grade": row.grade,
        "grade_scale": row.grade_scale,
        "engine": row.engine,
        "quality": json.loads(row.quality),
        "measurements": [each for each in measured if each[2] is not None],
    }
