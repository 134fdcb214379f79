"""Which addresses of ours a form or a link may send somebody on to, and which study one names; knows no pages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from fastapi import Request

from triaged.web.access import SIGN_IN

SIGN_OUT: Final = "/sign-out"
_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*")
"""Printable ASCII that begins with one slash and contains no backslash: browsers read both `//` and `/\\` as a host."""


_STUDY_NAMES: Final = ("uid", "study_instance_uid", "study_uid")


def named_study(parameters: Mapping[str, Any]) -> str:
    """Return the Study Instance UID that the path of a request names, empty where it names none."""
    return next((str(parameters[name]) for name in _STUDY_NAMES if name in parameters), "")


def safe_path(wanted: str) -> str:
    """Return a path of ours to go on with after signing in: what a link asks for, or the list.

    A link may come from anywhere; it must not be able to send somebody who just signed in to another site.
    """
    ours = _PATH.fullmatch(wanted) and not wanted.startswith((SIGN_IN, SIGN_OUT))
    return wanted if ours else "/"


def page_before(request: Request) -> str:
    """Return the page of ours from which a form was sent, as the browser says it; the list where it says nothing."""
    try:
        sent = urlsplit(request.headers.get("Referer", ""))
    except ValueError:
        return "/"
    return safe_path(sent.path + (f"?{sent.query}" if sent.query else ""))
