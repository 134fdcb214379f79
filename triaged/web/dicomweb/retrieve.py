"""Gives out instances, their headers, long values and frames (WADO-RS, PS3.18 section 10.4); knows no routes.

Nothing is held as a whole but one file that is decoded: what is large goes piece by piece.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from http import HTTPStatus
from itertools import chain, islice
from pathlib import Path
from typing import Final

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from starlette.exceptions import HTTPException

from triaged.dicom.files import read_header_only
from triaged.dicom.frames import FrameLayout, decoded_frames, stored_frame
from triaged.dicom.long_headers import read_long_header
from triaged.dicom.transcoding import as_explicit
from triaged.errors import UnreadableStudy
from triaged.store.studies.catalogue import Member
from triaged.web.dicomweb.accept import JSON, OCTETS, accepted, demand, not_acceptable
from triaged.web.dicomweb.etags import etag_of, has_it
from triaged.web.dicomweb.forms import Form, frame_form, instance_form
from triaged.web.dicomweb.held import DELETED, Held, sent_syntax
from triaged.web.dicomweb.model import PIXEL_DATA, bulk_value, path_of, with_addresses
from triaged.web.dicomweb.multipart import Part, related
from triaged.web.dicomweb.paths import Address

MOST_FRAMES: Final = 10_000
"""That one request can name."""
_PIECE: Final = 256 * 1024
_SHORT: Final = 4 * 1024 * 1024
"""An answer that is held as a whole: each piece of a stream costs a change of threads."""
_MODELS_AT_ONCE: Final = 16


class Retrieve:
    """Answers retrievals; safe to share between threads. Raises `TryLater` where store or spool is away."""

    def __init__(self, held: Held) -> None:
        self._held = held

    def instances(self, request: Request, address: Address, origin: str) -> Response:
        """Return a study, a series or an instance as files; 206 where not all of it can be had."""
        members = self._held.members(address)
        ranges = accepted(request)
        forms = [(member, instance_form(ranges, sent_syntax(member), alone=len(members) == 1)) for member in members]
        etag = etag_of("instances", *(form.content_type for _, form in forms if form), of=_digests(members))
        if has_it(request, etag):
            return unchanged(etag)
        possible = [(one, form) for one, form in forms if form is not None]
        if not possible:
            raise not_acceptable(
                "expected application/dicom, as it is stored (transfer-syntax=*) or explicit little endian"
            )
        there = [(one, form) for one, form in possible if self._held.is_there(one)]
        if not there:
            is_deleted = any(one.is_deleted for one, _ in possible)
            raise HTTPException(HTTPStatus.GONE, DELETED if is_deleted else "the files of this are lost")
        if len(members) == 1:
            return self._one_file(*there[0], origin, headers_of(etag))
        parts = (self._file(one, form, origin) for one, form in there)
        answer = related(parts, there[0][1].kind, headers_of(etag))
        answer.status_code = HTTPStatus.OK if len(there) == len(members) else HTTPStatus.PARTIAL_CONTENT
        return answer

    def metadata(self, request: Request, address: Address, origin: str) -> Response:
        """Return the headers of a study, a series or an instance in the JSON model."""
        kind = demand(request, [JSON, "application/json"])
        members = self._held.members(address)
        etag = etag_of("metadata", origin, of=_digests(members))
        if has_it(request, etag):
            return unchanged(etag)
        return StreamingResponse(self._models(members, origin), media_type=kind, headers=headers_of(etag))

    def frames(self, request: Request, address: Address, numbers: Sequence[int], origin: str) -> Response:
        """Return frames by their numbers, from 1, in the order asked for; 404 where one of them is not there."""
        member = self._held.member(address)
        layout = pixels_of(self._held, member)
        if max(numbers) > layout.frames:
            raise HTTPException(HTTPStatus.NOT_FOUND, f"this instance has {layout.frames} frames")
        form = frame_form(accepted(request), layout.transfer_syntax_uid, is_encapsulated=layout.is_encapsulated)
        if form is None or (not form.is_multipart and len(numbers) > 1):
            raise not_acceptable("expected frames as they are stored (transfer-syntax=*), or application/octet-stream")
        etag = etag_of("frames", form.content_type, *map(str, numbers), of=_digests([member]))
        if has_it(request, etag):
            return unchanged(etag)
        contents = self._contents(self._held.path(member), layout, form, [number - 1 for number in numbers])
        first = _or_not_acceptable(contents)
        if not form.is_multipart:
            return Response(first, media_type=form.content_type, headers=headers_of(etag))
        where = [f"{origin}{address.path}/frames/{number}" for number in numbers]
        parts = (
            Part({"Content-Type": form.content_type, "Content-Location": place}, [content])
            for place, content in zip(where, chain([first], contents), strict=True)
        )
        is_short = len(numbers) * layout.frame_bits <= 8 * _SHORT
        return related(parts, form.kind, headers_of(etag), is_short=is_short)

    def bulk(self, request: Request, address: Address, path: str, origin: str) -> Response:
        """Return a value that was too long for the model, by the path in its `BulkDataURI`; pixels frame by frame."""
        place = path_of(path)
        if place is None:
            raise HTTPException(HTTPStatus.BAD_REQUEST, "expected the path of an attribute: TAG[/ITEM/TAG]")
        if place == (PIXEL_DATA,):
            layout = pixels_of(self._held, self._held.member(address))
            return self.frames(request, address, range(1, layout.frames + 1), origin)
        member = self._held.member(address)
        form = frame_form(accepted(request), "", is_encapsulated=False)
        if form is None:
            raise not_acceptable(f"only {OCTETS} can be had")
        value = bulk_value(read_long_header(self._held.path(member)).dataset, place)
        if value is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "there is no such value")
        etag = etag_of("bulk", path, of=_digests([member]))
        if has_it(request, etag):
            return unchanged(etag)
        if not form.is_multipart:
            return Response(value, media_type=OCTETS, headers=headers_of(etag))
        location = f"{origin}{address.path}/bulkdata/{path}"
        return related(
            [Part({"Content-Type": OCTETS, "Content-Location": location}, [value])], OCTETS, headers_of(etag)
        )

    def _models(self, members: Sequence[Member], origin: str) -> Iterator[str]:
        before = "["
        waiting = iter(members)
        while some := list(islice(waiting, _MODELS_AT_ONCE)):
            texts = (with_addresses(self._held.text(one), origin + _address(one).path) for one in some)
            yield before + ",".join(texts)
            before = ","
        yield "]"

    def _one_file(self, member: Member, form: Form, origin: str, headers: dict[str, str]) -> Response:
        """Return one instance; what is to be decoded is decoded first, so that it can still be refused."""
        if form.is_stored or member.transfer_syntax_uid == form.syntax:
            part = self._file(member, form, origin)
        else:
            part = Part(_described(member, form, origin), [_or_not_acceptable(_decoded(self._held.path(member)))])
        if form.is_multipart:
            return related([part], form.kind, headers, is_short=self._held.path(member).stat().st_size <= _SHORT)
        return StreamingResponse(iter(part.content), media_type=form.content_type, headers=headers)

    def _file(self, member: Member, form: Form, origin: str) -> Part:
        """Return a file as a part; one that cannot be decoded goes as it is stored, which its part says."""
        path = self._held.path(member)
        if member.transfer_syntax_uid != form.syntax:
            try:
                return Part(_described(member, form, origin), [as_explicit(path)])
            except UnreadableStudy:
                form = Form(form.kind, member.transfer_syntax_uid, True)
        return Part(_described(member, form, origin), _pieces(path))

    def _contents(self, path: Path, layout: FrameLayout, form: Form, indices: list[int]) -> Iterator[bytes]:
        if form.is_stored:
            yield from (stored_frame(path, layout, index) for index in indices)
        else:
            yield from decoded_frames(path, read_header_only(path), indices)


def pixels_of(held: Held, member: Member) -> FrameLayout:
    """Return how the pixels of an instance are stored; 404 where it has none, 406 where they cannot be read."""
    try:
        layout = held.layout(member)
    except UnreadableStudy as error:
        raise not_acceptable(error.detail) from None
    if layout is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "this instance has no pixels")
    return layout


def frame_numbers(text: str) -> list[int]:
    """Return the numbers in a list of frames, from 1; 400 where it is none."""
    parts = text.split(",")
    if len(parts) > MOST_FRAMES or not all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts):
        raise HTTPException(HTTPStatus.BAD_REQUEST, "expected numbers of frames, with commas between them")
    numbers = [int(part) for part in parts]
    if min(numbers) < 1:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "expected numbers of frames from 1")
    return numbers


def unchanged(etag: str) -> Response:
    """Return the answer to a client that has it already."""
    return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers_of(etag))


def headers_of(etag: str) -> dict[str, str]:
    """Return what is said of an answer: by which name it is known, and that it depends on what is accepted."""
    return {"ETag": etag, "Vary": "Accept"}


def _described(member: Member, form: Form, origin: str) -> dict[str, str]:
    return {"Content-Type": form.content_type, "Content-Location": origin + _address(member).path}


def _address(member: Member) -> Address:
    return Address(member.study_uid, member.series_uid, member.sop_instance_uid)


def _digests(members: Iterable[Member]) -> Iterator[str]:
    return (f"{member.sop_instance_uid} {member.sha256}" for member in members)


def _decoded(path: Path) -> Iterator[bytes]:
    yield as_explicit(path)


def _or_not_acceptable(contents: Iterator[bytes]) -> bytes:
    """Return the first of some contents; 406 where it cannot be decoded."""
    try:
        return next(contents)
    except UnreadableStudy as error:
        raise not_acceptable(f"{error.detail}: ask for it as it is stored (transfer-syntax=*)") from None


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece
