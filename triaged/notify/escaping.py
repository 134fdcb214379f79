"""Text inside an HL7 v2 message (chapter 2.7): what would be structure is escaped, what would break the frame left out.

The library's own escaping writes every character beyond ASCII as a number, which a receiver of UTF-8 would have to
undo. Must not know any segment.
"""

from __future__ import annotations

import re
import unicodedata

_ESCAPES = str.maketrans({"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"})
_LINE_BREAK = "\\.br\\"
_LINE_END = re.compile(r"\r\n|\r|\n")
_CONTROL = ("Cc", "Zl", "Zp")


def plain(text: str) -> str:
    """Return one line of text: separators escaped, every control character a space."""
    return "".join(" " if unicodedata.category(each) in _CONTROL else each for each in text).translate(_ESCAPES)


def paragraph(text: str) -> str:
    """Return text of one or several lines, for data types that have line breaks (TX, FT)."""
    return _LINE_BREAK.join(plain(line) for line in _LINE_END.split(text))


def person_name(name: str) -> str:
    """Return a DICOM person name (PS3.5 6.2, PN) as XPN of the kind "legal".

    Of its groups the first that says anything is taken; prefix and suffix stand the other way round in HL7.
    """
    group = next((each for each in name.split("=") if each.strip("^ ")), "")
    family, given, middle, prefix, suffix = [plain(each.strip()) for each in (*group.split("^"), *[""] * 5)[:5]]
    known = [family, given, middle, suffix, prefix, "", "L"]
    return "^".join(known) if group else ""
