"""One line of log for each retrieval: which study, what of it, by which account; never a patient attribute.

A viewer takes a study slice by slice: of the same kind from the same study by the same account, only the first of five
minutes is told. Knows no content.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import structlog
from fastapi import Request

from triaged.web.dicomweb.paths import Address
from triaged.web.identity import address_of
from triaged.web.visitor import visitor

log = structlog.get_logger()

QUIET_S: Final = 300.0
_MOST_REMEMBERED: Final = 1000


class Trail:
    """Writes what was retrieved; safe to share between threads."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._told: OrderedDict[tuple[str, str, str], float] = OrderedDict()
        self._lock = threading.Lock()

    def retrieved(self, request: Request, address: Address, what: str) -> None:
        """Tell that something of a study goes to whoever asks."""
        known = visitor(request).person
        account = "" if known is None else known.name
        if self._is_new((address.study_uid, what, account)):
            log.info(
                "retrieved by DICOMweb",
                study_instance_uid=address.study_uid,
                what=what,
                of=address.level,
                account=account,
                address=address_of(request),
            )

    def _is_new(self, key: tuple[str, str, str]) -> bool:
        now = self._monotonic()
        with self._lock:
            if now - self._told.get(key, float("-inf")) < QUIET_S:
                return False
            self._told[key] = now
            self._told.move_to_end(key)
            while len(self._told) > _MOST_REMEMBERED:
                self._told.popitem(last=False)
            return True
