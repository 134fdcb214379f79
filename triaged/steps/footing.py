"""Whether this host's view of the spool is fit to work with: asked before anything is claimed, and before a study is
blamed for a file that cannot be read.

The spool's marker may be there and its files not, or not for this process: a part that is not mounted, other users'
rights, a copy that lags behind. Another host may see them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from triaged.errors import TryLater
from triaged.spool.files import Spool
from triaged.steps.waits import still_waits

REST_S: Final = 30.0
"""How long who has found its host at fault leaves everything to others."""
MOST_ATTEMPTS: Final = 5
"""After so many attempts a study is blamed all the same: then no host reads it."""

Latest = Callable[[str], Sequence[str]]
"""Returns a file of each of the studies that came last, but for the one that is named."""


def nothing_known(study_uid: str) -> Sequence[str]:  # noqa: ARG001
    """Return nothing: then only the study itself can be at fault."""
    return ()


class Footing:
    """One process's trust in what it sees of the spool."""

    def __init__(self, spool: Spool, latest: Latest = nothing_known) -> None:
        self._spool = spool
        self._latest = latest
        self._is_tried = False
        self._is_hindered = False
        self._rests_until: datetime | None = None
        self._why = ""

    def demand(self, *, now: datetime) -> None:
        """Refuse to claim anything that this host cannot work on.

        Raises:
            TryLater: the spool is away, or was found unfit a moment ago. At first, and after work was hindered, a file
                has to be begun, so that studies are not read for results that cannot be kept.
        """
        if still_waits(self._rests_until, longest_s=REST_S, now=now):
            raise TryLater(self._why)
        if self._is_hindered:
            self._spool.check_reserve()
        if self._is_hindered or not self._is_tried:
            self._spool.check_writable()
        self._is_hindered, self._is_tried = False, True
        self._spool.check_present()

    def hindered(self) -> None:
        """Take in that work had to be put back for store or spool."""
        self._is_hindered = True

    def blame(self, study_uid: str, *, attempt: int, now: datetime, files: Sequence[str] = ()) -> None:
        """Let a study be blamed for a file of its own that cannot be read; `files` are those that were to be read.

        Raises:
            TryLater: it is this host rather: the spool is away, most of what came last cannot be read either, or files
                had left the cache while they were read.
        """
        self._spool.check_present()
        if back := self._spool.brought_back(files):
            raise TryLater(f"expected all files on this machine, found that {back} had left its cache")
        if attempt >= MOST_ATTEMPTS:
            return
        others = self._latest(study_uid)
        unread = [path for path in others if not self._is_readable(path)]
        if 2 * len(unread) <= len(others):
            return
        found = f"{len(unread)} of {len(others)} that cannot be read here: is all of it mounted?"
        self._why = f"expected files of the studies that came last in the spool, found {found}"
        self._rests_until = now + timedelta(seconds=REST_S)
        raise TryLater(self._why)

    def _is_readable(self, path: str) -> bool:
        try:
            with self._spool.absolute(path).open("rb") as file:
                return bool(file.read(1))
        except OSError:
            return False
