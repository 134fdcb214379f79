"""The audit trail sent to a syslog server over TLS, as RFC 5424 and RFC 5425 say, whatever the server does."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.notify.audit_schema import checked
from tests.store.making import at
from tests.wire.authority import Authority, Issued
from triaged.errors import ConfigError
from triaged.notify.connection import Address, client_context
from triaged.notify.syslog import SyslogRepository
from triaged.steps.errand import DeliveryOptions
from triaged.steps.ports import Sent, Unreachable
from triaged.steps.telling import AuditTeller
from triaged.store.tables.database import Database, open_database
from triaged.store.trail.audits import Audits
from triaged.study.audit import Audited, AuditEvent

HEADER = re.compile(
    rb"<109>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) \S+ triaged \d+ DICOM\+RFC3881 - \xef\xbb\xbf(<\?xml .*)",
    re.DOTALL,
)


class _Server:
    """A syslog server over TLS; it reads frames by their length and keeps what is in them."""

    def __init__(self, issued: Issued, ca_file: Path | None = None) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(issued.certificate, issued.key)
        if ca_file is not None:
            self._context.load_verify_locations(ca_file)
            self._context.verify_mode = ssl.CERT_REQUIRED
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.messages: list[bytes] = []
        self._came = threading.Condition()
        self._lines: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            try:
                line = self._context.wrap_socket(plain, server_side=True)
            except OSError:
                plain.close()
                continue
            self._lines.append(line)
            threading.Thread(target=self._read, args=(line,), daemon=True).start()

    def _read(self, line: ssl.SSLSocket) -> None:
        with line, line.makefile("rb") as stream:
            while True:
                digits = b""
                while (each := stream.read(1)) not in (b" ", b""):
                    digits += each
                if not each:
                    return
                message = stream.read(int(digits))
                with self._came:
                    self.messages.append(message)
                    self._came.notify_all()

    def waits_for(self, number: int) -> list[bytes]:
        """Return the messages once there are so many."""
        with self._came:
            assert self._came.wait_for(lambda: len(self.messages) >= number, timeout=20)
        return self.messages

    def drop(self) -> None:
        """Hang up on everybody."""
        for line in self._lines:
            line.shutdown(socket.SHUT_RDWR)
        self._lines.clear()

    def close(self) -> None:
        """Listen no more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for line in self._lines:
            line.close()


@contextmanager
def _server(issued: Issued, ca_file: Path | None = None) -> Iterator[_Server]:
    server = _Server(issued, ca_file)
    try:
        yield server
    finally:
        server.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """One authority for all tests here: keys take long to make."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def audits(sqlite_url: str) -> Iterator[Audits]:
    database: Database = open_database(sqlite_url)
    yield Audits(database)
    database.close()


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """What is closed at the end."""
    with ExitStack() as stack:
        yield stack


def _repository(port: int, context: ssl.SSLContext, opened: ExitStack) -> SyslogRepository:
    repository = SyslogRepository(Address("127.0.0.1", port, context), 5.0, "Hospital", "TRIAGED")
    opened.callback(repository.close)
    return repository


def _teller(audits: Audits, repository: SyslogRepository) -> AuditTeller:
    return AuditTeller(audits, repository, options=DeliveryOptions(first_wait_s=1.0, longest_wait_s=4.0))


def _fill(audits: Audits, *people: str) -> None:
    audits.record(*(Audited(AuditEvent.SIGNED_IN, at(0), person=person, source="web@a") for person in people))


def _people(messages: list[bytes]) -> list[str]:
    found = []
    for message in messages:
        fits = HEADER.fullmatch(message)
        assert fits is not None, message[:120]
        found.append(checked(fits[2])[1].attrib["UserID"])
    return found


def test_every_row_comes_once_in_its_order_over_one_connection(
    audits: Audits, authority: Authority, opened: ExitStack
) -> None:
    _fill(audits, "ann", "bob", "Müller\n<&>")
    with _server(authority.issue("syslog")) as server:
        teller = _teller(audits, _repository(server.port, client_context(authority.ca_file, None, None), opened))
        assert teller.run_next(clock=lambda: at(1))
        assert not teller.run_next(clock=lambda: at(1))
        _fill(audits, "eve")
        assert teller.run_next(clock=lambda: at(2))
        assert _people(server.waits_for(4)) == ["ann", "bob", "Müller <&>", "eve"]
        assert len(server._lines) == 1
    assert audits.waiting() == 0


def test_what_cannot_be_sent_waits_and_comes_when_the_server_is_back(
    audits: Audits, authority: Authority, opened: ExitStack
) -> None:
    issued = authority.issue("syslog")
    context = client_context(authority.ca_file, None, None)
    _fill(audits, "ann")
    with _server(issued) as server:
        repository = _repository(server.port, context, opened)
        teller = _teller(audits, repository)
        teller.run_next(clock=lambda: at(1))
        server.waits_for(1)
        server.drop()
        port = server.port
    _fill(audits, "bob", "eve")
    assert teller.run_next(clock=lambda: at(2))
    assert audits.waiting() == 2
    assert not teller.run_next(clock=lambda: at(2))  # too soon
    with _server(issued) as server:
        repository.address = Address("127.0.0.1", server.port, context)
        assert port != server.port
        assert teller.run_next(clock=lambda: at(3))
        assert _people(server.waits_for(2)) == ["bob", "eve"]
    assert audits.waiting() == 0


def test_a_server_that_is_somebody_else_is_told_nothing(
    authority: Authority, tmp_path: Path, opened: ExitStack
) -> None:
    stranger = Authority(tmp_path, "stranger").issue("syslog")
    with _server(stranger) as server:
        repository = _repository(server.port, client_context(authority.ca_file, None, None), opened)
        outcome = repository.tell([])
        assert isinstance(outcome, Unreachable)
        assert "certificate is not valid" in outcome.reason
        assert server.messages == []


def test_a_server_that_asks_for_a_certificate_gets_ours(authority: Authority, opened: ExitStack) -> None:
    own = authority.issue("triaged")
    with _server(authority.issue("syslog"), authority.ca_file) as server:
        context = client_context(authority.ca_file, own.certificate, own.key)
        assert isinstance(_repository(server.port, context, opened).tell([]), Sent)
    with pytest.raises(ConfigError, match="certificate, key: expected a certificate"):
        client_context(authority.ca_file, authority.ca_file, None)
