"""What the trial of doors says: addresses of others, paths in other spellings, and words for random questions."""

from __future__ import annotations

HOSTILE_TARGETS = (
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https://evil.example",
    "https:evil.example",
    "javascript:alert(1)",
    "/%09/evil.example",
    "/%5cevil.example",
    "evil.example",
    "/sign-in?next=//evil.example",
    "/sign-out",
    "http:///evil.example",
    "//evil.example/%2f..",
    "?x",
    "/\t/evil.example",
    "\t//evil.example",
    "/\r\nSet-Cookie: a=b",
)
"""Where somebody who signs in must not be led."""

_SPELLINGS = (
    "/{0} /.{0} /static/..{0} /static/%2e%2e{0} /health/..{0} /health{0} {0};/static/ {0}/ {0}%00 {0}%20 {0}%2f "
    "/%2e{0} /sign-in/..{0} {0}?next=/health {0}#/health {0}.png /static{0} http://evil.example{0} * /{0}// "
    "/static/..%2f..%2f..%2f..{0} /static/%2e%2e/%2e%2e/app.py"
)

WORDS = (
    "page",
    "q",
    "class",
    "state",
    "show",
    "order",
    "limit",
    "offset",
    "includefield",
    "00100010",
    "PatientName",
    "next",
    "-1",
    "0",
    "%00",
    "%ff%fe",
    "*",
    "<b>",
    "é",
    "1e309",
    "NaN",
    "[]",
    "%0d%0a",
    "'+OR+1=1+--",
    "9" * 40,
    "a" * 500,
)
PARTS = ("..", "%2e%2e", "", "%00", "1.2.3", "é", "%ff", "-1", "9" * 30, "static")
"""Parts of paths."""

FORGED = {
    "Remote-User": "Doe",
    "X-Forwarded-User": "Doe",
    "X-Forwarded-For": "127.0.0.1",
    "X-Real-IP": "127.0.0.1",
    "Forwarded": "for=127.0.0.1;host=localhost",
    "X-Forwarded-Host": "localhost",
    "X-Original-URL": "/health",
    "X-Rewrite-URL": "/health",
    "X-HTTP-Method-Override": "GET",
    "Authorization": "Basic RG9lOng=",
}
"""Headers that only a trusted proxy may send, or nobody."""


def spellings(path: str) -> list[str]:
    """Return a path as some servers take for the same and some guards do not."""
    return [*_SPELLINGS.format(path).split(), path.upper(), path.replace("/", "%2f")]
