"""Tries every destination and subscriber of the configuration: whether it is there, and what it accepts.

What a destination says it accepts is remembered where there is a store to remember it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from triaged.config.network import DestinationSection
from triaged.config.notifying import PushSection
from triaged.config.settings import Config
from triaged.daemon.addresses import CONNECT_S
from triaged.daemon.checking import Check, store, tried
from triaged.daemon.notifying import receiver_of
from triaged.daemon.rooms import clock
from triaged.dimse.scu import DimseSender
from triaged.dimse.syntaxes import named
from triaged.errors import TriagedError, TryLater
from triaged.steps.negotiate import Destination, Negotiator
from triaged.steps.ports import Negotiation, Peer, Refused, Sent, Unreachable
from triaged.store.couriers.outbox import Outbox
from triaged.store.couriers.peers import Peers
from triaged.study.commitment import STORAGE_COMMITMENT_PUSH_MODEL
from triaged.study.kinds import ObjectKind, forms_of, kind_of
from triaged.study.records import Negotiated


def peers(config: Config, only: Collection[str]) -> Iterator[Check]:
    """Ask every destination and subscriber of the sections in `only`."""
    for number, destination in enumerate(config.destinations if "destinations" in only else ()):
        for row in _destination(config, destination):
            yield replace(row, about=f"destinations[{number}]")
    for number, push in enumerate(config.pushes if "pushes" in only else ()):
        yield tried(f"push {push.name}", partial(_push, config, push), about=f"pushes[{number}]")


def _destination(config: Config, section: DestinationSection) -> Iterator[Check]:
    """Ask whether a destination is there, then what it accepts: one row for each object that it is to get."""
    name = f"destination {section.name}"
    sender = DimseSender(config.dicom.ae_title, timeout_s=config.delivery.timeout_s, connect_timeout_s=CONNECT_S)
    echo = tried(name, partial(_echo, sender, section.peer()))
    yield echo
    if not echo.passed:
        return
    try:
        accepted = _accepted(config, sender, section.destination())
    except TriagedError as error:
        yield Check(name, False, str(error))
        return
    for wish in section.objects:
        yield _object(f"{name}: {wish}", section, kind_of(wish), accepted)
    if section.storage_commitment:
        yield _commitment(f"{name}: storage commitment", config, section, accepted)


def _push(config: Config, section: PushSection) -> str:
    host, port = section.where()
    match receiver_of(section, config).reach():
        case Sent():
            told = "is told who the patient is" if section.names_patient() else "is not told who the patient is"
            tls = ", its certificate is valid" if section.is_encrypted() else ", not encrypted"
            return f"{host}:{port} can be reached{tls}; it {told}"
        case Unreachable(reason=reason):
            raise TryLater(f"expected somebody at {host}:{port}, found: {reason}")


def _echo(sender: DimseSender, peer: Peer) -> str:
    match sender.echo(peer):
        case Sent():
            return f"{peer.ae_title} at {peer.host}:{peer.port} answers C-ECHO"
        case Refused(reason=reason) | Unreachable(reason=reason):
            raise TryLater(f"expected {peer.ae_title} at {peer.host}:{peer.port} to answer C-ECHO, found: {reason}")


def _accepted(config: Config, sender: DimseSender, destination: Destination) -> Mapping[str, Sequence[str]]:
    """Return what a destination accepts; remembered as the courier does, where the store is there and of this version.

    Raises:
        TryLater: it did not answer, or the store is unreachable.
    """
    with store(config) as database:
        if database is None:
            answer: Negotiated | Negotiation | Unreachable = sender.negotiate(destination.wanted, destination.peer)
        else:
            negotiator = Negotiator(Peers(database), Outbox(database), sender, destination=destination)
            answer = negotiator.ask(now=clock())
    if isinstance(answer, Unreachable):
        raise TryLater(f"expected {destination.peer.ae_title} to say what it accepts, found: {answer.reason}")
    return answer.accepted


def _commitment(what: str, config: Config, section: DestinationSection, accepted: Mapping[str, Sequence[str]]) -> Check:
    """Say whether a destination can be asked what it keeps, and whether it may call us with its answer."""
    allowed = config.dicom.allowed_calling_ae_titles
    if not accepted.get(STORAGE_COMMITMENT_PUSH_MODEL):
        return Check(what, False, "is refused: nothing will confirm that the objects are kept")
    if allowed and section.ae_title not in allowed:
        missing = f"expected {section.ae_title} among dicom.allowed_calling_ae_titles"
        return Check(what, False, f"{missing}, or it cannot call with its answer; found {', '.join(allowed)}")
    return Check(what, True, "is accepted; the answer may come here as a call of its own")


def _object(what: str, section: DestinationSection, wish: ObjectKind, accepted: Mapping[str, Sequence[str]]) -> Check:
    """Say as what an object goes; pictures may go in either of two forms."""
    classes = [form.sop_class_uid for form in forms_of(wish) if form in section.kinds()]
    taken = [f"{named([uid])} in {named(accepted[uid][:1])}" for uid in classes if accepted.get(uid)]
    refused = named([uid for uid in classes if not accepted.get(uid)])
    if not taken:
        return Check(what, False, f"{refused} is refused: it will stay here, and only the rest goes")
    return Check(what, True, taken[0] + (f"; {refused} is refused" if refused else ""))
