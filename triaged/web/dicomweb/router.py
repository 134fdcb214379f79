"""The routes of DICOMweb (PS3.18): searches, retrievals, pictures of frames. Thin; knows no store and no files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from triaged.errors import UnreadableStudy
from triaged.store.studies.catalogue import Member
from triaged.study.uids import is_valid_uid
from triaged.web.dicomweb.accept import JSON, demand, not_acceptable
from triaged.web.dicomweb.etags import etag_of, has_it
from triaged.web.dicomweb.held import Held
from triaged.web.dicomweb.levels import Level, level_of
from triaged.web.dicomweb.origins import origin_of
from triaged.web.dicomweb.paths import BASE, Address
from triaged.web.dicomweb.question import IGNORED, question_of
from triaged.web.dicomweb.rendering import FORMATS, THUMBNAIL, rendered, wanted_of
from triaged.web.dicomweb.retrieve import Retrieve, frame_numbers, headers_of, pixels_of, unchanged
from triaged.web.dicomweb.search import Search
from triaged.web.dicomweb.trail import Trail
from triaged.web.visitor import visitor

_CUT: Final = (
    '299 triaged "The number of results exceeded the maximum supported by the server. '
    'Additional results can be requested."'
)
_IGNORED: Final = f'299 triaged "{IGNORED}"'
_STUDY: Final = "/studies/{study_uid}"
_SERIES: Final = f"{_STUDY}/series/{{series_uid}}"
_INSTANCE: Final = f"{_SERIES}/instances/{{sop_instance_uid}}"
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {404: {}, 406: {}}


@dataclass(frozen=True, slots=True)
class DicomWeb:
    """What answers; `origin` is where browsers and programs reach this server, None for where a request went."""

    held: Held
    search: Search
    retrieve: Retrieve
    trail: Trail
    origin: str | None = None

    def origin_of(self, request: Request) -> str:
        """Return what addresses begin with."""
        return origin_of(request, self.origin)


def router(web: DicomWeb) -> APIRouter:
    """Return the routes of searches and retrievals."""
    routes = APIRouter(prefix=BASE, tags=["DICOMweb"], default_response_class=Response)
    _add_searches(routes, web)
    _add_retrievals(routes, web)
    _add_pictures(routes, web)
    return routes


def _add_searches(routes: APIRouter, web: DicomWeb) -> None:
    @routes.get("/studies", summary="Search for studies (QIDO-RS)")
    def studies(request: Request) -> Response:
        return _found(web, request, Level.STUDY, None)

    @routes.get("/series", summary="Search for series of all studies")
    def all_series(request: Request) -> Response:
        return _found(web, request, Level.SERIES, None)

    @routes.get("/instances", summary="Search for instances of all studies")
    def all_instances(request: Request) -> Response:
        return _found(web, request, Level.INSTANCE, None)

    @routes.get(f"{_STUDY}/series", summary="Search for series of a study")
    def series(request: Request, study_uid: str) -> Response:
        return _found(web, request, Level.SERIES, Address(study_uid))

    @routes.get(f"{_STUDY}/instances", summary="Search for instances of a study")
    def of_study(request: Request, study_uid: str) -> Response:
        return _found(web, request, Level.INSTANCE, Address(study_uid))

    @routes.get(f"{_SERIES}/instances", summary="Search for instances of a series")
    def of_series(request: Request, study_uid: str, series_uid: str) -> Response:
        return _found(web, request, Level.INSTANCE, Address(study_uid, series_uid))


def _add_retrievals(routes: APIRouter, web: DicomWeb) -> None:
    for path in (_STUDY, _SERIES, _INSTANCE):
        what = path.rsplit("/", 2)[1]
        routes.get(path, summary=f"Retrieve (WADO-RS): {what}", responses=_RESPONSES)(_instances(web))
        routes.get(f"{path}/metadata", summary=f"Headers without long values: {what}")(_metadata(web))

    @routes.get(f"{_INSTANCE}/frames/{{numbers}}", summary="Frames by their numbers, from 1", responses=_RESPONSES)
    def frames(request: Request, study_uid: str, series_uid: str, sop_instance_uid: str, numbers: str) -> Response:
        address = Address(study_uid, series_uid, sop_instance_uid)
        answer = web.retrieve.frames(request, address, frame_numbers(numbers), web.origin_of(request))
        return _told(web, request, address, "frames", answer)

    @routes.get(f"{_INSTANCE}/bulkdata/{{path:path}}", summary="A long value", responses=_RESPONSES)
    def bulk(request: Request, study_uid: str, series_uid: str, sop_instance_uid: str, path: str) -> Response:
        address = Address(study_uid, series_uid, sop_instance_uid)
        answer = web.retrieve.bulk(request, address, path, web.origin_of(request))
        return _told(web, request, address, "bulkdata", answer)


def _instances(web: DicomWeb) -> Callable[..., Response]:
    def instances(request: Request) -> Response:
        address = _address(request)
        return _told(
            web, request, address, "instances", web.retrieve.instances(request, address, web.origin_of(request))
        )

    return instances


def _metadata(web: DicomWeb) -> Callable[..., Response]:
    def metadata(request: Request) -> Response:
        address = _address(request)
        return _told(web, request, address, "metadata", web.retrieve.metadata(request, address, web.origin_of(request)))

    return metadata


def _add_pictures(routes: APIRouter, web: DicomWeb) -> None:
    @routes.get(f"{_INSTANCE}/rendered", summary="A picture of the first frame", responses=_RESPONSES)
    def one(request: Request, study_uid: str, series_uid: str, sop_instance_uid: str) -> Response:
        return _picture(web, request, Address(study_uid, series_uid, sop_instance_uid), 1)

    @routes.get(f"{_INSTANCE}/frames/{{number}}/rendered", summary="A picture of a frame", responses=_RESPONSES)
    def frame(request: Request, study_uid: str, series_uid: str, sop_instance_uid: str, number: str) -> Response:
        return _picture(web, request, Address(study_uid, series_uid, sop_instance_uid), frame_numbers(number)[0])

    for path in (_STUDY, _SERIES, _INSTANCE):
        routes.get(f"{path}/thumbnail", summary="A small picture", responses=_RESPONSES)(_thumbnail(web))


def _thumbnail(web: DicomWeb) -> Callable[..., Response]:
    def thumbnail(request: Request) -> Response:
        member = _shown(web, _address(request))
        address = Address(member.study_uid, member.series_uid, member.sop_instance_uid)
        number = 1 + pixels_of(web.held, member).frames // 2
        return _picture(web, request, address, number, (THUMBNAIL, THUMBNAIL))

    return thumbnail


def _shown(web: DicomWeb, address: Address) -> Member:
    """Return the instance that stands for a study or series: the middle one of its largest series of images."""
    by_series: dict[str, list[Member]] = {}
    for member in web.held.members(address):
        is_image = member.image is not None and member.image.rows is not None
        if is_image or member.kind is None or member.kind.is_picture or address.sop_instance_uid:
            by_series.setdefault(member.series_uid, []).append(member)
    received = [each for each in by_series.values() if each[0].kind is None]
    largest = max(received or by_series.values(), key=len, default=None)
    if largest is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"this {address.level} has no image")
    in_order = sorted(largest, key=lambda one: (one.image and one.image.instance_number) or 0)
    return in_order[len(in_order) // 2]


def _picture(
    web: DicomWeb, request: Request, address: Address, number: int, size: tuple[int, int] | None = None
) -> Response:
    kind = demand(request, list(FORMATS))
    member = web.held.member(address)
    if number > pixels_of(web.held, member).frames:
        raise HTTPException(HTTPStatus.NOT_FOUND, "this instance has fewer frames")
    try:
        wanted = wanted_of(request.query_params, kind, size)
        etag = etag_of("picture", repr(wanted), str(number), member.sha256)
        if has_it(request, etag):
            return unchanged(etag)
        content = rendered(web.held.path(member), number - 1, wanted)
    except ValueError as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, str(error)) from None
    except UnreadableStudy as error:
        raise not_acceptable(error.detail) from None
    return _told(web, request, address, "pictures", Response(content, media_type=kind, headers=headers_of(etag)))


def _found(web: DicomWeb, request: Request, level: Level, within: Address | None) -> Response:
    kind = demand(request, [JSON, "application/json"])
    _demand_uids(within)
    question = replace(question_of(request.query_params.multi_items()), sites=visitor(request).sites)
    answer = web.search.find(level, within, question, web.origin_of(request))
    in_vain = any(level_of(key.tag) > level and not key.is_universal for key in question.query.keys)
    warnings = [*([_IGNORED] if question.ignored or in_vain else []), *([_CUT] if answer.is_cut else [])]
    headers = {"Warning": ", ".join(warnings)} if warnings else {}
    if not answer.models:
        return Response(status_code=HTTPStatus.NO_CONTENT, headers=headers)
    return Response(json.dumps(answer.models, separators=(",", ":")), media_type=kind, headers=headers)


def _demand_uids(within: Address | None) -> None:
    uids = () if within is None else (within.study_uid, within.series_uid)
    if not all(is_valid_uid(uid) for uid in uids if uid):
        raise HTTPException(HTTPStatus.BAD_REQUEST, "expected a UID (PS3.5 section 9.1), found something else")


def _address(request: Request) -> Address:
    found = request.path_params
    return Address(found["study_uid"], found.get("series_uid", ""), found.get("sop_instance_uid", ""))


def _told(web: DicomWeb, request: Request, address: Address, what: str, answer: Response) -> Response:
    if answer.status_code != HTTPStatus.NOT_MODIFIED:
        web.trail.retrieved(request, address, what)
    return answer
