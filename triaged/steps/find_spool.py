"""Finds the spool that the store means, and names it at the first start; what tells a spool from an empty mount point.

Knows no settings: where the spool should be is an argument.
"""

from __future__ import annotations

from datetime import datetime

import structlog

from triaged.errors import TryLater
from triaged.spool.root import Place
from triaged.store.studies.spool_name import SpoolName

log = structlog.get_logger()


def spool_identity(names: SpoolName, place: Place, *, now: datetime) -> str:
    """Return the identity of the spool of this store, wherever that is now; at the first start it gets one.

    A store that an earlier version wrote has files but no name for the spool: then one of them has to be there.

    Raises:
        TryLater: the store is unreachable, or the spool has no name yet and is not there or cannot be made.
    """
    known = names.known()
    if known is not None:
        return known
    if not place.is_marked():
        _demand_files(place, names.latest_paths())
    identity = names.name(place.established(), now=now)
    log.info("spool named", spool=identity, path=str(place))
    return identity


def _demand_files(place: Place, kept: list[str]) -> None:
    if kept and not place.holds_any(kept):
        raise TryLater(f"expected the instances that came last at {place}, found none of {len(kept)}: is it mounted?")
