"""Writes whose text is made once: for the few that every received instance needs.

SQLAlchemy looks up, fills and wraps a statement in several times the time that the database takes to execute it. Knows
no tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Dialect, Insert, Update
from sqlalchemy.sql.compiler import SQLCompiler

_Convert = Callable[[Any], Any]


class Prepared:
    """An INSERT or UPDATE of one row that gives these columns, and its other parameters, their values."""

    def __init__(self, statement: Insert | Update, *columns: str) -> None:
        self._statement, self._columns = statement, columns
        self._made: dict[str, _Text] = {}

    def execute(self, connection: Connection, values: Mapping[str, Any]) -> None:
        """Write one row; errors are those of SQLAlchemy."""
        dialect = connection.dialect
        made = self._made.get(dialect.name) or self._make(dialect)
        connection.exec_driver_sql(made.text, made.parameters(values))

    def execute_all(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write several rows at once, of an INSERT or UPDATE that returns nothing."""
        dialect = connection.dialect
        made = self._made.get(dialect.name) or self._make(dialect)
        if rows:
            connection.exec_driver_sql(made.text, [made.parameters(values) for values in rows])

    def _make(self, dialect: Dialect) -> _Text:
        compiled = self._statement.compile(dialect=dialect, column_keys=list(self._columns))
        assert isinstance(compiled, SQLCompiler)
        return self._made.setdefault(dialect.name, _Text(compiled, dialect))


class _Text:
    """The text of a statement for one kind of database, and what its driver has to be given."""

    def __init__(self, compiled: SQLCompiler, dialect: Dialect) -> None:
        self.text = compiled.string
        self._names = compiled.positiontup
        self._fixed = {name: bind.value for bind, name in compiled.bind_names.items() if not bind.required}
        self._convert: dict[str, _Convert] = {}
        for bind, name in compiled.bind_names.items():
            convert = bind.type.dialect_impl(dialect).bind_processor(dialect)
            if convert is not None:
                self._convert[name] = convert

    def parameters(self, values: Mapping[str, Any]) -> Any:
        """Return the values as the driver takes them: in order, or by name."""
        filled = {**self._fixed, **values}
        for name, convert in self._convert.items():
            filled[name] = convert(filled[name])
        return filled if self._names is None else tuple([filled[name] for name in self._names])
