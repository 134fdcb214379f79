"""The small picture of a study that a row of the list shows; drawn once, and asked for again by its ETag alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from triaged.errors import TryLater
from triaged.exams.exam import Thumbnail
from triaged.spool.files import Spool
from triaged.store.studies.publications import Publications
from triaged.web.recent import Recent

_KEPT: Final = 1000
"""Pictures of some 4 KiB each that stay in memory."""
_CACHED: Final = "private, no-cache"
"""The browser may keep the picture, which names nobody, but asks each time whether it may still be shown."""


class Thumbnails:
    """Draws them; safe to share between threads."""

    def __init__(self, publications: Publications, spool: Spool, drawers: Sequence[Thumbnail]) -> None:
        self._publications = publications
        self._spool = spool
        self._drawers = drawers
        self._drawn: Recent[str, bytes] = Recent(_KEPT, lambda _: 1)

    def picture(self, study_uid: str) -> tuple[str, bytes] | None:
        """Return the name of a picture, which changes with it, and its PNG; None where the study has none."""
        found = self._publications.view(study_uid)
        if found is None:
            return None
        name, path = hashlib.sha256("/".join((study_uid, *found)).encode()).hexdigest()[:32], found[1]
        drawn = self._drawn.get(name)
        if drawn is None:
            drawn = self._draw(path)
            if drawn is None:
                return None
            self._drawn.keep(name, drawn)
        return name, drawn

    def _draw(self, path: str) -> bytes | None:
        try:
            view = self._spool.absolute(path).read_bytes()
        except (OSError, TryLater):
            return None
        for draw in self._drawers:
            try:
                return draw(view)
            except ValueError:
                continue  # of another examination, or damaged
        return None


def router(thumbnails: Thumbnails) -> APIRouter:
    """Return `/studies/{uid}/thumbnail.png`."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/studies/{uid}/thumbnail.png")
    def thumbnail(request: Request, uid: str) -> Response:
        found = thumbnails.picture(uid)
        if found is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "this study has no such picture")
        name, png = found
        headers = {"ETag": f'"{name}"', "Cache-Control": _CACHED}
        if f'"{name}"' in request.headers.get("If-None-Match", ""):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        return Response(png, media_type="image/png", headers=headers)

    return routes
