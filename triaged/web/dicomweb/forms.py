"""In which form instances and frames can be had of those that a client accepts (PS3.18 sections 8.7.3 and 10.4).

Knows no files: only how something is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from triaged.study.kinds import EXPLICIT
from triaged.web.dicomweb.accept import ANY_SYNTAX, DICOM, OCTETS, MediaRange

_JPEG = "1.2.840.10008.1.2.4."
COMPRESSED: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{f"{_JPEG}{number}": "image/jpeg" for number in ("50", "51", "57", "70")},
        **{f"{_JPEG}{number}": "image/jls" for number in ("80", "81")},
        **{f"{_JPEG}{number}": "image/jp2" for number in ("90", "91")},
        **{f"{_JPEG}{number}": "image/jphc" for number in ("201", "202", "203")},
        "1.2.840.10008.1.2.5": "image/dicom-rle",
    }
)
"""Transfer syntaxes of compressed pixels, each with the media type of one frame (table 8.7.3-2)."""


@dataclass(frozen=True, slots=True)
class Form:
    """A media type and transfer syntax to be sent; `is_stored` as it lies there, else decoded."""

    kind: str
    syntax: str
    is_stored: bool
    is_multipart: bool = True

    @property
    def content_type(self) -> str:
        """Return what is said of a part in this form."""
        return f"{self.kind}; transfer-syntax={self.syntax}"


def instance_form(accepted: Iterable[MediaRange], stored: str, *, alone: bool) -> Form | None:
    """Return the form of an instance that is stored in a transfer syntax, None where none is accepted.

    Only one that is asked for `alone` can go without parts. Without a transfer syntax, explicit VR little endian is
    meant (section 8.7.3.5.2).
    """
    for each in accepted:
        is_single = not each.is_multipart and each.kind == DICOM
        if not each.covers(DICOM) or (is_single and not alone):
            continue
        if each.syntax in (ANY_SYNTAX, stored):
            return Form(DICOM, stored, True, not is_single)
        if each.syntax in ("", EXPLICIT):
            return Form(DICOM, EXPLICIT, False, not is_single)
    return None


def frame_form(accepted: Iterable[MediaRange], stored: str, *, is_encapsulated: bool) -> Form | None:
    """Return the form of the frames of an instance, None where none is accepted."""
    for each in accepted:
        is_single = not each.is_multipart and each.kind != "*/*"
        own = COMPRESSED.get(stored)
        if is_encapsulated and own and each.covers(own):
            is_named = each.syntax == "" and each.kind == own
            if is_named or each.syntax in (ANY_SYNTAX, stored):
                return Form(own, stored, True, not is_single)
        if is_encapsulated and each.covers(OCTETS) and each.syntax in (ANY_SYNTAX, stored):
            return Form(OCTETS, stored, True, not is_single)
        if each.covers(OCTETS) and each.syntax in ("", EXPLICIT, ANY_SYNTAX):
            return Form(OCTETS, EXPLICIT, not is_encapsulated, not is_single)
    return None
