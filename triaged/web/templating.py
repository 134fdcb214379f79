"""Fills the templates with values, as the person who asks wants the pages; every text is escaped.

Knows no studies: what is on a page is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Final

from fastapi import Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from triaged.errors import TryLater
from triaged.store.people.preferences import Preferences
from triaged.web.preferences import Choices, Theme, choices_of
from triaged.web.visitor import Visitor

_FOLDER: Final = Path(__file__).parent / "templates"


class Templates:
    """The templates; `refresh_s` is how often a page asks for changes where nothing tells it of them, `purposes` what
    is looked for here and what is not.
    """

    def __init__(self, preferences: Preferences, *, refresh_s: float, purposes: Sequence[str]) -> None:
        self._preferences = preferences
        self._refresh_s = refresh_s
        self._templates = Environment(
            loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        self._templates.filters["moment"] = _moment
        self._templates.globals["purposes"] = purposes
        self._templates.filters["clock"] = _clock

    def choices(self, visitor: Visitor) -> Choices:
        """Return how somebody wants the pages; while the store is unreachable, as everybody gets them."""
        try:
            return choices_of({} if visitor.person is None else self._preferences.of(visitor.person.name))
        except TryLater:
            return Choices()

    def page(self, name: str, visitor: Visitor, *, status: HTTPStatus = HTTPStatus.OK, **values: object) -> Response:
        """Return a page for somebody."""
        template = self._templates.get_template(f"{name}.html")
        html = template.render(
            page=name,
            refresh_s=self._refresh_s,
            visitor=visitor,
            choices=self.choices(visitor),
            themes=Theme,
            **values,
        )
        # A name can contain what no encoding can (lone surrogates); it must not cost the page.
        return HTMLResponse(html.encode("utf-8", "replace"), status_code=status)


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%H:%M} UTC"
