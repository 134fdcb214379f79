"""DICOM TLS both ways, with DCMTK's tools at the other end: who is let in, who is not, and what is trusted."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.ports import free_port
from tests.wire.authority import Authority, Issued
from tests.wire.peers import (
    CT_IMAGE,
    DCMTK_ENVIRONMENT,
    DCMTK_PATH,
    EXPLICIT,
    RawPeer,
    a_slice,
    dcmtk,
    eventually,
    receiving,
)
from tests.wire.tls_peers import a_file, over_tls, storescu, trusting_all
from triaged.dimse.certificates import expiry_of
from triaged.dimse.options import AccessRule, Service
from triaged.dimse.scu import DimseSender
from triaged.dimse.tls import Credentials, client_context, server_context
from triaged.errors import ConfigError
from triaged.steps.ports import Outgoing, Peer, Profile, Sent, TlsSetup, Unreachable

VERIFICATION = "1.2.840.10008.1.1"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder)


@pytest.fixture(scope="module")
def server(authority: Authority) -> Issued:
    return authority.issue("triaged.hospital.example")


@pytest.fixture(scope="module")
def modality(authority: Authority) -> Issued:
    return authority.issue("ct1.hospital.example", hosts=("CT1.hospital.example",))


@pytest.fixture
def secured(authority: Authority, server: Issued) -> TlsSetup:
    return TlsSetup(server.certificate, server.key, authority.ca_file)


@pytest.mark.parametrize("profile", ["+py", "+px", "+pz"])
@pytest.mark.parametrize("ours_is", [Profile.BCP195, Profile.MODIFIED])
def test_a_sender_with_a_certificate_stores_whatever_profile_it_has(
    tmp_path: Path,
    sqlite_url: str,
    secured: TlsSetup,
    modality: Issued,
    authority: Authority,
    profile: str,
    ours_is: Profile,
) -> None:
    with over_tls(tmp_path, sqlite_url, replace(secured, profile=ours_is)) as ours:
        assert storescu(ours, a_file(tmp_path), modality, authority.ca_file, profile) == 0
        assert ours.kept() == {"1.2.3.4.1": a_slice(1, pixels=bytes(3_000_000))}


def test_who_has_no_certificate_an_expired_one_or_one_of_somebody_else_gets_nothing(
    tmp_path: Path, sqlite_url: str, secured: TlsSetup, authority: Authority
) -> None:
    expired = authority.issue("expired", days=-1, began_days_ago=10)
    future = authority.issue("future", began_days_ago=-10)
    foreign = Authority(tmp_path, "stranger").issue("ct1.hospital.example", file="foreign")
    path = a_file(tmp_path)
    with over_tls(tmp_path, sqlite_url, secured) as ours, capture_logs() as logs:
        for bad in (expired, future, foreign):
            assert storescu(ours, path, bad, authority.ca_file) != 0
        anonymous = ["+tla", "-ic", "-R", "127.0.0.1", ours.port, path]
        assert dcmtk("storescu", *anonymous).returncode != 0
        assert dcmtk("storescu", "-R", "127.0.0.1", ours.port, path).returncode != 0, "without TLS"
        assert (ours.kept(), ours.rows("association")) == ({}, [])
    assert {line["event"] for line in logs} == {"TLS connection not established"}


def test_a_server_that_asks_for_no_certificate_serves_who_shows_none(
    tmp_path: Path, sqlite_url: str, secured: TlsSetup, authority: Authority
) -> None:
    with over_tls(tmp_path, sqlite_url, replace(secured, mutual=False, ca_file=None)) as ours:
        assert dcmtk("echoscu", "+tla", "+cf", authority.ca_file, "127.0.0.1", ours.port).returncode == 0
        stranger = Authority(tmp_path, "stranger")
        assert dcmtk("echoscu", "+tla", "+cf", stranger.ca_file, "127.0.0.1", ours.port).returncode != 0


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_versions_and_weak_suites_are_refused(
    tmp_path: Path, sqlite_url: str, secured: TlsSetup, version: ssl.TLSVersion
) -> None:
    with over_tls(tmp_path, sqlite_url, replace(secured, mutual=False)) as ours:
        old = trusting_all("ALL:@SECLEVEL=0")
        old.minimum_version = old.maximum_version = version
        weak = trusting_all("AES128-SHA:AES256-SHA256:ECDHE-RSA-AES128-SHA256:@SECLEVEL=0")
        weak.maximum_version = ssl.TLSVersion.TLSv1_2
        for context in (old, weak):
            with socket.create_connection(("127.0.0.1", ours.port), timeout=10) as plain, pytest.raises(OSError):
                context.wrap_socket(plain)


def test_the_plain_port_stays_open_beside_the_one_for_tls(
    tmp_path: Path, sqlite_url: str, secured: TlsSetup, modality: Issued, authority: Authority
) -> None:
    port = free_port()
    with receiving(tmp_path, sqlite_url, secured=secured, tls_port=port) as ours:
        assert dcmtk("echoscu", "127.0.0.1", ours.port).returncode == 0
        both = ["+tls", modality.key, modality.certificate, "+cf", authority.ca_file, "127.0.0.1", port]
        assert dcmtk("echoscu", *both).returncode == 0


def test_tls_rubbish_and_half_handshakes_cost_nobody_anything(
    tmp_path: Path, sqlite_url: str, secured: TlsSetup, modality: Issued, authority: Authority
) -> None:
    with over_tls(tmp_path, sqlite_url, secured, request_timeout_s=1.0) as ours:
        rubbish = []
        for content in (
            b"\x16\x03\x01\x40\x00\x01",
            b"GET / HTTP/1.0\r\n\r\n",
            b"\x16\x03\x03\x00\x05hello",
            b"\x80" * 9,
        ):
            rubbish += [socket.create_connection(("127.0.0.1", ours.port), timeout=10) for _ in range(20)]
            for peer in rubbish[-20:]:
                peer.sendall(content)
        started = time.monotonic()
        assert storescu(ours, a_file(tmp_path), modality, authority.ca_file) == 0
        assert time.monotonic() - started < 10
        for peer in rubbish:
            peer.close()


def test_the_name_in_a_certificate_says_who_may_store(
    tmp_path: Path, sqlite_url: str, secured: TlsSetup, modality: Issued, authority: Authority
) -> None:
    other = authority.issue("ct2.hospital.example", hosts=())
    access = {Service.STORE: (AccessRule(certificate="ct1.hospital.example"),)}
    with over_tls(tmp_path, sqlite_url, secured, access=access) as ours:
        assert storescu(ours, a_file(tmp_path), other, authority.ca_file) != 0
        assert storescu(ours, a_file(tmp_path), modality, authority.ca_file) == 0
        echo = ["+tls", other.key, other.certificate, "+cf", authority.ca_file, "127.0.0.1", ours.port]
        assert dcmtk("echoscu", *echo).returncode == 0, "only storing is restricted"


def test_each_service_is_for_whom_its_list_names(tmp_path: Path, sqlite_url: str) -> None:
    access = {
        Service.STORE: (AccessRule(ae_title="CT1", network=ip_network("127.0.0.0/8")), AccessRule(ae_title="CT2")),
        Service.COMMITMENT: (AccessRule(network=ip_network("10.0.0.0/8")),),
    }
    path = a_file(tmp_path)
    with receiving(tmp_path, sqlite_url, access=access) as ours:
        for title, works in (("CT1", True), ("CT2", True), ("CT3", False)):
            sent = dcmtk("storescu", "-R", "-aet", title, "127.0.0.1", ours.port, path)
            assert (sent.returncode == 0) == works, title
        with RawPeer(ours.port, [(CT_IMAGE, [EXPLICIT]), (VERIFICATION, [EXPLICIT])], calling="CT3") as other:
            assert other.results() == {1: 1, 3: 0}, "user rejection of the one, and this machine may always echo"


def test_a_certificate_is_renewed_without_a_restart_and_a_bad_one_changes_nothing(
    tmp_path: Path, sqlite_url: str
) -> None:
    authority = Authority(tmp_path)
    server = authority.issue("triaged", days=10)
    with over_tls(
        tmp_path, sqlite_url, TlsSetup(server.certificate, server.key, authority.ca_file, mutual=False)
    ) as ours:
        first = _serial(ours.port)
        server.key.write_text("rubbish")
        with capture_logs() as logs:
            assert _serial(ours.port) == first
            assert _serial(ours.port) == first
        assert [line["event"] for line in logs if line["log_level"] == "error"] == [
            "new certificate cannot be used, the old one stays in use"
        ]
        authority.issue("triaged", days=100)
        assert _serial(ours.port) != first


def _serial(port: int) -> bytes:
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        trusting_all("DEFAULT").wrap_socket(plain) as secured,
    ):
        return secured.getpeercert(binary_form=True) or b""


@contextmanager
def storescp(folder: Path, shown: Issued, *arguments: object) -> Iterator[int]:
    """DCMTK's storescp, by TLS."""
    if shutil.which("storescp", path=DCMTK_PATH) is None:
        pytest.skip("DCMTK is not installed: storescp")
    port = free_port()
    command = ["storescp", "+tls", shown.key, shown.certificate, *arguments, "-od", folder, port]
    process = subprocess.Popen([*map(str, command)], env=DCMTK_ENVIRONMENT, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: _listens(port), "storescp")
        yield port
    finally:
        process.terminate()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def outgoing(path: Path) -> Outgoing:
    return Outgoing(path, CT_IMAGE, "1.2.3.4.1", EXPLICIT)


