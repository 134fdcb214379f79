"""Who stands before the web: nobody, a reader and an administrator, in each mode of access. Knows no routes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx2 import Response

from tests.web.scene import Scene
from tests.web.visiting import ADMINISTRATOR, PASSWORD, READER, fields
from triaged.study.people import Person
from triaged.web.identity import AccessOptions, Mode, ProxyWord

Role = Literal["nobody", "reader", "administrator"]
_PROXY, _STRANGER = "10.0.0.99", "10.0.0.66"
_WORD = ProxyWord(readers=frozenset({READER.name}), administrators=frozenset({ADMINISTRATOR.name}))
_PEOPLE: dict[str, Person] = {"reader": READER, "administrator": ADMINISTRATOR}


@dataclass(frozen=True, slots=True)
class Key:
    """How somebody comes to the door."""

    mode: str
    role: Role
    access: AccessOptions
    address: str
    origin: str
    headers: tuple[tuple[str, bytes], ...] = ()

    def __str__(self) -> str:
        return f"{self.mode}, {self.role}"

    @property
    def is_proxy(self) -> bool:
        """Tell whether it is the trusted proxy that comes, whose word is believed."""
        return self.address == _PROXY

    def at(self, address: str) -> Key:
        """Return the same from another address."""
        return replace(self, address=address)

    @contextmanager
    def open(self, scene: Scene) -> Iterator[Door]:
        """Stand before the application over a scene, signed in where that is how one comes in."""
        app = scene.app(access=self.access)
        with TestClient(
            app,
            base_url=self.origin,
            client=(self.address, 50000),
            follow_redirects=False,
            raise_server_exceptions=False,
            headers=cast(Any, dict(self.headers)),
        ) as client:
            if self.mode == "accounts" and self.role != "nobody":
                given = fields(client.get("/sign-in").text) | {"name": _PEOPLE[self.role].name, "password": PASSWORD}
                answer = client.post("/sign-in", data=given, headers={"Origin": self.origin})
                assert answer.status_code == 303, answer.status_code
            yield Door(self, app, client)


@dataclass(frozen=True, slots=True)
class Door:
    """Somebody before the application."""

    key: Key
    app: FastAPI
    client: TestClient

    def is_stream(self, path: str) -> bool:
        """Tell whether an answer would never end, so that this client cannot read it."""
        return "events" in path.lower()


def keys(scene: Scene, *, origin: str = "http://testserver") -> list[Key]:
    """Return everybody in each mode; a second reader stands before the accounts too."""
    for person in (READER, ADMINISTRATOR):
        scene.accounts.add(person, PASSWORD, now=scene.now)
    accounts = AccessOptions(mode=Mode.ACCOUNTS)
    proxy = AccessOptions(mode=Mode.PROXY, proxies=(_PROXY,), word=_WORD)
    opened = AccessOptions(hosts=frozenset({"testserver"}))
    found = [
        Key("accounts", role, accounts, _STRANGER, origin) for role in ("nobody", "reader", "reader", "administrator")
    ]
    for role, name in (("reader", READER.name), ("administrator", ADMINISTRATOR.name)):
        word = (("Remote-User", name.encode()),)
        found.append(Key("proxy", role, proxy, _PROXY, origin, word))  # type: ignore[arg-type]
    return [
        *found,
        Key("proxy", "nobody", proxy, _PROXY, origin),
        Key(
            "proxy, past the proxy",
            "nobody",
            proxy,
            _STRANGER,
            origin,
            (("Remote-User", ADMINISTRATOR.name.encode()),),
        ),
        Key("open", "administrator", opened, "127.0.0.1", origin),
        Key("open, by another name", "nobody", opened, "127.0.0.1", "http://evil.example"),
    ]


def session_of(answer: Response, name: str) -> str:
    """Return the session token that an answer sets."""
    for header, value in answer.headers.multi_items():
        if header == "set-cookie" and value.startswith(f"{name}="):
            return value.split("=", 1)[1].split(";")[0]
    return ""
