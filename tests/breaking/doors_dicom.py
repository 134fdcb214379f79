"""Tries DICOM's door: part of `tests.breaking.doors`. DCMTK's TLS tools, and a peer that asks for every service.

Who must not come in gets nothing stored, and one line of the log tells of it without the patient; who may is served.
Each comes to a receiver of its own, so that the line is of nobody else.
"""

from __future__ import annotations

import shutil
import socket
import ssl
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from structlog.testing import capture_logs

from tests.breaking.trial import Trial
from tests.breaking.worklist_askers import UPS_QUERY
from tests.ports import free_port
from tests.wire.authority import Authority, Issued
from tests.wire.peers import CT_IMAGE, DCMTK_PATH, EXPLICIT, IMPLICIT, FakeCommitments, Ours, RawPeer, dcmtk, receiving
from tests.wire.tls_peers import a_file, showing, trusting_all
from triaged.dimse.options import AccessRule, Service
from triaged.steps.ports import TlsSetup
from triaged.store.tables.database import migrate, open_database

_VERIFICATION, _COMMITMENT = "1.2.840.10008.1.1", "1.2.840.10008.1.20.1"
_CONTEXTS = {Service.STORE: CT_IMAGE, Service.QUERY: UPS_QUERY, Service.COMMITMENT: _COMMITMENT}
_PATIENT = "Secret"
_CT1 = "ct1.hospital.example"


@dataclass(frozen=True, slots=True)
class _Visit:
    """Somebody at the door: `comes` returns whether it was served; `line` is the event that the log must have."""

    who: str
    comes: Callable[[Ours], bool]
    line: str
    is_served: bool = False
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Gate:
    """What visitors carry: certificates, a file to store, and the port for TLS."""

    folder: Path
    ours: Authority
    theirs: Authority
    file: Path
    tls_port: int

    def stores(self, *options: object, to_tls: bool = True) -> Callable[[Ours], bool]:
        """Return storing by DCMTK with these options."""

        def store(ours: Ours) -> bool:
            port = self.tls_port if to_tls else ours.port
            return dcmtk("storescu", *options, "-R", "-to", 5, "127.0.0.1", port, self.file).returncode == 0

        return store

    def shows(self, issued: Issued, **changed: Any) -> Callable[[Ours], bool]:
        """Return storing with a certificate."""
        return self.stores(*showing(issued, self.ours.ca_file), **changed)


def dicom_doors(trial: Trial, folder: Path) -> None:
    """Come with every kind of certificate, title and address, and without TLS."""
    if shutil.which("storescu", path=DCMTK_PATH) is None:
        raise LookupError("DCMTK is not installed here")
    (folder / "theirs").mkdir()
    ours, theirs = Authority(folder), Authority(folder / "theirs", "stranger")
    gate = _Gate(folder, ours, theirs, a_file(folder), free_port())
    server = ours.issue("triaged.hospital.example")
    secured = TlsSetup(server.certificate, server.key, ours.ca_file)
    for number, visit in enumerate([*_by_certificate(gate), *_by_title(gate)]):
        _receive(trial, folder / str(number), secured, gate, visit)
    _each_service_for_whom_it_is(trial, folder)


def _by_certificate(gate: _Gate) -> Iterator[_Visit]:
    issue, not_secured = gate.ours.issue, "TLS connection not established"
    good = issue(_CT1, hosts=(_CT1,))
    named = {"access": {Service.STORE: (AccessRule(certificate=_CT1),)}}
    yield _Visit("a certificate of ours", gate.shows(good), "association ended", is_served=True)
    yield _Visit("the name that is listed", gate.shows(good), "association ended", is_served=True, options=named)
    yield _Visit("no certificate", gate.stores("+tla", "-ic"), not_secured)
    yield _Visit("a foreign certificate", gate.shows(gate.theirs.issue(_CT1, hosts=(_CT1,))), not_secured)
    yield _Visit("an expired one", gate.shows(issue("expired", days=-1, began_days_ago=9)), not_secured)
    yield _Visit("one not yet valid", gate.shows(issue("future", began_days_ago=-9)), not_secured)
    yield _Visit("a name that is not listed", gate.shows(issue("ct2", hosts=())), "association opened", options=named)
    yield _Visit("no TLS at the port for TLS", gate.stores(), not_secured)
    yield _Visit("TLS at the plain port", gate.shows(good, to_tls=False), "association ended")
    for version in ("TLSv1", "TLSv1_1"):
        yield _Visit(f"{version} alone", lambda _, old=version: _speaks(gate.tls_port, old), not_secured)  # type: ignore[misc]