def test_objects_go_to_a_destination_by_tls_mutual_or_not(
    tmp_path: Path, authority: Authority, server: Issued, modality: Issued
) -> None:
    sender, path = DimseSender("TRIAGED", timeout_s=10), a_file(tmp_path)
    received = tmp_path / "received"
    received.mkdir()
    trusting = TlsSetup(ca_file=authority.ca_file)
    own = TlsSetup(modality.certificate, modality.key, authority.ca_file, Profile.MODIFIED)
    for demands, setup in ((["-ic"], trusting), (["+cf", authority.ca_file], own)):
        with storescp(received, server, *demands) as port:
            peer = Peer("pacs", "PACS", "localhost", port, setup)
            assert isinstance(sender.echo(peer), Sent)
            assert list(sender.send([outgoing(path)], peer)) == [Sent()]
    assert len(list(received.iterdir())) == 1


def test_a_destination_with_a_wrong_certificate_gets_nothing_and_we_say_why(
    tmp_path: Path, authority: Authority, server: Issued
) -> None:
    expired = authority.issue("old", days=-1, began_days_ago=10)
    elsewhere = authority.issue("elsewhere", hosts=("pacs.hospital.example",))
    foreign = Authority(tmp_path, "stranger").issue("localhost", file="foreign")
    sender, setup = DimseSender("TRIAGED", timeout_s=10), TlsSetup(ca_file=authority.ca_file)
    for shown, why in ((expired, "expired"), (elsewhere, "match"), (foreign, "issuer")):
        with storescp(tmp_path, shown, "-ic") as port:
            outcome = sender.echo(Peer("pacs", "PACS", "localhost", port, setup))
            assert isinstance(outcome, Unreachable)
            assert why in outcome.reason.lower(), outcome.reason
            careless = replace(setup, check_host_name=False)
            unnamed = sender.echo(Peer("pacs", "PACS", "localhost", port, careless))
            assert isinstance(unnamed, Sent) == (shown is elsewhere)
    with storescp(tmp_path, server, "+cf", authority.ca_file) as port:
        outcome = sender.echo(Peer("pacs", "PACS", "localhost", port, setup))
        assert isinstance(outcome, Unreachable), "it demands a certificate of ours"
    missing = Peer("pacs", "PACS", "localhost", port, TlsSetup(ca_file=tmp_path / "nowhere.pem"))
    outcome = sender.echo(missing)
    assert isinstance(outcome, Unreachable)
    assert "nowhere.pem" in outcome.reason


