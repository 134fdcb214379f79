"""What a site may choose of its receiver; apart from it, since every process reads the settings and one listens."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ScpOptions:
    """How peers reach the receiver, and whom it lets in; port 0 lets the system choose one.

    An empty `allowed_calling_ae_titles` lets everybody in. `max_pdu` is the longest P-DATA that is asked for.
    `request_timeout_s` is how long a connection may stay silent before it asks for an association, `idle_timeout_s` how
    long an association may, and `stop_grace_s` how long an instance on its way may take when the receiver is stopped.
    """

    ae_title: str
    host: str
    port: int
    allowed_calling_ae_titles: frozenset[str] = frozenset()
    max_associations: int = 20
    max_pdu: int = 256 * 1024
    request_timeout_s: float = 30.0
    idle_timeout_s: float = 60.0
    stop_grace_s: float = 5.0
