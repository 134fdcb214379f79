"""Takes passwords out of texts that are shown or kept: those in addresses, and of the keys that hold nothing else.

It rather hides too much: a password may hold any character, so that all from `://` to the last `@` of a line goes, and
all of a secret's lines but a reference.
"""

from __future__ import annotations

import re
from typing import Final

HIDDEN: Final = "..."
_IN_ADDRESS = re.compile(r"://[^\n]*@")
_IN_QUERY = re.compile(r"((?:password|passwd|pwd|token|secret|passfile)=)[^&\s\"',}\]]+", re.IGNORECASE)
_REFERENCE = r"""[ \t]*(?:null\b|["']?\$\{\w+\}["']?[ \t]*(?:[,}#\n]|$)|\{[ \t]*file[ \t]*:|\n[ \t]+file[ \t]*:)"""
_OF_KEY = re.compile(
    rf"""^(?P<indent>[ \t]*)(?P<key>(?:[^\n]*[\s{{,])?["']?(?:client_secret|secret_key)["']?[ \t]*:)"""
    rf"""(?!{_REFERENCE})[^\n]*"""
    r"(?:\n(?P=indent)[ \t]+[^\n]*)*",
    re.MULTILINE,
)


def without_passwords(text: str) -> str:
    """Return a text with what may be a password replaced by three points."""
    text = _OF_KEY.sub(rf"\g<indent>\g<key> {HIDDEN}", text)
    return _IN_QUERY.sub(rf"\1{HIDDEN}", _IN_ADDRESS.sub(f"://{HIDDEN}@", text))
