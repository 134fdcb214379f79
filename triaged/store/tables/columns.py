"""Column types that mean the same on SQLite and on PostgreSQL, and how the parts of tables are named.

Knows SQL types only; nothing of tables, studies or files.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer, MetaData, String, Text
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.types import TypeDecorator, TypeEngine

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

WHOLE = BigInteger().with_variant(Integer, "sqlite")
"""A whole number of 64 bits, also for row numbers; SQLite numbers rows by itself only where the type is INTEGER."""

BYTE_ORDERED = Text().with_variant(Text(collation="C"), "postgresql")
"""Text that sorts by its bytes whatever the locale of the database (SQLite always does)."""


class Instant(TypeDecorator[datetime]):
    """A point in time: aware in, UTC out.

    PostgreSQL has a type for it. On SQLite it is ISO 8601 text of one fixed width in UTC, so that comparing texts
    compares instants.
    """

    impl = String(32)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type that the column has on this database."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=True))
        return dialect.type_descriptor(String(32))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Return what the database is given; `ValueError` where the time has no zone, so that it names no instant."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"expected a time with a time zone, found {value.isoformat()}")
        utc = value.astimezone(UTC)
        return utc if dialect.name == "postgresql" else utc.isoformat(timespec="microseconds")

    def process_result_value(self, value: Any, _dialect: Dialect) -> datetime | None:
        """Return the instant in UTC."""
        if value is None:
            return None
        return (value if isinstance(value, datetime) else datetime.fromisoformat(value)).astimezone(UTC)


class PeerText(TypeDecorator[str]):
    """Text from outside, for people to read: what no database can hold (NUL, lone surrogates) becomes U+FFFD."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        """Return text that both databases accept."""
        if value is None:
            return None
        return value.encode("utf-8", "replace").decode("utf-8").replace("\0", "�") if _unusual(value) else value


def _unusual(text: str) -> bool:
    return not text.isascii() or "\0" in text
