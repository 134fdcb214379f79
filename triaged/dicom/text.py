"""Decodes text of DICOM elements whatever its sender claims, without warnings and without ever failing.

PS3.5 section 6.1 and PS3.3 C.12.1.1.2. A name that is mangled in one letter is worth more than an instance that is
lost because of it, so every step has a fall-back, the last being Latin-1, which maps every byte.
"""

from __future__ import annotations

import re

from pydicom.charset import CODES_TO_ENCODINGS, python_encoding

_FALLBACK = "latin_1"
_ESCAPE = b"\x1b"
_DECODE_ESCAPES = frozenset({"iso2022_jp", "iso2022_jp_2"})
"""Python's codecs that want to see the escape sequence; the others must not."""

_MISSPELLED = re.compile(r"ISO[ _-]*(2022[ _-]+)?IR[ _-]*(\d+)$")
"""`ISO-IR 100`, `ISO IR 100`, `ISO_IR_100`: seen from real senders for `ISO_IR 100`."""


def encodings_of(specific_character_set: bytes) -> tuple[str, ...]:
    """Return Python's names of the character sets in (0008,0005); an unknown one counts as Latin-1."""
    terms = specific_character_set.decode(_FALLBACK).split("\\")
    return tuple(_encoding_of(term.strip(" \0").upper()) for term in terms)


def decode_text(raw: bytes, encodings: tuple[str, ...]) -> str:
    """Return the text of an element's value in the character sets of `encodings`, the first being the default one."""
    if _ESCAPE not in raw:
        return _decode_plain(raw, encodings[0])
    head, *fragments = raw.split(_ESCAPE)
    return _decode_plain(head, encodings[0]) + "".join(_decode_fragment(_ESCAPE + part) for part in fragments)


def _encoding_of(term: str) -> str:
    misspelled = _MISSPELLED.match(term)
    if misspelled:
        term = f"ISO 2022 IR {misspelled[2]}" if misspelled[1] else f"ISO_IR {misspelled[2]}"
    return python_encoding.get(term, _FALLBACK)


def _decode_plain(raw: bytes, encoding: str) -> str:
    for candidate in (encoding, "utf_8"):
        try:
            return raw.decode(candidate)
        except (UnicodeDecodeError, LookupError):
            continue
    return raw.decode(_FALLBACK)


def _decode_fragment(fragment: bytes) -> str:
    """Decode a piece that begins with an escape sequence (PS3.3 tables C.12-3 and C.12-4)."""
    for code, encoding in CODES_TO_ENCODINGS.items():
        if fragment.startswith(code):
            return _decode_plain(fragment if encoding in _DECODE_ESCAPES else fragment[len(code) :], encoding)
    return _decode_plain(fragment[1:], _FALLBACK)
