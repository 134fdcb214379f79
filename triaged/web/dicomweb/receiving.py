"""The routes that store (STOW-RS, PS3.18 section 10.5): from the event loop to the thread that takes parts in.

Only a few requests store at once, so that pages always find a thread; the others are asked to come again. Knows no
store and no files.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Final

from anyio import from_thread
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from triaged.steps.intake import Intake
from triaged.study.uids import is_valid_uid
from triaged.web.dicomweb.accept import DICOM, JSON, RELATED, MediaRange, demand, media_range
from triaged.web.dicomweb.multipart import Malformed, Part, boundary_of, parts_of
from triaged.web.dicomweb.origins import origin_of
from triaged.web.dicomweb.storing import Delivery, Storing, TooMany
from triaged.web.identity import address_of
from triaged.web.visitor import visitor

AT_ONCE: Final = 4
_COME_AGAIN_S: Final = "5"


def storing_router(intake: Intake, clock: Callable[[], datetime], *, origin: str | None) -> APIRouter:
    """Return the routes below `/dicom-web` that take instances."""
    routes = APIRouter(tags=["DICOMweb"], default_response_class=Response)
    door = _Door(Storing(intake, clock), origin)

    @routes.post("/studies", summary="Store instances (STOW-RS)", responses={202: {}, 409: {}, 415: {}, 503: {}})
    async def anywhere(request: Request) -> Response:
        return await door.take(request, "")

    @routes.post("/studies/{study_uid}", summary="Store instances of one study", responses={202: {}, 409: {}})
    async def of_study(request: Request, study_uid: str) -> Response:
        if not is_valid_uid(study_uid):
            raise HTTPException(HTTPStatus.BAD_REQUEST, "expected a UID (PS3.5 section 9.1), found something else")
        return await door.take(request, study_uid)

    return routes


class _Door:
    """Takes requests that store, a few at once."""

    def __init__(self, storing: Storing, origin: str | None) -> None:
        self._storing = storing
        self._origin = origin
        self._places = threading.BoundedSemaphore(AT_ONCE)

    async def take(self, request: Request, study_uid: str) -> Response:
        kind = demand(request, [JSON, "application/json"])
        divide = _divider(request)
        if not self._places.acquire(blocking=False):
            words = {"detail": "others are storing already, try again soon"}
            return JSONResponse(words, HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": _COME_AGAIN_S})
        try:
            delivery = await run_in_threadpool(self._stored, request, divide, study_uid)
        except ClientDisconnect:
            raise HTTPException(HTTPStatus.BAD_REQUEST, "the connection ended before the body did") from None
        except Malformed as error:
            raise HTTPException(HTTPStatus.BAD_REQUEST, str(error)) from None
        except TooMany as error:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(error)) from None
        finally:
            self._places.release()
        origin = origin_of(request, self._origin)
        status = delivery.status
        headers = {"Retry-After": _COME_AGAIN_S} if status is HTTPStatus.SERVICE_UNAVAILABLE else {}
        return JSONResponse(delivery.answer(origin), status, headers, media_type=kind)

    def _stored(
        self, request: Request, divide: Callable[[Callable[[], bytes]], Iterable[Part]], study_uid: str
    ) -> Delivery:
        pieces = partial(from_thread.run, _next, request.stream())
        known = visitor(request).person
        account = known.name if known is not None else ""
        return self._storing.take(divide(pieces), study_uid=study_uid, peer=address_of(request), account=account)


async def _next(stream: AsyncIterator[bytes]) -> bytes:
    """Return the next bytes of a body, nothing at its end."""
    async for piece in stream:
        if piece:
            return piece
    return b""


def _divider(request: Request) -> Callable[[Callable[[], bytes]], Iterable[Part]]:
    """Return what makes parts of a body; 415 for another type, 400 where it does not say how it is divided."""
    sent = request.headers.get("Content-Type", "")
    kind = media_range(sent)
    if kind == MediaRange(DICOM, syntax=kind.syntax):
        return _one_part
    if not kind.is_multipart or kind.kind not in (DICOM, "*/*"):
        raise HTTPException(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f'expected {RELATED}; type="{DICOM}", or {DICOM} alone: metadata apart from their pixels are not taken',
        )
    try:
        return partial(_parts, boundary_of(sent))
    except Malformed as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, str(error)) from None


def _parts(boundary: bytes, pieces: Callable[[], bytes]) -> Iterator[Part]:
    return parts_of(pieces, boundary)


def _one_part(pieces: Callable[[], bytes]) -> Iterator[Part]:
    yield Part({"content-type": DICOM}, iter(pieces, b""))
