"""What was sent, and what the peer answered: from this follows what must be there, whatever happened meanwhile.

It is the senders' own book. Must not know the store, the spool, or how anything is sent.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from tests.breaking.small_scans import SmallInstance, SmallStudy


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """An instance that its sender need not keep any longer."""

    study_uid: str
    sop_uid: str
    digest: str


@dataclass(slots=True)
class Ledger:
    """Everything that was told; safe to use from every sender's thread."""

    statuses: Counter[str] = field(default_factory=Counter)
    """How often each answer came, or none."""
    _studies: dict[str, SmallStudy] = field(default_factory=dict)
    _acknowledged: dict[Acknowledged, None] = field(default_factory=dict)
    _by_study: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begins(self, study: SmallStudy) -> None:
        """Note that a study is about to be sent."""
        with self._lock:
            self._studies[study.study_uid] = study

    def acknowledged(self, instance: SmallInstance) -> None:
        """Note that the peer answered Success: from here on the instance is its responsibility."""
        with self._lock:
            self.statuses["Success"] += 1
            self._acknowledged[Acknowledged(instance.study_uid, instance.sop_uid, instance.digest)] = None
            self._by_study[instance.study_uid].add(instance.sop_uid)

    def refused(self, status: str) -> None:
        """Note another answer, or that none came: the sender keeps the instance."""
        with self._lock:
            self.statuses[status] += 1

    def is_acknowledged(self, instance: SmallInstance) -> bool:
        """Tell whether the instance, with this content, was acknowledged."""
        with self._lock:
            return Acknowledged(instance.study_uid, instance.sop_uid, instance.digest) in self._acknowledged

    def everything(self) -> list[Acknowledged]:
        """Return what must be kept, in the order of the answers."""
        with self._lock:
            return list(self._acknowledged)

    def study_uids(self) -> set[str]:
        """Return the studies of which at least one instance was acknowledged: each must be on the list."""
        with self._lock:
            return set(self._by_study)

    def whole(self) -> dict[str, SmallStudy]:
        """Return the studies of which every instance was acknowledged: each must be analysed."""
        with self._lock:
            return {
                uid: self._studies[uid]
                for uid, kept in self._by_study.items()
                if len(kept) == len(self._studies[uid].instances)
            }
