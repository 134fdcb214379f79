"""A browser that is asked to sign in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi.testclient import TestClient
from httpx2 import Response

from tests.web.reading import Page
from tests.web.scene import Scene
from triaged.study.people import AccessRole, Person
from triaged.web.identity import AccessOptions, Mode

ACCOUNTS = AccessOptions(mode=Mode.ACCOUNTS)
ADMINISTRATOR = Person("Doe", AccessRole.ADMINISTRATOR)
READER = Person("René", AccessRole.READER)
PASSWORD = "four quiet lungs"


@contextmanager
def visit(
    scene: Scene, access: AccessOptions, *, origin: str = "http://testserver", address: str = "10.0.0.1"
) -> Iterator[TestClient]:
    """Open a browser on the list of a site with one administrator; it follows no redirects."""
    scene.accounts.add(ADMINISTRATOR, PASSWORD, now=scene.now)
    app = scene.app(access=access)
    with TestClient(app, base_url=origin, client=(address, 50000), follow_redirects=False) as client:
        yield client


def sign_in(
    client: TestClient,
    *,
    name: str = "Doe",
    password: str = PASSWORD,
    path: str = "/sign-in",
    origin: str = "http://testserver",
) -> Response:
    """Fill in the form as it is and send it."""
    given = fields(client.get(path).text) | {"name": name, "password": password}
    return client.post("/sign-in", data=given, headers={"Origin": origin, "Sec-Fetch-Site": "same-origin"})


def fields(html: str) -> dict[str, str]:
    """Return the hidden fields of a form."""
    hidden = [
        attributes for tag, attributes in Page(html).elements if tag == "input" and attributes.get("type") == "hidden"
    ]
    return {attributes["name"] or "": attributes["value"] or "" for attributes in hidden}
