"""Seconds between two moments, counted by the database itself: of many rows a few numbers come, not as many dates.

Knows no tables.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Float, Integer
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


class _DaysSince(FunctionElement[int]):
    """The whole days between the second moment and the first."""

    type = Integer()
    inherit_cache = True
    name = "days_since"


def days_since(at: Any, origin: Any) -> ColumnElement[int]:
    """Return the whole days from `origin` to `at`, which is not earlier; a moment at a day's end is of the next."""
    return _DaysSince(at, origin)


@compiles(_DaysSince, "sqlite")
def _days_on_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    at, origin = (compiler.process(each, **options) for each in element.clauses)
    return f"CAST(julianday({at}) - julianday({origin}) + 1e-8 AS INTEGER)"  # it counts milliseconds, in a float


@compiles(_DaysSince, "postgresql")
def _days_on_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    at, origin = (compiler.process(each, **options) for each in element.clauses)
    return f"CAST(FLOOR(EXTRACT(EPOCH FROM {at} - {origin}) / 86400) AS integer)"
