"""Posts changes as JSON to a URL; follows no redirect, uses no proxy, and sends a signature where there is a secret."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection

from triaged.notify.body import body
from triaged.notify.connection import Address, reach, said
from triaged.steps.ports import Refused, SendOutcome, Sent, Unreachable
from triaged.study.notification import Notification

_LATER = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}


@dataclass(frozen=True, slots=True)
class WebhookSubscriber:
    """A receiver of JSON; fits `triaged.steps.notify.Receiver`. `target` is path and query; no secret: no signature."""

    address: Address
    target: str
    timeout_s: float
    secret: bytes = field(default=b"", repr=False)
    names_patient: bool = False

    def push(self, push: Notification, *, now: datetime) -> SendOutcome:
        """Post one change; never raises for what a receiver does."""
        content = body(push, push.change.patient if self.names_patient else None, now=now)
        connection = self._connection()
        try:
            connection.request("POST", self.target, content, self._headers(push, content))
            return _outcome(connection.getresponse().status)
        except (OSError, HTTPException, ValueError) as error:
            return Unreachable(said(error))
        finally:
            connection.close()

    def reach(self) -> Sent | Unreachable:
        """Connect and post nothing."""
        return reach(self.address, self.timeout_s)

    def _connection(self) -> HTTPConnection:
        host, port, tls = self.address.host, self.address.port, self.address.tls
        if tls is None:
            return HTTPConnection(host, port, timeout=self.timeout_s)
        return HTTPSConnection(host, port, timeout=self.timeout_s, context=tls)

    def _headers(self, push: Notification, content: bytes) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "X-Triaged-Delivery": str(push.number), "User-Agent": "triaged"}
        if self.secret:
            digest = hmac.new(self.secret, content, hashlib.sha256).hexdigest()
            headers["X-Triaged-Signature"] = f"sha256={digest}"
        return headers


def _outcome(status: int) -> SendOutcome:
    if 200 <= status < 300:
        return Sent()
    if 300 <= status < 400:
        return Refused(f"HTTP {status}: redirects are not followed; name the address itself", final=True)
    if status >= 500 or status in _LATER:
        return Refused(f"HTTP {status}", final=False)
    return Refused(f"HTTP {status}", final=True)
