"""Tries everything that the configuration names, so that a mistake shows before a study does.

Each check says what it found, whether it passed or not: the list is for the person who has to put it right. Nothing is
changed, but what a destination says it accepts is remembered where there is a store to remember it.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from triaged.config.network import DestinationSection
from triaged.config.notifying import PushSection
from triaged.config.settings import Config
from triaged.daemon.models import described_models
from triaged.daemon.notifying import receiver_of
from triaged.daemon.own_receiver import echoed, own_peer
from triaged.daemon.rooms import clock
from triaged.daemon.security import certificates, demand_credentials, who_may
from triaged.dimse.options import Service
from triaged.dimse.scu import DimseSender
from triaged.dimse.syntaxes import named
from triaged.errors import ConfigError, TriagedError, TryLater
from triaged.spool.files import Spool
from triaged.steps.negotiate import Destination, Negotiator
from triaged.steps.ports import Negotiation, Peer, Refused, Sent, Unreachable
from triaged.store.couriers.outbox import Outbox
from triaged.store.couriers.peers import Peers
from triaged.store.people.accounts import Accounts
from triaged.store.studies.spool_name import SpoolName
from triaged.store.tables.database import Database, Schema, open_database, schema_of
from triaged.study.commitment import STORAGE_COMMITMENT_PUSH_MODEL
from triaged.study.kinds import ObjectKind, forms_of, kind_of
from triaged.study.modalities import Stratum
from triaged.study.people import AccessRole
from triaged.study.records import Negotiated
from triaged.web.identity import Mode

_CONNECT_S = 5.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried, and what was found."""

    what: str
    passed: bool
    found: str


def check(config: Config) -> Iterator[Check]:
    """Try the addresses, the store, the model and every destination, one after the other."""
    yield Check("configuration", True, f"scheme {config.triage.scheme.value}, {config.workers} worker(s)")
    yield _try("dicom", lambda: _dicom(config))
    yield Check("dicom.access", True, "; ".join(who_may(config.dicom, service) for service in Service))
    yield _try("dicom.tls", lambda: _certificates(config))
    yield _try("web", lambda: _address("web", config.web.host, config.web.port))
    yield _try("database", lambda: _database(config))
    yield _try("access", lambda: _access(config))
    yield _try("storage", lambda: _spool(config))
    for place, describe in described_models(config):
        yield _try(place, describe)
    yield Check("triage.discipline", True, _order(config))
    for worth in config.triage.worth().values():
        yield Check("triage.prevalence", True, worth.said())
    for destination in config.destinations:
        yield from _destination(config, destination)
    for push in config.pushes:
        yield _try(f"push {push.name}", partial(_push, config, push))


def _order(config: Config) -> str:
    """Say in which order the list is read, and what the guard can judge."""
    guard = config.triage.guard
    if not guard.enabled:
        return f"{config.triage.discipline}; nothing guards the order"
    read = list(Stratum) if config.models.reads_xrays else [Stratum.VOLUME]
    unknown = [each for each in read if each not in guard.references()]
    if not unknown:
        return f"{config.triage.discipline}, guarded"
    of = "" if unknown == read else f" of {unknown[0]}s"
    return f"{config.triage.discipline}, guarded; the flagged share{of} is not judged, its usual value is not set"


def demand_free_addresses(config: Config) -> None:
    """Find out that a port is taken before any role has started: `ConfigError`, with key and port."""
    for section, host, port in _addresses(config):
        if (problem := _why_taken(host, port)) is not None:
            expected = f"{section}.host, {section}.port: expected a free address of this machine"
            raise ConfigError(f"{expected}, found {host}:{port}: {problem}")


def demand_usable_database(config: Config) -> None:
    """Find out that the database cannot be one before any role has started: `ConfigError` as `open_database`."""
    open_database(config.database.url).close()


def _try(what: str, work: Callable[[], str]) -> Check:
    try:
        return Check(what, True, work())
    except TriagedError as error:
        return Check(what, False, str(error))


def _addresses(config: Config) -> list[tuple[str, str, int]]:
    dicom, web = config.dicom, config.web
    plain = [("dicom", dicom.host, dicom.port)] if dicom.tls.certificate is None or dicom.tls.plain else []
    secured = [] if dicom.tls.certificate is None else [("dicom.tls", dicom.host, dicom.tls.port)]
    return [*plain, *secured, ("web", web.host, web.port)]


