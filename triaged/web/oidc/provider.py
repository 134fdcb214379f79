"""Speaks OpenID Connect with the site's provider; the only importer of Authlib, joserfc and httpx2.

Authorization code flow with PKCE (RFC 7636); OpenID Connect Core 1.0, Discovery 1.0, RP-Initiated Logout 1.0. It asks
nothing before somebody signs in. Knows no pages and no store.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.common.urls import add_params_to_uri
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from triaged.errors import ConfigError, TriagedError, TryLater
from triaged.web.oidc.claims import Claims, claim
from triaged.web.oidc.options import OidcOptions

_ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519")
"""Only of key pairs: a shared secret, or none, would let others than the provider sign."""
_KNOWN_FOR_S: Final = 600.0
_AWAY_FOR_S: Final = 5.0
"""How long nobody else waits for a provider that did not answer."""
_OTHERS_WAIT_S: Final = 2.0
_TIMEOUT_S: Final = 5.0
_LEEWAY_S: Final = 60
_NEEDED: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class Away(TryLater):
    """The provider is unreachable."""


class Untrusted(TriagedError):
    """What the provider, or somebody in its place, says proves nothing; the text is for the log and names nobody."""


@dataclass(frozen=True, slots=True)
class Proven:
    """Whom the provider has signed in: `subject` is unique among all providers, and never given to somebody else."""

    subject: str
    claims: Claims


class Provider:
    """The site's provider; `redirect_uri` is where it sends people back to. Safe to share between threads."""

    def __init__(
        self, options: OidcOptions, redirect_uri: str, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._options = options
        self._redirect_uri = redirect_uri
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._metadata: Mapping[str, Any] | None = None
        self._until = float("-inf")
        self._away = ""

    def authorization_url(self, *, state: str, nonce: str, code_verifier: str) -> str:
        """Return where a browser signs in; raises as `metadata`."""
        return str(
            prepare_grant_uri(
                self.metadata()["authorization_endpoint"],
                self._options.client_id,
                "code",
                redirect_uri=self._redirect_uri,
                scope=" ".join(self._options.scopes),
                state=state,
                nonce=nonce,
                code_challenge=create_s256_code_challenge(code_verifier),
                code_challenge_method="S256",
            )
        )

    def prove(self, code: str, *, nonce: str, code_verifier: str, now: datetime) -> Proven:
        """Return whom a code stands for, which the provider gave to a browser.

        The ID token has to be signed by a key of the provider's, for us, for this sign-in and of now. What it does not
        say of name and role is asked for at the UserInfo endpoint, where there is one.

        Raises:
            Away: the provider is unreachable.
            Untrusted: it refuses the code, or its answer does not prove who somebody is.
        """
        metadata = self.metadata()
        with self._client(metadata) as client:
            token = client.fetch_token(metadata["token_endpoint"], code=code, code_verifier=code_verifier)
            keys = _json(client.request("GET", metadata["jwks_uri"], withhold_token=True))
            claims = self._verified(token, keys, nonce, now)
            wanted, more = (self._options.name_claim, self._options.roles_claim), metadata.get("userinfo_endpoint")
            if any(claim(claims, name) is None for name in wanted) and self._is_safe(more):
                claims = _joined(claims, _json(client.get(more)))
        return Proven(f"{self._options.issuer}\n{claims['sub']}", claims)

    def end_session_url(self, *, back: str) -> str | None:
        """Return where a browser is signed out at the provider and sent `back`, or None where it offers no such place.

        Raises as `metadata`. We keep no token that could say whose session ends, so the provider may ask.
        """
        endpoint = self.metadata().get("end_session_endpoint")
        if not self._is_safe(endpoint):
            return None
        params = [("client_id", self._options.client_id), ("post_logout_redirect_uri", back)]
        return str(add_params_to_uri(endpoint, params))

    def metadata(self) -> Mapping[str, Any]:
        """Return what the provider says of itself, some minutes old at most.

        Raises:
            Away: it is unreachable, or was a few seconds ago.
            Untrusted: what it says is not of this issuer, or cannot be used.
        """
        with self._alone():
            if self._monotonic() < self._until:
                if self._metadata is None:
                    raise Away(self._away)
                return self._metadata
            try:
                self._metadata = self._discovered()
            except Away as later:
                self._metadata, self._away = None, str(later)
                self._until = self._monotonic() + _AWAY_FOR_S
                raise
            self._until = self._monotonic() + _KNOWN_FOR_S
            return self._metadata

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let one thread ask, and the others not wait for it for longer than a provider takes that is there."""
        if not self._lock.acquire(timeout=_OTHERS_WAIT_S):
            raise Away(f"expected {self._options.issuer} to answer at once, found that others wait for it")
        try:
            yield
        finally:
            self._lock.release()

    def _discovered(self) -> Mapping[str, Any]:
        url = f"{self._options.issuer.rstrip('/')}/.well-known/openid-configuration"
        with self._client() as client:
            found = _json(client.request("GET", url, withhold_token=True))
        if found.get("issuer") != self._options.issuer:
            raise Untrusted("its metadata is of another issuer than access.oidc.issuer")
        for name in _NEEDED:
            if not self._is_safe(found.get(name)):
                raise Untrusted(f"its metadata has no {name} that can be used")
        return found

    def _is_safe(self, url: object) -> bool:
        """Tell whether something is an address that is as safe as that of the issuer."""
        return isinstance(url, str) and urlsplit(url).scheme in ("https", urlsplit(self._options.issuer).scheme)

    def _verified(self, token: Mapping[str, Any], keys: Mapping[str, Any], nonce: str, now: datetime) -> Claims:
        """Return the claims of the ID token in an answer (OpenID Connect Core, 3.1.3.7).

        Whatever the libraries raise for what they did not expect in it, it proves nothing.
        """
        options = {
            "iss": {"essential": True, "value": self._options.issuer},
            "aud": {"essential": True, "value": self._options.client_id},
        }
        params = {"nonce": nonce, "client_id": self._options.client_id, "access_token": token.get("access_token")}
        try:
            decoded = jwt.decode(
                str(token.get("id_token", "")),
                KeySet.import_key_set({"keys": [key for key in keys["keys"] if key.get("use", "sig") == "sig"]}),
                registry=JWSRegistry(algorithms=list(_ALGORITHMS), strict_check_header=False),
            )
            claims = CodeIDToken(decoded.claims, decoded.header, options, params)
            claims.validate(now=int(now.timestamp()), leeway=_LEEWAY_S)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise Untrusted(
                f"its ID token is not valid: {type(error).__name__} {_claim_named(error)}".strip()
            ) from None
        if not isinstance(claims["sub"], str) or not claims["sub"]:
            raise Untrusted("its ID token has no subject")
        return dict(claims)

    @contextmanager
    def _client(self, metadata: Mapping[str, Any] | None = None) -> Iterator[Any]:
        """Open a client, and say in our own words what goes wrong with it."""
        options = self._options
        try:
            tls = options.trusts()
        except ConfigError as error:
            raise Untrusted(f"access.oidc.{error}") from None
        try:
            with OAuth2Client(
                options.client_id,
                options.client_secret,
                token_endpoint_auth_method=_auth_method(options, metadata or {}),
                redirect_uri=self._redirect_uri,
                verify=tls,
                timeout=_TIMEOUT_S,
                trust_env=False,
                follow_redirects=False,
            ) as client:
                yield client
        except httpx2.HTTPStatusError as error:
            raise Away(f"expected {options.issuer} to answer, found HTTP {error.response.status_code}") from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise Away(f"expected {options.issuer} to answer, found: {str(error) or type(error).__name__}") from None
        except AuthlibBaseError as error:
            raise Untrusted(f"it answers {_word(error.error)}") from None
        except ValueError:
            raise Untrusted("its answer is no JSON object") from None


def _auth_method(options: OidcOptions, metadata: Mapping[str, Any]) -> str:
    """Return how the secret is sent: in the body where the provider takes it, where no character is ambiguous."""
    if options.client_secret is None:
        return "none"
    known = metadata.get("token_endpoint_auth_methods_supported") or ()
    return "client_secret_post" if "client_secret_post" in known else "client_secret_basic"


def _json(answer: Any) -> dict[str, Any]:
    """Return the object in an answer; `HTTPStatusError` where it is of no success, `ValueError` where it is none."""
    answer.raise_for_status()
    found = answer.json()
    if not isinstance(found, dict):
        raise ValueError("expected a JSON object")
    return found


def _joined(claims: Claims, more: Claims) -> Claims:
    """Add what the UserInfo endpoint says of the same person (OpenID Connect Core, 5.3.2); the ID token prevails."""
    if more.get("sub") != claims["sub"]:
        raise Untrusted("its UserInfo is of somebody else")
    return {**more, **claims}


def _claim_named(error: Exception) -> str:
    """Return which claim an error is about, where it is about one; never its value."""
    return str(getattr(error, "claim", ""))


def _word(error: object) -> str:
    """Return an error code as RFC 6749 has it, without anything else that somebody may have put in its place."""
    text = str(error)
    return text if text.isascii() and text.replace("_", "").isalnum() and len(text) <= 40 else "an error"
