"""How a person wants the pages, and the route by which they say so; the same with and without scripts.

Knows no accounts: whoever is known by a name has preferences.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from triaged.store.people.preferences import Preferences
from triaged.web.columns import chosen
from triaged.web.paths import page_before
from triaged.web.view import kept_view
from triaged.web.visitor import form, person

PREFERENCES: Final = "/preferences"
_COLUMN: Final = "column-"


class Theme(StrEnum):
    """Light or dark, or as the system says; the reading screen is dark unless somebody wants it light."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


@dataclass(frozen=True, slots=True)
class Choices:
    """What somebody chose, or what everybody gets; `columns` and `view` are empty where nothing was chosen."""

    theme: Theme = Theme.SYSTEM
    columns: tuple[str, ...] = ()
    view: str = ""


def choices_of(kept: Mapping[str, str]) -> Choices:
    """Return what was chosen; a value that is not known any more is none."""
    theme = kept.get("theme", "")
    return Choices(
        theme=Theme(theme) if theme in set(Theme) else Theme.SYSTEM,
        columns=chosen(kept.get("columns", "").split()),
        view=kept.get("view", ""),
    )


def _said(fields: Mapping[str, str]) -> dict[str, str]:
    """Return the choices that a form says; an empty one takes back what was chosen before."""
    said = {}
    if fields.get("theme") in set(Theme):
        said["theme"] = fields["theme"]
    if "columns" in fields:
        ticked = [name.removeprefix(_COLUMN) for name in fields if name.startswith(_COLUMN)]
        said["columns"] = " ".join(chosen(ticked)) if fields["columns"] else ""
    if "view" in fields:
        said["view"] = kept_view(fields["view"]).query if fields["view"] else ""
    return said


def router(preferences: Preferences) -> APIRouter:
    """Return the route that keeps what a form says, and goes back to the page it came from."""
    routes = APIRouter(include_in_schema=False)

    @routes.post(PREFERENCES)
    async def choose(request: Request) -> Response:
        fields, who = form(request), person(request).name
        await run_in_threadpool(preferences.keep, who, _said(fields))
        return RedirectResponse("/" if "view" in fields else page_before(request), HTTPStatus.SEE_OTHER)

    return routes