def _dicom(config: Config) -> str:
    dicom, own = config.dicom, own_peer(config.dicom)
    if _why_taken(dicom.host, own.port) is None:
        return f"{dicom.ae_title} can listen on {dicom.host}:{own.port}"
    match echoed(dicom, _CONNECT_S):
        case Sent() | Refused():
            return f"{dicom.host}:{own.port} is served already"
        case Unreachable(reason=reason):
            raise ConfigError(f"expected a free port or this daemon on it, found {dicom.host}:{own.port}: {reason}")


def _certificates(config: Config) -> str:
    """Say until when certificates are valid; one that has expired, or cannot be used, is a mistake."""
    demand_credentials(config)
    found = list(certificates(config))
    warnings = [text for each in found if (text := each.warning(now=clock())) is not None]
    if any(each.expires <= clock() for each in found):
        raise ConfigError("; ".join(warnings))
    if warnings:
        return f"renew soon: {'; '.join(warnings)}"
    tls = config.dicom.tls
    here = "associations are accepted without TLS only" if tls.certificate is None else f"TLS on port {tls.port}"
    return f"{here}{''.join(f'; {each.what}: {each.path.name} until {each.expires:%Y-%m-%d}' for each in found)}"


def _address(section: str, host: str, port: int) -> str:
    problem = _why_taken(host, port)
    if problem is None:
        return f"can listen on {host}:{port}"
    try:
        socket.create_connection((host, port), _CONNECT_S).close()
    except OSError:
        raise ConfigError(f"{section}.host, {section}.port: cannot listen on {host}:{port}: {problem}") from None
    return f"{host}:{port} is served already"


def _why_taken(host: str, port: int) -> str | None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        with socket.socket(*found[0][:3]) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(found[0][4])
    except OSError as error:
        return error.strerror or str(error)
    return None


def _database(config: Config) -> str:
    if (missing := _missing_file(config)) is not None:
        return f"{missing} will be made when the daemon starts"
    with closing(open_database(config.database.url)) as database:
        match schema_of(database):
            case Schema.CURRENT:
                return f"{database.dialect} answers, its schema is up to date"
            case Schema.OLDER:
                return f"{database.dialect} answers, its schema will be brought up to date when the daemon starts"
            case Schema.UNKNOWN:
                raise ConfigError("expected a schema that this version knows, found one from another version")


def _access(config: Config) -> str:
    """Say who can see the list; an administrator has to be among those who sign in."""
    access = config.access
    if access.mode is Mode.OPEN:
        return f"open to everybody at this machine, by http://{config.web.host}:{config.web.port}"
    if access.mode is Mode.PROXY:
        return f"whom {', '.join(access.proxies)} names in the header {access.person_header}"
    with _store(config) as database:
        accounts = [] if database is None else Accounts(database).all()
    administrators = sum(account.person.role is AccessRole.ADMINISTRATOR for account in accounts)
    if not administrators:
        raise ConfigError("expected an account to sign in with: triaged user add NAME --role administrator; found none")
    return f"{len(accounts)} account(s), {administrators} of an administrator"


def _spool(config: Config) -> str:
    with _store(config) as database:
        identity = None if database is None else SpoolName(database).known()
    spool = Spool(config.storage.path, config.storage.reserve_mb, identity)
    spool.check_reserve()
    with spool.incoming() as probe:
        probe.write(b"\0")
    return f"{config.storage.path}, {spool.free_mb()} MiB free, {config.storage.reserve_mb} in reserve"


def _destination(config: Config, section: DestinationSection) -> Iterator[Check]:
    """Ask whether a destination is there, then what it accepts: one row for each object that it is to get."""
    name = f"destination {section.name}"
    sender = DimseSender(config.dicom.ae_title, timeout_s=config.delivery.timeout_s, connect_timeout_s=_CONNECT_S)
    echo = _try(name, partial(_echo, sender, section.peer()))
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
    with _store(config) as database:
        if database is None:
            answer: Negotiated | Negotiation | Unreachable = sender.negotiate(destination.wanted, destination.peer)
        else:
            negotiator = Negotiator(Peers(database), Outbox(database), sender, destination=destination)
            answer = negotiator.ask(now=clock())
    if isinstance(answer, Unreachable):
        raise TryLater(f"expected {destination.peer.ae_title} to say what it accepts, found: {answer.reason}")
    return answer.accepted


@contextmanager
def _store(config: Config) -> Iterator[Database | None]:
    """Open the database where it is there and of this version; None elsewhere."""
    if _missing_file(config) is not None:
        yield None
        return
    with closing(open_database(config.database.url)) as database:
        yield database if schema_of(database) is Schema.CURRENT else None


def _missing_file(config: Config) -> str | None:
    kind, _, place = config.database.url.partition(":///")
    return place if kind == "sqlite" and not Path(place).exists() else None


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
