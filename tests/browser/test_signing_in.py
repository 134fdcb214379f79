"""A person signs in and out, as the browser lets them: cookies, forms, origins and the policy are the browser's own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.serving import served
from tests.ports import free_port
from tests.web.provider import CLIENT, SECRET, provider
from tests.web.scene import Scene
from tests.web.visiting import ACCOUNTS, PASSWORD, READER
from triaged.study.people import AccessRole
from triaged.web.identity import AccessOptions, Mode
from triaged.web.oidc.options import OidcOptions

STUDY = "/studies/1.2.826.0.1.3"


@pytest.fixture
def address(filled: Scene) -> Iterator[str]:
    """Where a list is served that asks who one is."""
    filled.accounts.add(READER, PASSWORD, now=filled.now)
    with served(filled.app(access=ACCOUNTS)) as where:
        yield where


def _fill_in(page: Page, name: str = "René", password: str = PASSWORD) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_a_person_signs_in_with_the_keyboard_and_comes_to_what_was_wanted(page: Page) -> None:
    page.goto(STUDY)
    expect(page).to_have_title("Sign in · triaged")
    page.keyboard.type("rené")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{STUDY}")
    expect(page.locator("header")).to_contain_text("René reader")


def test_a_mistake_is_said_and_the_next_try_succeeds(page: Page) -> None:
    page.goto("/status")
    _fill_in(page, password="wrong wrong wrong")
    expect(page.get_by_role("alert")).to_have_text("Name or password is wrong.")
    expect(page.get_by_label("Password")).to_have_value("")
    _fill_in(page)
    page.wait_for_url("**/status")


def test_who_signs_out_cannot_go_back_to_the_list(page: Page) -> None:
    page.goto("/")
    _fill_in(page)
    expect(page.locator("#worklist")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
    page.go_back()
    expect(page.get_by_label("Password")).to_be_visible()
    assert "Ivanova" not in page.content()


def test_scripts_of_the_page_cannot_read_the_session(page: Page) -> None:
    page.goto("/")
    _fill_in(page)
    expect(page.locator("#worklist")).to_be_visible()
    assert page.evaluate("document.cookie") == ""
    assert {cookie["name"] for cookie in page.context.cookies()} == {"triaged-session", "triaged-browser"}


def test_a_list_is_left_when_its_session_has_ended(page: Page, filled: Scene) -> None:
    page.goto("/")
    _fill_in(page)
    expect(page.locator("#worklist")).to_be_visible()
    filled.now += timedelta(hours=2)
    filled.arrive(20, minutes=121)
    page.wait_for_url("**/sign-in")
    assert "Ivanova" not in page.content()


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_a_person_goes_to_the_provider_comes_back_and_leaves_both(
    chromium: Browser, filled: Scene, colours: Literal["light", "dark"]
) -> None:
    """The policy of the pages lets no form lead elsewhere, and cookies are of sites: only a browser shows both."""
    port = free_port()
    filled.now = datetime.now(UTC)
    with provider() as there:
        roles = {"radiology": AccessRole.READER}
        oidc = OidcOptions(there.issuer, CLIENT, "groups", roles, SECRET, lambda: True, label="Clinic ID")
        options = AccessOptions(mode=Mode.ACCOUNTS, origin=f"http://127.0.0.1:{port}", oidc=oidc)
        with served(filled.app(access=options), port=port) as where:
            page = chromium.new_page(base_url=where, color_scheme=colours)
            page.goto("/status")
            assert Axe().run(page).response["violations"] == []
            page.get_by_role("link", name="Sign in with Clinic ID").click()
            page.wait_for_url("**/status")
            expect(page.locator("header")).to_contain_text("Okafor reader")
            page.get_by_role("button", name="Sign out").click()
            page.wait_for_url("**/sign-in")
            assert any(path.startswith("/logout?") for path in there.asked)
            page.goto("/")
            expect(page.get_by_role("link", name="Sign in with Clinic ID")).to_be_visible()
            page.context.close()
