"""One page for a screen on the wall: how many studies wait in each class, and the first of them; it only reads.

With `?site=` it is the list of that site, and places are those in it.

It names no patient unless the site asks for that: who passes by sees it too.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from triaged.store.listing.worklist import Worklist
from triaged.study.ranking import TriageClass
from triaged.web.brief import brief_of
from triaged.web.entries import STYLES, as_row
from triaged.web.options import WebOptions
from triaged.web.site_lists import asked_site
from triaged.web.templating import Templates
from triaged.web.view import CLASS_WORDS
from triaged.web.visitor import visitor

ROWS: Final = 12
"""As many as can be read from some metres away."""


def router(worklist: Worklist, templates: Templates, options: WebOptions, clock: Callable[[], datetime]) -> APIRouter:
    """Return `/wall`."""
    routes = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @routes.get("/wall")
    def wall(request: Request, site: str = "") -> Response:
        version, now, who = worklist.version(), clock(), visitor(request)
        sites = options.choices(who.sites)
        seen = worklist.within(asked_site(site, sites) if site in sites else who.sites)
        numbers = seen.by_class()
        rows = [
            (as_row(entry, now=now), brief_of(entry, now=now, options=options.policy)) for entry in seen.entries(ROWS)
        ]
        counts = [(STYLES[each], each, CLASS_WORDS[each], numbers.get(each, 0)) for each in TriageClass]
        return templates.page(
            "wall",
            who,
            version=version,
            title=sites.get(site, ""),
            titles=options.sites,
            banner=worklist.banner(),
            counts=counts,
            total=sum(numbers.values()),
            rows=rows,
            names=options.wall_names,
        )

    return routes
