"""Administrators' pages that show something over the last days: who may see them, and how the days are asked for.

Knows not what is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from triaged.web.groups import PERIODS, days_of
from triaged.web.templating import Templates
from triaged.web.visitor import administrator, visitor


def add_period_page(
    routes: APIRouter,
    templates: Templates,
    name: str,
    shown: Callable[[int], Mapping[str, Any]],
    *,
    least_days: int = 1,
) -> None:
    """Add the page `/admin/NAME`, made by the template NAME; `shown` gives its values for a number of days."""
    periods = {days: words for days, words in PERIODS.items() if days >= least_days}

    @routes.get(f"/admin/{name}", include_in_schema=False, response_class=HTMLResponse)
    def page(request: Request, days: str = "") -> Response:
        administrator(request)
        values = shown(max(least_days, days_of(days)))
        return templates.page(name, visitor(request), version="", periods=periods, **values)
