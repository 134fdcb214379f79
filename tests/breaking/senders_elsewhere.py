"""Senders that know several receivers, and one that stores over the web (STOW-RS, PS3.18 10.5).

A modality or a PACS has a second destination for when the first does not answer. Must not know what is done to them.
"""

from __future__ import annotations

import json
import random
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.breaking.ledger import Ledger
from tests.breaking.senders import Address, Sender
from tests.breaking.small_scans import SmallInstance

_TIMEOUT_S = 20
_BOUNDARY = "frontier"
_HEADERS = {"Content-Type": f'multipart/related; type="application/dicom"; boundary={_BOUNDARY}'}
_SOP_UID, _REASON, _STORED, _FAILED = "00081155", "00081197", "00081199", "00081198"


@dataclass(slots=True)
class Anywhere:
    """A sender that tries another address each time, chosen at random."""

    sender: Sender
    addresses: Sequence[Address]
    random: random.Random

    def send(self, instances: Sequence[SmallInstance], to: Address, ledger: Ledger) -> None:
        """Send to one of the addresses, whichever `to` is."""
        del to
        self.sender.send(instances, self.random.choice(self.addresses), ledger)


@dataclass(slots=True)
class Stow:
    """Stores all instances by one request; the port of an address is that of the web."""

    def send(self, instances: Sequence[SmallInstance], to: Address, ledger: Ledger) -> None:
        """Post them, and note what the answer says of each."""
        by_uid = {each.sop_uid: each for each in instances}
        answer = self._post(b"".join(map(_part, instances)) + f"--{_BOUNDARY}--\r\n".encode(), to.port)
        if answer is None:
            ledger.refused("no answer to STOW")
            return
        for one in _items(answer, _STORED):
            ledger.acknowledged(by_uid[_value(one, _SOP_UID)])
        for one in _items(answer, _FAILED):
            ledger.refused(f"STOW 0x{int(_value(one, _REASON)):04X}")

    def _post(self, body: bytes, port: int) -> Mapping[str, Any] | None:
        request = urllib.request.Request(f"http://127.0.0.1:{port}/dicom-web/studies", body, _HEADERS)
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
                content = response.read()
        except urllib.error.HTTPError as error:
            content = _content(error)
        except (OSError, ValueError):
            return None
        try:
            found: Mapping[str, Any] = json.loads(content)
        except ValueError:  # it was refused as a whole, or cut off
            return None
        return found if _STORED in found or _FAILED in found else None


def _content(error: urllib.error.HTTPError) -> bytes:
    with error:
        try:
            return error.read()
        except OSError:
            return b""


def _part(instance: SmallInstance) -> bytes:
    head = f"--{_BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    return head + instance.path.read_bytes() + b"\r\n"


def _items(answer: Mapping[str, Any], tag: str) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = answer.get(tag, {}).get("Value", [])
    return found


def _value(item: Mapping[str, Any], tag: str) -> Any:
    return item[tag]["Value"][0]
