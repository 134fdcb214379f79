"""What is remembered of a provider of single sign-on, and whom it is believed to be."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.ports import free_port
from tests.web.provider import CLIENT, SECRET, provider
from triaged.errors import ConfigError
from triaged.web.oidc.options import OidcOptions
from triaged.web.oidc.provider import Away, Provider, Untrusted

OPTIONS = OidcOptions("", CLIENT, "groups", {}, SECRET, lambda: True)
DISCOVERY = "/.well-known/openid-configuration"


class _Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _sent(ours: Provider) -> str:
    return ours.authorization_url(state="s", nonce="n", code_verifier="v" * 64)


def _prove(ours: Provider, back: str, *, verifier: str = "v" * 64) -> None:
    (code,) = parse_qs(urlsplit(back).query)["code"]
    ours.prove(code, nonce="n", code_verifier=verifier, now=datetime.now(UTC))


def test_what_it_says_of_itself_is_asked_again_after_some_minutes() -> None:
    time = _Time()
    with provider() as there:
        ours = Provider(replace(OPTIONS, issuer=there.issuer), "http://list.example/back", monotonic=time)
        for time.now in (0.0, 599.0, 600.0, 601.0):
            assert ours.metadata()["issuer"] == there.issuer
        assert there.asked == [DISCOVERY] * 2


def test_nobody_waits_again_for_one_that_was_away_a_moment_ago() -> None:
    time = _Time()
    with provider() as there:
        there.fails = True
        ours = Provider(replace(OPTIONS, issuer=there.issuer), "http://list.example/back", monotonic=time)
        for time.now in (0.0, 4.0, 5.0):
            with pytest.raises(Away, match="found HTTP 503"):
                ours.metadata()
        assert there.asked == [DISCOVERY] * 2
        there.fails, time.now = False, 10.0
        assert ours.metadata()["issuer"] == there.issuer


def test_one_that_is_not_there_is_away() -> None:
    ours = Provider(replace(OPTIONS, issuer=f"http://127.0.0.1:{free_port()}"), "http://list.example/back")
    with pytest.raises(Away, match=r"to answer, found: .*Connection refused"):
        ours.metadata()


def test_an_issuer_in_a_folder_is_found_there() -> None:
    with provider() as there:
        ours = Provider(replace(OPTIONS, issuer=f"{there.issuer}/realms/staff"), "http://list.example/back")
        with pytest.raises(Away, match="found HTTP 404"):
            ours.metadata()
        assert there.asked == [f"/realms/staff{DISCOVERY}"]


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
@pytest.mark.parametrize("value", [None, 7, "", "javascript:alert(1)", "/relative"])
def test_an_address_that_is_none_is_not_used(name: str, value: object) -> None:
    with provider() as there:
        there.metadata[name] = value
        ours = Provider(replace(OPTIONS, issuer=there.issuer), "http://list.example/back")
        with pytest.raises(Untrusted, match=f"has no {name} that can be used"):
            ours.metadata()


def test_an_issuer_with_tls_is_left_for_none_without() -> None:
    ours = Provider(replace(OPTIONS, issuer="https://login.example"), "http://list.example/back")
    assert not ours._is_safe("http://login.example/token")
    assert ours._is_safe("https://login.example/token")


def test_certificates_that_cannot_be_read_are_said() -> None:
    def missing() -> None:
        raise ConfigError("ca_file: expected certificates in PEM, found nothing")

    ours = Provider(replace(OPTIONS, issuer="https://login.example", trusts=missing), "http://list.example/back")
    with pytest.raises(Untrusted, match=r"access\.oidc\.ca_file: expected certificates in PEM, found nothing"):
        ours.metadata()


@pytest.mark.parametrize("where", ["/keys", "/token"])
def test_an_answer_that_is_no_object_proves_nothing(where: str) -> None:
    with provider() as there:
        there.instead[where] = ["no", "object"]
        ours = Provider(replace(OPTIONS, issuer=there.issuer), "http://list.example/back")
        back = there.authorize(_sent(ours))
        with pytest.raises(Untrusted, match="no JSON object"):
            _prove(ours, back)


@pytest.mark.parametrize("keys", [{}, {"keys": None}, {"keys": []}, {"keys": [7]}, {"keys": [{"kty": "RSA"}]}])
def test_keys_that_are_none_prove_nothing(keys: object) -> None:
    with provider() as there:
        there.instead["/keys"] = keys
        ours = Provider(replace(OPTIONS, issuer=there.issuer), "http://list.example/back")
        back = there.authorize(_sent(ours))
        with pytest.raises(Untrusted, match="its ID token is not valid"):
            _prove(ours, back)


def test_the_verifier_of_another_sign_in_is_worth_nothing() -> None:
    with provider() as there:
        ours = Provider(replace(OPTIONS, issuer=there.issuer), "http://list.example/back")
        back = there.authorize(_sent(ours))
        with pytest.raises(Untrusted, match="it answers invalid_grant"):
            _prove(ours, back, verifier="w" * 64)


def test_a_wrong_secret_is_said_as_the_provider_says_it() -> None:
    with provider() as there:
        ours = Provider(replace(OPTIONS, issuer=there.issuer, client_secret="wrong"), "http://list.example/back")
        with pytest.raises(Untrusted, match="it answers invalid_client"):
            ours.prove("code-0", nonce="n", code_verifier="v" * 64, now=datetime.now(UTC))
