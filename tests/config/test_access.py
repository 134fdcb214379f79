"""The settings of who may see the list."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from triaged.config.hiding import without_passwords
from triaged.config.loading import load
from triaged.config.settings import Config
from triaged.errors import ConfigError
from triaged.study.people import AccessRole
from triaged.web.identity import AccessOptions, Mode
from triaged.web.oidc.options import OidcOptions


def _loaded(folder: Path, text: str) -> Config:
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    return load(folder / "config.yaml")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.53", "::1", "localhost"])
def test_a_list_may_be_open_to_this_machine(tmp_path: Path, host: str) -> None:
    config = _loaded(tmp_path, f"web: {{host: '{host}'}}\n")
    options = config.access.options(config.web)
    assert options.mode is Mode.OPEN
    assert host in options.hosts


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "10.0.0.5", "triage.example", "localhost.example", "::ffff:10.0.0.1"]
)
def test_a_list_that_others_reach_is_never_open(tmp_path: Path, host: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _loaded(tmp_path, f"dicom: {{port: 104}}\nweb: {{host: '{host}'}}\n")
    assert str(caught.value) == (
        f"{tmp_path / 'config.yaml'}:1: access: expected mode: accounts (people get theirs by `triaged user add`) or "
        f"mode: proxy, because others reach web.host {host}; open is for web.host 127.0.0.1"
    )
    for access in ("{mode: accounts}", "{mode: proxy, proxies: [10.0.0.1]}"):
        assert _loaded(tmp_path, f"web: {{host: '{host}'}}\naccess: {access}\n")


@pytest.mark.parametrize(
    ("access", "key"),
    [
        ("{mode: closed}", "access.mode"),
        ("{mode: proxy}", "access.proxies"),
        ("{proxies: ['0.0.0.0/0']}", r"access.proxies\[0\]"),
        ("{proxies: ['::/0']}", r"access.proxies\[0\]"),
        ("{proxies: ['*']}", r"access.proxies\[0\]"),
        ("{proxies: [proxy.example]}", r"access.proxies\[0\]"),
        ("{proxies: [10.0.0.1/24]}", r"access.proxies\[0\]"),
        ("{origin: triage.example}", "access.origin"),
        ("{origin: 'https://triage.example/'}", "access.origin"),
        ("{person_header: 'Remote User'}", "access.person_header"),
        ("{person_header: 'Remote_User'}", "access.person_header"),
        ("{group_header: ''}", "access.group_header"),
        ("{idle_min: 0}", "access.idle_min"),
        ("{longest_h: 1000}", "access.longest_h"),
        ("{readers: ['']}", r"access.readers\[0\]"),
    ],
)
def test_a_mistake_is_said_with_its_key(tmp_path: Path, access: str, key: str) -> None:
    with pytest.raises(ConfigError, match=f":1: {key}: expected "):
        _loaded(tmp_path, f"access: {access}\n")


def test_what_is_set_reaches_the_web(tmp_path: Path) -> None:
    config = _loaded(
        tmp_path,
        "web: {host: 0.0.0.0, port: 8443}\n"
        "access: {mode: proxy, idle_min: 15, longest_h: 10, proxies: [10.0.0.1, 10.1.0.0/16],"
        " origin: 'https://triage.example', person_header: X-Person, group_header: X-Groups,"
        " readers: [radiology], administrators: [pacs]}\n",
    )
    options = config.access.options(config.web)
    expected: dict[str, Any] = {
        "mode": Mode.PROXY,
        "proxies": ("10.0.0.1", "10.1.0.0/16"),
        "origin": "https://triage.example",
        "cookies": "triaged-8443",
    }
    assert {name: getattr(options, name) for name in expected} == expected
    assert (options.lasting.idle, options.lasting.longest) == (timedelta(minutes=15), timedelta(hours=10))
    assert (options.word.person_header, options.word.group_header) == ("X-Person", "X-Groups")
    assert (set(options.word.readers), set(options.word.administrators)) == ({"radiology"}, {"pacs"})


def test_the_defaults_are_those_of_the_web() -> None:
    config = Config()
    options = config.access.options(config.web)
    assert (options.lasting, options.word) == (AccessOptions().lasting, AccessOptions().word)


OIDC = (
    "issuer: https://login.example/realms/staff, client_id: triaged, roles_claim: groups, roles: {pacs: administrator}"
)
HEAD = "access:\n  mode: accounts\n  origin: https://triage.example\n"


def test_a_provider_of_single_sign_on_reaches_the_web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OIDC_SECRET", "hush & keep it")
    more = (
        "client_secret: '${OIDC_SECRET}', name_claim: email, scopes: [openid, email], label: Clinic ID, ca_file: ca.pem"
    )
    config = _loaded(tmp_path, f"{HEAD}  oidc: {{{OIDC}, {more}}}\n")
    options = config.access.options(config.web).oidc
    assert options == OidcOptions(
        "https://login.example/realms/staff",
        "triaged",
        "groups",
        {"pacs": AccessRole.ADMINISTRATOR},
        "hush & keep it",
        lambda: None,
        "Clinic ID",
        ("openid", "email"),
        "email",
    )
    assert options is not None
    with pytest.raises(ConfigError, match=f"ca_file: expected certificates in PEM, found {tmp_path}/ca.pem"):
        options.trusts()


def test_a_provider_with_the_least_keys_has_the_defaults_of_the_web(tmp_path: Path) -> None:
    config = _loaded(tmp_path, f"{HEAD}  oidc: {{{OIDC}}}\n")
    roles = {"pacs": AccessRole.ADMINISTRATOR}
    expected = OidcOptions("https://login.example/realms/staff", "triaged", "groups", roles, None, lambda: None)
    assert config.access.options(config.web).oidc == expected


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        (("https://login.example/realms/staff", "http://login.example"), "issuer"),
        (("https://login.example/realms/staff", "https://u:p@login.example"), "issuer"),
        (("https://login.example/realms/staff", "'https://[::1'"), "issuer"),
        (("https://login.example/realms/staff", "'https://login.example?a=b'"), "issuer"),
        (("client_id: triaged", "client_id: ''"), "client_id"),
        (("roles: {pacs: administrator}", "roles: {}"), "roles"),
        (("administrator", "owner"), "roles.pacs"),
        (("roles_claim: groups", "scopes: [profile], roles_claim: groups"), "scopes"),
        (("roles_claim: groups, ", ""), "roles_claim"),
    ],
)
def test_a_mistake_about_a_provider_is_said_with_its_key(tmp_path: Path, changed: tuple[str, str], key: str) -> None:
    with pytest.raises(ConfigError, match=rf":4: access\.oidc\.{key}: expected "):
        _loaded(tmp_path, f"{HEAD}  oidc: {{{OIDC.replace(*changed)}}}\n")


@pytest.mark.parametrize("host", ["127.0.0.1:8081", "localhost", "[::1]:9000"])
def test_a_provider_at_this_machine_needs_no_tls(tmp_path: Path, host: str) -> None:
    text = (
        OIDC.replace("https://login.example", f"http://{host}")
        .replace("issuer: ", "issuer: '")
        .replace("/staff,", "/staff',")
    )
    assert _loaded(tmp_path, f"{HEAD}  oidc: {{{text}}}\n").access.oidc


@pytest.mark.parametrize(
    ("access", "key"),
    [("mode: open, origin: 'https://t.example'", "mode"), ("mode: accounts", "origin")],
)
def test_a_provider_needs_accounts_and_an_address_to_send_people_back_to(tmp_path: Path, access: str, key: str) -> None:
    with pytest.raises(ConfigError, match=rf"access\.{key}: expected "):
        _loaded(tmp_path, f"access: {{{access}, oidc: {{{OIDC}}}}}\n")


@pytest.mark.parametrize("secret", ["hush-hush", "12345678", "[hush-hush]", "|\n      hush-hush\n", "{a: hush-hush}"])
def test_the_secret_may_not_stand_in_the_file_and_is_not_shown(tmp_path: Path, secret: str) -> None:
    keys = OIDC.replace(", ", "\n    ")
    text = f"{HEAD}  oidc:\n    {keys}\n    client_secret: {secret}\n"
    with pytest.raises(ConfigError) as caught:
        _loaded(tmp_path, text)
    assert "access.oidc.client_secret: expected " in str(caught.value)
    for shown in (str(caught.value), without_passwords(text)):
        assert "hush" not in shown
        assert "12345678" not in shown


@pytest.mark.parametrize("value", ["${NAME}", "'${NAME}'", "{file: secret}", "\n      file: secret", "null  # none"])
def test_a_reference_to_the_secret_is_kept_with_the_text(value: str) -> None:
    text = f"  oidc:\n    client_secret: {value}\n    label: Clinic\n"
    assert without_passwords(text) == text
    flow = f"  oidc: {{client_secret: {value}, label: Clinic}}\n"
    assert without_passwords(flow) == flow
