"""Storage commitment (PS3.4 annex J) as values: who is asked to keep what, and what was answered.

Knows no sockets and no tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

STORAGE_COMMITMENT_PUSH_MODEL = "1.2.840.10008.1.20.1"
STORAGE_COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1.1"


class FailureReason(IntEnum):
    """Why an instance is not committed (PS3.3 C.14.1.1)."""

    PROCESSING_FAILURE = 0x0110
    NO_SUCH_INSTANCE = 0x0112
    RESOURCE_LIMITATION = 0x0213
    CLASS_NOT_SUPPORTED = 0x0122
    CLASS_INSTANCE_CONFLICT = 0x0119
    DUPLICATE_TRANSACTION = 0x0131


@dataclass(frozen=True, slots=True)
class Reference:
    """One instance, named as the Referenced SOP Sequence names it."""

    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, slots=True)
class NotCommitted:
    """An instance whose safekeeping was declined; `reason` is one of `FailureReason`, or what else a peer sent."""

    reference: Reference
    reason: int


@dataclass(frozen=True, slots=True)
class CommitmentRequest:
    """The question whether these instances are kept (N-ACTION, action type 1)."""

    transaction_uid: str
    references: tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class CommitmentReport:
    """The answer (N-EVENT-REPORT, event type 1 when nothing failed, else 2)."""

    transaction_uid: str
    committed: tuple[Reference, ...]
    failed: tuple[NotCommitted, ...] = ()
