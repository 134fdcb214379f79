"""Names in the spool, which are all made by us."""

from __future__ import annotations

import re

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}\Z")


def checked(name: str) -> str:
    """Return a name that is safe as one component of a path; `ValueError` where it is not."""
    if not _NAME.match(name):
        raise ValueError(f"expected a plain file name (letters, digits, '.', '_', '-'), found {name!r}")
    return name
