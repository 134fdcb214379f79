"""Finds the spool that the store means, and names it at the first start; what tells a spool from an empty mount point.

Knows no settings: where the spool should be is an argument.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import structlog

from triaged.errors import TryLater
from triaged.spool.root import established, is_marked
from triaged.store.studies.spool_name import SpoolName

log = structlog.get_logger()


def spool_identity(names: SpoolName, path: Path, *, now: datetime) -> str:
    """Return the identity of the spool of this store, wherever that is now; at the first start it gets one.

    A store that an earlier version wrote has files but no name for the spool: then one of them has to be there.

    Raises:
        TryLater: the store is unreachable, or the spool has no name yet and is not there or cannot be made.
    """
    known = names.known()
    if known is not None:
        return known
    if not is_marked(path):
        _demand_files(path, names.latest_paths())
    identity = names.name(established(path), now=now)
    log.info("spool named", spool=identity, path=str(path))
    return identity


def _demand_files(path: Path, kept: list[str]) -> None:
    if kept and not any((path / each).is_file() for each in kept):
        raise TryLater(f"expected the instances that came last at {path}, found none of {len(kept)}: is it mounted?")
