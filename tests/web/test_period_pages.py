"""The pages over the last days: without a patient, for administrators, and with the days that the address asks for."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from tests.web.quality_scenes import shadowed, watched
from tests.web.scene import Scene
from tests.web.visiting import ACCOUNTS, PASSWORD, READER, sign_in, visit

SECRETS = ("Ivanova", "Maria", "Roe", "Muster", "García", "山田", "P-3", "A-3", "1956", "CT thorax", "1.2.826.0.1")
PAGES: dict[str, tuple[str, Callable[[Scene], Scene]]] = {
    "shadow": ("scene", shadowed),
    "watch": ("scene", watched),
    "times": ("filled", lambda scene: scene),
}
"""With the store that each begins with, and what comes to it."""


@pytest.mark.parametrize("api", ["", "/api"])
@pytest.mark.parametrize("name", PAGES)
def test_no_patient_is_in_any_of_it_and_readers_do_not_see_it(
    request: pytest.FixtureRequest, name: str, api: str
) -> None:
    store, arranged = PAGES[name]
    scene, path = arranged(request.getfixturevalue(store)), f"{api}/admin/{name}"
    with TestClient(scene.app()) as browser:
        text = browser.get(path).text
        assert [secret for secret in SECRETS if secret in text] == []
    with visit(scene, ACCOUNTS) as client:
        scene.accounts.add(READER, PASSWORD, now=scene.now)
        sign_in(client, name=READER.name)
        assert client.get(path).status_code == 403


@pytest.mark.parametrize(("name", "asked", "shown"), [("times", "1", 1), ("watch", "1", 7), ("shadow", "many", 30)])
def test_the_days_are_those_asked_for_as_far_as_the_page_has_them(
    browser: TestClient, name: str, asked: str, shown: int
) -> None:
    html = browser.get(f"/admin/{name}?days={asked}").text
    (current,) = [line for line in html.splitlines() if 'aria-current="true"' in line and "days=" in line]
    assert f'days={shown}"' in current