def _by_title(gate: _Gate) -> Iterator[_Visit]:
    def plain(calling: str, called: str = "TRIAGED") -> Callable[[Ours], bool]:
        return gate.stores("-aet", calling, "-aec", called, to_tls=False)

    listed = {"allowed_calling_ae_titles": frozenset({"CT1"})}
    called = {"check_called_ae_title": True}
    far = {"access": {Service.STORE: (AccessRule(ae_title="CT1", network=ip_network("10.0.0.0/8")),)}}
    yield _Visit("a listed title", plain("CT1"), "association ended", is_served=True, options=listed)
    yield _Visit("a title that is not listed", plain("CT2"), "association rejected", options=listed)
    yield _Visit("our title", plain("CT1", "TRIAGED"), "association ended", is_served=True, options=called)
    yield _Visit("another's title", plain("CT1", "ARCHIVE"), "association rejected", options=called)
    yield _Visit("the title from elsewhere", plain("CT1"), "association opened", options=far)


def _receive(trial: Trial, folder: Path, secured: TlsSetup, gate: _Gate, visit: _Visit) -> None:
    options = {"secured": secured, "tls_port": gate.tls_port, **visit.options}
    with capture_logs() as logs:
        with receiving(folder, _new_store(folder), **options) as ours:
            was_served = visit.comes(ours)
            kept = len(ours.kept())
        said = [line["event"] for line in logs]
    trial.count("visitors at DICOM's door")
    trial.count("of these refused", not visit.is_served)
    trial.expect(was_served == visit.is_served, f"{visit.who}: expected served {visit.is_served}, found {was_served}")
    trial.expect(kept == visit.is_served, f"{visit.who}: expected {int(visit.is_served)} stored, found {kept}")
    trial.expect(visit.line in said, f"{visit.who}: expected the line {visit.line!r} in the log, found {said}")
    trial.expect(_PATIENT not in str(logs), f"{visit.who}: expected nothing of the patient in the log")


def _speaks(port: int, version: str) -> bool:
    """Tell whether a client that speaks only an old version is served."""
    context = trusting_all("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such a client is deprecated, rightly
        context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
            context.wrap_socket(plain).close()
    except OSError:
        return False
    return True


def _each_service_for_whom_it_is(trial: Trial, folder: Path) -> None:
    """Restrict one service after the other, by title and by network, and ask for all of them as two peers."""
    by_title = AccessRule(ae_title="FRIEND")
    by_network = AccessRule(network=ip_network("127.0.0.5/32"))
    for number, (service, rule) in enumerate((each, rule) for each in _CONTEXTS for rule in (by_title, by_network)):
        place = folder / f"service-{number}"
        services: dict[str, Any] = {"commitments": FakeCommitments(), "worklist": _EmptyList()}
        with capture_logs(), receiving(place, _new_store(place), access={service: (rule,)}, **services) as ours:
            for title, address, is_friend in (("FRIEND", "127.0.0.5", True), ("OTHER", "127.0.0.6", False)):
                results = _results(ours.port, title, address)
                wanted = {each: 0 if is_friend or each is not service else 1 for each in _CONTEXTS}
                trial.count("services asked for", len(results))
                trial.expect(results == wanted, f"{service} for {rule}: {title}: expected {wanted}, found {results}")


def _results(port: int, title: str, address: str) -> dict[Service, int]:
    """Return the result of negotiation (PS3.8 table 9-18) for each service; 1 is "user rejection"."""
    contexts = [(uid, [EXPLICIT, IMPLICIT]) for uid in _CONTEXTS.values()]
    with RawPeer(port, contexts, calling=title, source=address) as peer:
        return dict(zip(_CONTEXTS, peer.results().values(), strict=False))


class _EmptyList:
    """A worklist with nothing on it."""

    def find(self, query: object) -> Iterator[Any]:
        return iter(())


def _new_store(folder: Path) -> str:
    folder.mkdir()
    url = f"sqlite:///{folder / 'triaged.db'}"
    database = open_database(url)
    migrate(database)
    database.close()
    return url
