"""Seconds between two moments, counted by the database itself: of many rows a few numbers come, not as many dates.

Knows no tables.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Float
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class _SecondsSince(FunctionElement[float]):
    """The seconds between the second moment and the first."""

    type = Float()
    inherit_cache = True
    name = "seconds_since"


def seconds_since(at: Any, origin: Any) -> ColumnElement[float]:
    """Return the seconds from `origin` to `at`, below zero where `at` is earlier."""
    return _SecondsSince(at, origin)


@compiles(_SecondsSince, "sqlite")
def _on_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    at, origin = (compiler.process(each, **options) for each in element.clauses)
    return f"((julianday({at}) - julianday({origin})) * 86400.0)"


@compiles(_SecondsSince, "postgresql")
def _on_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    at, origin = (compiler.process(each, **options) for each in element.clauses)
    return f"CAST(EXTRACT(EPOCH FROM {at} - {origin}) AS double precision)"
