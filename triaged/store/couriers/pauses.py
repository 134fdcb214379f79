"""What is not sent for a while, as a condition of each claim. `store.roles.pauses` writes it."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import exists, or_

from triaged.store.roles.pauses import Pausable
from triaged.store.tables.housekeeping import pause

EVERYBODY: Final = ""
"""The target of a pause that concerns every destination and subscriber."""


def is_held(peer: Any) -> Any:
    """True where nothing is sent to the peer in this column."""
    return exists().where(pause.c.what == Pausable.SENDING, or_(pause.c.target == EVERYBODY, pause.c.target == peer))
