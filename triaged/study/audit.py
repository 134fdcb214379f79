"""What is written down of who did, saw or was sent what. Knows no tables and no messages.

Never a patient attribute: a study is its UID, and whoever may know more looks there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class AuditEvent(StrEnum):
    """What happened."""

    STARTED = "role-started"
    STOPPED = "role-stopped"
    CONFIGURATION = "configuration"
    SIGNED_IN = "signed-in"
    SIGNED_OUT = "signed-out"
    ACCESS_REFUSED = "access-refused"
    LIST_VIEWED = "list-viewed"
    LIST_EXPORTED = "list-exported"
    LIST_QUERIED = "list-queried"
    STUDY_VIEWED = "study-viewed"
    PICTURES_VIEWED = "pictures-viewed"
    DECISION = "decision"
    INSTANCES_RECEIVED = "instances-received"
    INSTANCES_SENT = "instances-sent"
    ADMINISTRATION = "administration"
    AUDIT_READ = "audit-read"


@dataclass(frozen=True, slots=True)
class Audited:
    """One thing that happened, or was tried: `succeeded` False where it was refused or failed.

    `person` is an account, an AE title or a process; `address` where they asked from; `source` the process that saw it.
    `target` is what it was done to, if that is no study: a destination, a page, a row of the quarantine. `reason` is
    what the person gave; `detail` what there is to say beside.
    """

    event: AuditEvent
    at: datetime
    person: str = ""
    address: str = ""
    source: str = ""
    study_uid: str = ""
    target: str = ""
    reason: str = ""
    detail: str = ""
    succeeded: bool = True