def test_a_peer_without_tls_gets_nothing_from_who_wants_it(
    tmp_path: Path, sqlite_url: str, authority: Authority
) -> None:
    with receiving(tmp_path, sqlite_url) as ours:
        peer = Peer("pacs", "PACS", "127.0.0.1", ours.port, TlsSetup(ca_file=authority.ca_file))
        assert isinstance(DimseSender("X", timeout_s=5).echo(peer), Unreachable)


def test_until_when_a_certificate_is_valid_is_read_from_it(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    for days in (-5.0, 10.0, 20_000.0):
        issued = authority.issue("any", days=days, began_days_ago=30)
        assert abs(expiry_of(issued.certificate) - datetime.now(UTC) - timedelta(days=days)) < timedelta(minutes=5)
    for content in ("", "rubbish", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"):
        issued.certificate.write_text(content)
        with pytest.raises(ConfigError, match="expected a certificate"):
            expiry_of(issued.certificate)
    with pytest.raises(ConfigError):
        expiry_of(tmp_path / "nowhere")


def test_files_that_are_no_certificates_are_named(tmp_path: Path, server: Issued) -> None:
    rubbish = tmp_path / "rubbish.pem"
    rubbish.write_text("rubbish")
    for setup in (TlsSetup(rubbish, server.key), TlsSetup(server.certificate, rubbish), TlsSetup(ca_file=rubbish)):
        with pytest.raises(ConfigError, match=r"rubbish\.pem"):
            server_context(setup)
    with pytest.raises(ConfigError, match="expected certificates"):
        Credentials(TlsSetup(ca_file=rubbish), client_context).context()
