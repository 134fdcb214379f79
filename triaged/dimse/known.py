"""Which senders are known, so that some associations are kept for them; knows no association."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from ipaddress import ip_address

_REMEMBERED = 1000
"""How many senders are remembered as known."""


class KnownSenders:
    """Who is in the settings, or has stored within `known_s`; to be used by one thread at a time.

    `expected` are titles with the host where each is reached, or an empty one.
    """

    def __init__(self, expected: Collection[tuple[str, str]], known_s: float) -> None:
        self._expected = expected
        self._known_s = known_s
        self._met: Collection[tuple[str, str]] = ()
        self._stored: OrderedDict[tuple[str, str], float] = OrderedDict()
        """When each sender, by title and address, stored for the last time."""

    def has(self, calling_ae_title: str, address: str, *, now: float) -> bool:
        """Tell whether who calls itself so, from there, is known."""
        if any(title == calling_ae_title and _may_be_at(host, address) for title, host in self._expected):
            return True
        stored = self._stored.get((calling_ae_title, address))
        return (calling_ae_title, address) in self._met or (stored is not None and now - stored < self._known_s)

    def note_stored(self, calling_ae_title: str, address: str, *, now: float) -> None:
        """Note that an instance of this sender was kept."""
        sender = calling_ae_title, address
        self._stored[sender] = now
        self._stored.move_to_end(sender)
        if len(self._stored) > _REMEMBERED:
            self._stored.popitem(last=False)

    def meet(self, senders: Collection[tuple[str, str]]) -> None:
        """Take these for known, by title and address, in place of those that were met before."""
        self._met = senders


def _may_be_at(host: str, address: str) -> bool:
    """Tell whether a peer whose host is configured may call from an address; a name is not looked up."""
    try:
        return not host or ip_address(host) == ip_address(address)
    except ValueError:
        return True
