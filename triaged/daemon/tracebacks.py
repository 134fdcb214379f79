"""Where an error happened, without the words of whoever raised it: those may quote a patient's row or attribute.

A database's driver quotes the row that broke a constraint, pydicom the value that is none, Python the text that is no
number. So a traceback in the log has every frame, the kind of each error, and its words only where they are ours or
the operating system's; of a database's error its SQLSTATE and the names of table and constraint. Knows no log.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path

from triaged.errors import TriagedError

_OURS = (TriagedError, AttributeError, NameError, ImportError, IndexError, RecursionError, ZeroDivisionError)
"""Errors whose words are ours, or name code and no values."""
_LEFT_OUT = "words left out"
_DEEPEST = 10


def traceback_of(error: BaseException) -> str:
    """Return the frames and kinds of an error and of what caused it, the cause first, as Python orders them."""
    return "\n".join(_lines(error, _DEEPEST))


def described(error: BaseException) -> str:
    """Say what broke and where, without the error's own words."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "triaged" in Path(frame.filename).parts] or frames
    return f"{type(error).__name__} in {Path(ours[-1].filename).name}, line {ours[-1].lineno}"


def _lines(error: BaseException, deepest: int) -> Iterator[str]:
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None and deepest:
        yield from _lines(cause, deepest - 1)
        yield ""
    yield "Traceback (most recent call last):"
    yield from (line.rstrip("\n") for line in traceback.format_tb(error.__traceback__))
    yield f"{_kind(error)}: {_words(error)}"
    if isinstance(error, BaseExceptionGroup) and deepest:
        for each in error.exceptions:
            yield from (f"  | {line}" for line in _lines(each, deepest - 1))


def _kind(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")


def _words(error: BaseException) -> str:
    if isinstance(error, _OURS):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    said = getattr(error, "diag", None)
    known = (
        getattr(error, "sqlstate", None),
        getattr(said, "table_name", None),
        getattr(said, "constraint_name", None),
    )
    return ", ".join([*(str(each) for each in known if each), _LEFT_OUT])
