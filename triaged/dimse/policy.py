"""Whom the receiver lets in, and which presentation contexts it takes; pure decisions, without a socket."""

from __future__ import annotations

from collections.abc import Callable, Collection
from ipaddress import ip_address

from pydicom.uid import UID
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import PresentationContext, build_context, negotiate_as_acceptor

from triaged.dicom.accepted import ACCEPTED_TRANSFER_SYNTAXES, is_storage
from triaged.dicom.quiet import without_warnings
from triaged.dimse.negotiation import APPLICATION_CONTEXT, AssociationRequest, Caller, ContextResult, Rejection
from triaged.dimse.options import ScpOptions, Service
from triaged.study.commitment import STORAGE_COMMITMENT_PUSH_MODEL

VERIFICATION = "1.2.840.10008.1.1"
UPS_PULL = "1.2.840.10008.5.1.4.34.6.3"
UPS_QUERY = "1.2.840.10008.5.1.4.34.6.5"
UPS_CLASSES = (UPS_QUERY, UPS_PULL)
"""Classes with which a peer may ask: Query, which is this service and no more; and Pull, of which only this is here."""

_IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"
_UNCOMPRESSED = (_IMPLICIT_VR_LITTLE_ENDIAN, "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2")


def rejection_of(request: AssociationRequest, caller: Caller, options: ScpOptions) -> Rejection | None:
    """Return why this peer may not have an association, or None where it may."""
    if not request.protocol_version & 1:
        return Rejection.PROTOCOL_VERSION
    if request.application_context != APPLICATION_CONTEXT:
        return Rejection.APPLICATION_CONTEXT
    if options.allowed_calling_ae_titles and request.calling_ae_title not in options.allowed_calling_ae_titles:
        return Rejection.CALLING_AE_TITLE
    if options.check_called_ae_title and request.called_ae_title != options.ae_title:
        return Rejection.CALLED_AE_TITLE
    if not any(may_use(service, caller, options) for service in Service):
        return Rejection.CALLING_AE_TITLE
    return None


def may_use(service: Service, caller: Caller, options: ScpOptions) -> bool:
    """Tell whether a peer may use a service.

    Without a list for a service everybody may who has an association. But who asks for the worklist, which contains
    names, has to be known: by the list of titles, or by being on this machine. This machine may always echo: the daemon
    asks itself whether it is there.
    """
    is_here = ip_address(caller.peer.partition("%")[0]).is_loopback
    if service is Service.ECHO and is_here:
        return True
    rules = options.access.get(service, ())
    if rules:
        return any(rule.matches(caller) for rule in rules)
    if service is Service.QUERY:
        return bool(options.allowed_calling_ae_titles) or is_here
    return True


def service_of(abstract_syntax: str) -> Service:
    """Return which service a presentation context is for."""
    if abstract_syntax == VERIFICATION:
        return Service.ECHO
    if abstract_syntax == STORAGE_COMMITMENT_PUSH_MODEL:
        return Service.COMMITMENT
    return Service.QUERY if abstract_syntax in UPS_CLASSES else Service.STORE


@without_warnings()
def answers_to(
    request: AssociationRequest,
    services: Collection[str] = (),
    *,
    may_use: Callable[[Service], bool] = lambda _service: True,
) -> tuple[list[PresentationContext], list[SCP_SCU_RoleSelectionNegotiation]]:
    """Return the answers to the proposed contexts and to the roles proposed with them.

    We are the SCP of verification and of storage, and of `services` besides. Storage commitment, where it is among
    them, goes both ways: a peer asks us as SCU, or answers what we asked it as SCP, and says which by the role that it
    proposes. What the peer `may_use` is for the site to say.
    """
    contexts: list[PresentationContext] = []
    roles: dict[UID | None, SCP_SCU_RoleSelectionNegotiation] = {}
    proposed_roles: dict[UID, tuple[bool | None, bool | None]] = {
        uid: proposal for uid, proposal in request.roles.items() if any(proposal)
    }
    for proposed in request.contexts:
        if not proposed.abstract_syntax or not proposed.transfer_syntax:
            contexts.append(_declined(proposed, services))
            continue
        if _offer_for(proposed, services) and not may_use(service_of(proposed.abstract_syntax)):
            contexts.append(_refused(proposed, ContextResult.USER_REJECTION))
            continue
        # One at a time: pynetdicom takes a single offer per SOP class, and chooses in the order of the offer.
        answered, role_answers = negotiate_as_acceptor([proposed], _offer_for(proposed, services), proposed_roles)
        contexts += answered
        roles |= {role.sop_class_uid: role for role in role_answers}
    return contexts, list(roles.values())


def _offer_for(proposed: PresentationContext, services: Collection[str]) -> list[PresentationContext]:
    """Return what we offer for a proposal, syntaxes that we take in the peer's order; nothing for unknown classes."""
    abstract_syntax = proposed.abstract_syntax or UID("")
    goes_both_ways = abstract_syntax == STORAGE_COMMITMENT_PUSH_MODEL
    if abstract_syntax == VERIFICATION or abstract_syntax in services:
        takes: tuple[str, ...] = _UNCOMPRESSED
    elif is_storage(abstract_syntax):
        takes = tuple(ACCEPTED_TRANSFER_SYNTAXES)
    else:
        return []
    in_common = [syntax for syntax in proposed.transfer_syntax if syntax in takes]
    offer = build_context(abstract_syntax, [*(in_common or takes)])
    offer.scu_role, offer.scp_role = True, goes_both_ways  # of the peer
    return [offer]


def _declined(proposed: PresentationContext, services: Collection[str]) -> PresentationContext:
    """Return the answer to a proposal that names no abstract or no transfer syntax."""
    is_known = proposed.abstract_syntax and _offer_for(proposed, services)
    unsupported = ContextResult.ABSTRACT_SYNTAX_NOT_SUPPORTED
    return _refused(proposed, ContextResult.TRANSFER_SYNTAXES_NOT_SUPPORTED if is_known else unsupported)


def _refused(proposed: PresentationContext, result: ContextResult) -> PresentationContext:
    """Return a refusal of one context; it has to name a transfer syntax, which means nothing."""
    answer = build_context(proposed.abstract_syntax or "", _IMPLICIT_VR_LITTLE_ENDIAN)
    answer.context_id = proposed.context_id
    answer.result = result
    return answer
