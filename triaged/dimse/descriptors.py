"""How many connections the file descriptors of this process allow.

Knows no connection.
"""

from __future__ import annotations

import os
import resource
from dataclasses import replace

from triaged.dimse.options import ScpOptions
from triaged.dimse.slot import SlotLimits

_SPARE = 8
_OF_AN_ASSOCIATION = 6
"""Its socket, a file and its folder while it stores, and the three of a connection to SQLite."""
_LEAST_SILENT = 4


def limits_wanted(options: ScpOptions) -> SlotLimits:
    """Return how many connections the site wants there to be at most."""
    return SlotLimits(
        options.max_associations,
        options.max_associations_per_peer,
        least_bytes_per_s=options.least_bytes_per_s,
        wait_s=options.wait_s,
    )


def limits_for(options: ScpOptions) -> SlotLimits:
    """Return how many there may be in this process: those, or less where there are too few descriptors.

    The soft limit is raised as far as the hard one allows and as is needed.
    """
    wanted = limits_wanted(options)
    used = _in_use()
    needed = used + _SPARE + _OF_AN_ASSOCIATION * wanted.associations + wanted.silent
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < needed and soft != resource.RLIM_INFINITY:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else fitting(wanted, soft - used)


def fitting(wanted: SlotLimits, descriptors: int) -> SlotLimits:
    """Return limits that this many descriptors are enough for; at least one association, and a few to refuse."""
    free = descriptors - _SPARE
    associations = min(wanted.associations, max(1, (free - _LEAST_SILENT) // (_OF_AN_ASSOCIATION + 1)))
    silent = min(wanted.silent, max(_LEAST_SILENT, free - _OF_AN_ASSOCIATION * associations))
    return replace(wanted, associations=associations, per_peer=min(wanted.per_peer, associations), silent=silent)


def _in_use() -> int:
    """Return how many descriptors are open now."""
    return len(os.listdir("/dev/fd"))
