"""A provider of single sign-on on 127.0.0.1, which does what the standard says unless a test has it do otherwise."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

CLIENT: Final = "triaged-at-the-clinic"
SECRET: Final = "hush & keep = it"


@cache
def key(owner: str = "provider") -> RSAKey:
    """Return the key of somebody, all under the same name."""
    return RSAKey.generate_key(2048, {"kid": "one", "use": "sig"}, auto_kid=False)


@dataclass
class Provider:
    """What the provider says; a test changes it, and `instead` what a path answers. `asked` are the paths, in order."""

    issuer: str
    claims: dict[str, Any] = field(
        default_factory=lambda: {"sub": "s-1", "preferred_username": "Okafor", "groups": ["staff", "radiology"]}
    )
    userinfo: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    signs_with: RSAKey | OctKey = field(default_factory=key)
    algorithm: str = "RS256"
    fails: bool = False
    instead: dict[str, object] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    tokens: list[dict[str, str]] = field(default_factory=list)

    def authorize(self, url: str) -> str:
        """Sign in whoever is sent to this address; return where the browser is sent back to."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def described(self) -> dict[str, Any]:
        """Return the metadata of Discovery 1.0."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "end_session_endpoint": f"{self.issuer}/logout",
            **self.metadata,
        }

    def token(self, sent: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """Answer with the ID token of a code, once; to our client alone, with the verifier of its challenge."""
        self.tokens.append(sent)
        known = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        in_body = (sent.get("client_id"), sent.get("client_secret")) == (CLIENT, SECRET)
        if not in_body and authorization != f"Basic {known}":
            return 401, {"error": "invalid_client"}
        begun = self.codes.pop(sent.get("code", ""), None)
        digest = hashlib.sha256(sent.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if begun is None or begun["code_challenge"] != challenge or begun["redirect_uri"] != sent.get("redirect_uri"):
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 60,
            "nonce": begun["nonce"],
            **self.claims,
        }
        header = {"alg": self.algorithm, "kid": "one"}
        if self.algorithm == "none":
            signed = f"{_encoded(header)}.{_encoded(claims)}."
        else:
            signed = jwt.encode(header, claims, self.signs_with, algorithms=[self.algorithm])
        return 200, {"access_token": "at-1", "token_type": "Bearer", "expires_in": 300, "id_token": signed}


@contextmanager
def provider() -> Iterator[Provider]:
    """Serve a provider until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    served = Provider(f"http://127.0.0.1:{server.server_address[1]}")
    server.provider = served  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:  # as http.server names it
        served = self._served()
        match self.path:
            case "/.well-known/openid-configuration":
                self._answer(200, served.described())
            case "/keys":
                self._answer(200, {"keys": [key().as_dict(private=False)]})
            case path if path.startswith("/authorize?"):
                self._send_on(served.authorize(path))
            case path if path.startswith("/logout?"):
                (back,) = parse_qs(urlsplit(path).query)["post_logout_redirect_uri"]
                self._send_on(back)
            case "/userinfo":
                is_let_in = self.headers.get("Authorization") == "Bearer at-1"
                self._answer(200 if is_let_in else 401, served.userinfo)
            case _:
                self._answer(404, {})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        sent = {name: values[0] for name, values in parse_qs(body).items()}
        self._answer(*self._served().token(sent, self.headers.get("Authorization", "")))

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _served(self) -> Provider:
        served: Provider = self.server.provider  # type: ignore[attr-defined]
        served.asked.append(self.path)
        return served

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        served: Provider = self.server.provider  # type: ignore[attr-defined]
        body = json.dumps(served.instead.get(self.path, content)).encode()
        self.send_response(503 if served.fails else status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _send_on(self, where: str) -> None:
        self.send_response(302)
        self.send_header("Location", where)
        self.send_header("Content-Length", "0")
        self.end_headers()
