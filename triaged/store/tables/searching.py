"""Which studies have given words in the texts that people look for: `search_text` of their rows."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, select

from triaged.store.tables import schema


def has_words(words: Iterable[str]) -> ColumnElement[bool]:
    """Return the condition that a study has all of these, each as `rows.search_text` makes them, somewhere.

    They are asked for by themselves, so that SQLite looks at no more of the rows than its index of these texts has.
    """
    of_text = (_found.c.search_text.contains(word, autoescape=True) for word in words)
    return schema.study.c.id.in_(select(_found.c.id).where(*of_text))


_found = schema.study.alias("found")
