"""Who asks for a page, as the handlers see it; how they came to be known is not said here.

Knows no store and no settings.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from fastapi import Request
from starlette.exceptions import HTTPException

from triaged.study.people import AccessRole, Person


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who asks: `person` None where it is not known who; `csrf` is what a form of ours has to bring back.

    `can_sign_out` is False where this program did not sign them in.
    """

    person: Person | None = None
    csrf: str = ""
    can_sign_out: bool = False

    @property
    def name(self) -> str:
        """Return the name of who asks, empty where it is not known."""
        return "" if self.person is None else self.person.name

    @property
    def sites(self) -> frozenset[str]:
        """Return the sites whose studies are seen; without any, all studies are."""
        return frozenset() if self.person is None else self.person.sites

    @property
    def administers(self) -> bool:
        """Tell whether this is an administrator."""
        return self.person is not None and self.person.role is AccessRole.ADMINISTRATOR

    @property
    def sees_people(self) -> bool:
        """Tell whether there are accounts, and this is somebody who may see them."""
        return self.can_sign_out and self.administers


def visitor(request: Request) -> Visitor:
    """Return who asks; nobody in particular on the few paths that are for everybody."""
    known: Visitor = getattr(request.state, "visitor", Visitor())
    return known


def person(request: Request) -> Person:
    """Return the person who asks, for a handler that acts in their name; `HTTPException` where that is not known."""
    known = visitor(request).person
    if known is None:
        raise HTTPException(HTTPStatus.UNAUTHORIZED, "Sign in first.")
    return known


def administrator(request: Request) -> Person:
    """Return the person who asks, for what only administrators may do; `HTTPException` where it is somebody else."""
    known = person(request)
    if known.role is not AccessRole.ADMINISTRATOR:
        raise HTTPException(HTTPStatus.FORBIDDEN, "Only an administrator may do this.")
    return known


def form(request: Request) -> Mapping[str, str]:
    """Return the fields of the form that was sent, each once; empty where none was."""
    fields: Mapping[str, str] = getattr(request.state, "form", {})
    return fields


def csrf_token(secret: str) -> str:
    """Return what pages carry for a browser that keeps `secret` in a cookie: it proves that they were ours."""
    return hmac.new(secret.encode(), b"triaged csrf", hashlib.sha256).hexdigest()


def is_token(sent: str, expected: str) -> bool:
    """Compare two tokens in a time that does not depend on how near they are."""
    return bool(expected) and hmac.compare_digest(sent.encode("utf-8", "replace"), expected.encode())
