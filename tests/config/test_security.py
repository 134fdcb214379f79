"""Who may use a service, and TLS, as a site writes it."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from triaged.config.loading import load
from triaged.config.settings import Config
from triaged.daemon.own_receiver import own_peer
from triaged.daemon.security import who_may
from triaged.dimse.negotiation import APPLICATION_CONTEXT, AssociationRequest, Caller, Rejection
from triaged.dimse.options import AccessRule, ScpOptions, Service
from triaged.dimse.policy import may_use, rejection_of
from triaged.errors import ConfigError
from triaged.steps.ports import Profile, TlsSetup


def loaded(folder: Path, text: str) -> Config:
    path = folder / "config.yaml"
    path.write_text(text)
    return load(path)


def test_access_and_tls_reach_the_receiver(tmp_path: Path) -> None:
    config = loaded(
        tmp_path,
        "dicom:\n"
        "  access:\n"
        "    store: [{ae_title: CT1, network: 10.1.0.0/16}, {certificate: ct2.example}]\n"
        "    echo: [{network: 10.2.3.4}]\n"
        "  tls: {certificate: own.crt, key: own.key, ca_file: ca.pem, profile: bcp195-modified, plain: false}\n",
    )
    options = config.dicom.options()
    assert options.access == {
        Service.STORE: (AccessRule("CT1", ip_network("10.1.0.0/16")), AccessRule(certificate="ct2.example")),
        Service.ECHO: (AccessRule(network=ip_network("10.2.3.4/32")),),
    }
    files = (tmp_path / "own.crt", tmp_path / "own.key", tmp_path / "ca.pem")
    assert options.secured == TlsSetup(*files, Profile.MODIFIED)
    assert (options.tls_port, options.has_plain_port) == (2762, False)
    own = own_peer(config.dicom)
    assert own.port == 2762
    assert own.tls is not None
    assert own.tls.certificate == files[0]


def test_tls_reaches_every_peer_that_has_it(tmp_path: Path) -> None:
    tls = "host: h, port: 1, tls: true, ca_file: ca.pem, check_host_name: false"
    config = loaded(
        tmp_path,
        f"dicom: {{peers: [{{ae_title: CT1, {tls}}}, {{ae_title: CT2, host: h, port: 1}}]}}\n"
        f"destinations: [{{name: pacs, ae_title: PACS, {tls}}}]\n"
        f"order_priority: {{source: mwl, ae_title: RIS, {tls}}}\n",
    )
    expected = TlsSetup(ca_file=tmp_path / "ca.pem", check_host_name=False)
    for peer in (config.dicom.peer("CT1"), config.destinations[0].peer(), config.order_priority.peer()):
        assert peer is not None
        assert peer.tls == expected
    plain = config.dicom.peer("CT2")
    assert plain is not None
    assert plain.tls is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("dicom: {access: {store: [{}]}}", "at least one of ae_title, network, certificate"),
        ("dicom: {access: {store: [{network: 10.1.0.1/16}]}}", "an address or a network"),
        ("dicom: {access: {store: [{certificate: a}]}}", "without tls.certificate and tls.mutual"),
        ("dicom: {tls: {key: a}}", "a certificate, too"),
        ("dicom: {tls: {plain: false}}", "without a certificate there is no TLS"),
        ("dicom: {tls: {certificate: a}}", "or mutual: false"),
        ("dicom: {tls: {certificate: a, mutual: false, port: 11112}}", "another port than dicom.tls.port"),
        ("destinations: [{name: a, ae_title: A, host: h, port: 1, ca_file: a}]", "where nothing is encrypted"),
        ("destinations: [{name: a, ae_title: A, host: h, port: 1, tls: true, key: a}]", "a certificate, too"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        loaded(tmp_path, text)


def test_all_that_an_entry_says_has_to_hold_and_one_entry_is_enough() -> None:
    rules = (AccessRule("CT1", ip_network("10.1.0.0/16")), AccessRule(certificate="CT2.example"))
    options = ScpOptions("A", "", 0, access={Service.STORE: rules})

    def may(address: str, title: str, *names: str) -> bool:
        return may_use(Service.STORE, Caller(address, title, 0, frozenset(names)), options)

    assert may("10.1.2.3", "CT1")
    assert not may("10.2.2.3", "CT1")
    assert not may("10.1.2.3", "CT3")
    assert not may("fe80::1%eth0", "CT1")
    assert may("10.9.9.9", "ANY", "ct2.example")
    assert not may("10.9.9.9", "ANY", "ct3.example")
    assert may_use(Service.ECHO, Caller("10.9.9.9", "ANY", 0), options), "a service without a list is open"


def test_who_may_use_nothing_gets_no_association() -> None:
    nobody = ScpOptions("A", "", 0, access=dict.fromkeys(Service, (AccessRule(ae_title="CT1"),)))
    request = AssociationRequest(1, "A", "CT9", APPLICATION_CONTEXT, (), {})
    assert rejection_of(request, Caller("10.1.2.3", "CT9", 0), nobody) is Rejection.CALLING_AE_TITLE
    assert rejection_of(request, Caller("10.1.2.3", "CT1", 0), nobody) is None
    assert rejection_of(request, Caller("127.0.0.1", "CT9", 0), nobody) is None, "it may echo"


def test_what_is_open_is_said_in_words(tmp_path: Path) -> None:
    open_to_all = Config().dicom
    assert who_may(open_to_all, Service.STORE) == "anybody who reaches port 11112 may store"
    assert who_may(open_to_all, Service.QUERY) == "only programs on this machine may read the worklist"
    titles = loaded(tmp_path, "dicom: {allowed_calling_ae_titles: [CT1]}").dicom
    assert who_may(titles, Service.STORE) == "whoever calls itself CT1 may store"
    tls = "tls: {certificate: c, ca_file: a, plain: false}"
    secured = loaded(tmp_path, f"dicom: {{{tls}, access: {{store: [{{ae_title: A, certificate: b}}]}}}}").dicom
    assert who_may(secured, Service.STORE) == "AE title A with certificate of b may store"
    assert who_may(secured, Service.ECHO) == "anybody who reaches port 2762 with a certificate of ours may echo"
