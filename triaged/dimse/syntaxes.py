"""In which transfer syntaxes an object may go, which of them first, and how it is brought into another one.

Knows no sockets. Every conversion is lossless: into deflated or inflated, explicit or implicit VR, and out of RLE.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from types import MappingProxyType

from pydicom import Dataset, dcmread, dcmwrite
from pydicom.uid import UID

from triaged.steps.ports import Outgoing
from triaged.study.kinds import DEFLATED, EXPLICIT, IMPLICIT, RLE

NAMES: Mapping[str, str] = MappingProxyType(
    {"explicit": EXPLICIT, "implicit": IMPLICIT, "deflated": DEFLATED, "rle": RLE}
)
"""How people name transfer syntaxes in settings -> Transfer Syntax UID."""

_CONVERTIBLE = frozenset({EXPLICIT, DEFLATED, RLE})


def ways_of(outgoing: Outgoing) -> tuple[str, ...]:
    """Return the transfer syntaxes in which an object may go, the most wanted first; none of them loses anything.

    Without a wish of the destination: as it is stored, which is the smallest, else uncompressed. An object in a syntax
    that we do not write goes as it is. The result is empty where the destination wishes none of what is possible.
    """
    own = outgoing.transfer_syntax_uid
    possible = dict.fromkeys((own, EXPLICIT, IMPLICIT, DEFLATED)) if own in _CONVERTIBLE else {own: None}
    if outgoing.transfer_syntaxes:
        return tuple(syntax for syntax in outgoing.transfer_syntaxes if syntax in possible)
    return tuple(syntax for syntax in possible if syntax in (own, EXPLICIT, IMPLICIT))


def proposals_for(outgoing: Outgoing) -> tuple[str, ...]:
    """Return the transfer syntaxes to propose: the ways, and the default, which every proposal has to contain.

    PS3.5 section 10.1 asks for implicit VR little endian even where it is not wished; it is then accepted and not used.
    An object that is compressed in a way that we do not write is exempt, as it cannot be had otherwise.
    """
    ways = ways_of(outgoing)
    return ways if outgoing.transfer_syntax_uid not in _CONVERTIBLE or IMPLICIT in ways else (*ways, IMPLICIT)


def converted(path: Path, transfer_syntax_uid: str) -> Dataset:
    """Return a stored object in another transfer syntax, as the same instance; whoever sends it need not encode it."""
    dataset = dcmread(path)
    if dataset.file_meta.TransferSyntaxUID.is_compressed:
        dataset.decompress(generate_instance_uid=False)
    dataset.file_meta.TransferSyntaxUID = UID(transfer_syntax_uid)
    buffer = BytesIO()
    dcmwrite(buffer, dataset)
    buffer.seek(0)
    return dcmread(buffer)


def named(uids: Sequence[str]) -> str:
    """Return transfer syntaxes or SOP classes by their names in PS3.6 annex A, for people."""
    return ", ".join(UID(uid).name for uid in uids)
