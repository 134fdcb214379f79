"""Whom the receiver lets in, and which presentation contexts it takes; pure decisions, without a socket."""

from __future__ import annotations

from dataclasses import dataclass

from triaged.dicom.accepted import ACCEPTED_TRANSFER_SYNTAXES, is_storage
from triaged.dimse.negotiation import (
    APPLICATION_CONTEXT,
    AnsweredContext,
    AssociationRequest,
    ContextResult,
    ProposedContext,
    Rejection,
)

VERIFICATION = "1.2.840.10008.1.1"
_IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"
_UNCOMPRESSED = (_IMPLICIT_VR_LITTLE_ENDIAN, "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2")


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
    require_called_ae_title: bool = False
    max_associations: int = 20
    max_pdu: int = 256 * 1024
    request_timeout_s: float = 30.0
    idle_timeout_s: float = 60.0
    stop_grace_s: float = 5.0


def rejection_of(request: AssociationRequest, options: ScpOptions) -> Rejection | None:
    """Return why this peer may not have an association, or None where it may."""
    if not request.protocol_version & 1:
        return Rejection.PROTOCOL_VERSION
    if request.application_context != APPLICATION_CONTEXT:
        return Rejection.APPLICATION_CONTEXT
    if options.require_called_ae_title and request.called_ae_title != options.ae_title:
        return Rejection.CALLED_AE_TITLE
    if options.allowed_calling_ae_titles and request.calling_ae_title not in options.allowed_calling_ae_titles:
        return Rejection.CALLING_AE_TITLE
    return None


def answer_to(context: ProposedContext) -> AnsweredContext:
    """Accept the first transfer syntax that we take: the peer lists them in the order it likes."""
    if context.abstract_syntax == VERIFICATION:
        takes: tuple[str, ...] = _UNCOMPRESSED
    elif is_storage(context.abstract_syntax):
        takes = tuple(ACCEPTED_TRANSFER_SYNTAXES)
    else:
        takes = ()
    chosen = next((syntax for syntax in context.transfer_syntaxes if syntax in takes), None)
    if chosen is not None:
        return AnsweredContext(context.context_id, ContextResult.ACCEPTED, context.abstract_syntax, chosen)
    result = ContextResult.TRANSFER_SYNTAXES_NOT_SUPPORTED if takes else ContextResult.ABSTRACT_SYNTAX_NOT_SUPPORTED
    return AnsweredContext(context.context_id, result, context.abstract_syntax, _IMPLICIT_VR_LITTLE_ENDIAN)
