"""One study after the other: done opens the next, keys lead on and back, and two readers know of each other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.looking import opened, order, row
from tests.browser.serving import served
from tests.web.scene import Scene
from tests.web.visiting import ACCOUNTS, PASSWORD, READER
from triaged.study.people import AccessRole, Person
from triaged.study.read_state import ActionKind

ANNA = Person("Anna", AccessRole.READER)
A_SECOND_MS = 1000


def _study(page: Page) -> str:
    return page.url.rpartition("/studies/")[2]


def test_done_opens_the_next_study_and_can_be_taken_back(filled: Scene, page: Page) -> None:
    first, second, *_ = filled.worklist.order()
    page.goto(f"/studies/{first}")
    page.keyboard.press("d")
    page.wait_for_url(f"**/studies/{second}")
    assert filled.worklist.order()[0] == second
    expect(page.locator("#news")).to_contain_text("Done: the study before.")
    page.keyboard.press("Shift+U")
    page.wait_for_url(f"**/studies/{first}")
    assert filled.worklist.order()[0] == first


def test_keys_lead_to_the_study_after_and_before_and_to_the_next_that_nobody_reads(filled: Scene, page: Page) -> None:
    first, second, third, *_ = filled.worklist.order()
    filled.readers.act(first, ActionKind.READING, "anna", now=filled.now)
    page.goto(f"/studies/{second}")
    for key, expected in (("j", third), ("k", second), ("k", first), ("n", second)):
        page.keyboard.press(key)
        page.wait_for_url(f"**/studies/{expected}")
    page.goto("/status")
    page.keyboard.press("n")
    page.wait_for_url(f"**/studies/{second}")


def test_the_next_study_is_one_of_the_list_that_the_reader_came_from(filled: Scene, page: Page) -> None:
    opened(page, "/?class=B&class=C")
    shown = order(page)
    row(page, int(shown[0].rpartition(".")[2])).locator("a").first.click()
    page.wait_for_url(f"**/studies/{shown[0]}")
    page.keyboard.press("j")
    page.wait_for_url(f"**/studies/{shown[1]}")
    page.keyboard.press("j")
    page.wait_for_function("() => location.search === '?class=B&class=C'")


@pytest.mark.parametrize("way", ["l", "link", "history"])
def test_going_back_leads_to_the_same_place_of_the_list(filled: Scene, page: Page, way: str) -> None:
    for number in range(11, 61):
        filled.arrive(number, minutes=number)
    page.set_viewport_size({"width": 1280, "height": 800})
    opened(page, "/?order=arrival")
    for _ in range(40):
        page.keyboard.press("j")
    page.wait_for_function("() => scrollY > 300")
    before = page.evaluate("[scrollY, document.activeElement.closest('tr').dataset.uid]")
    page.keyboard.press("Enter")
    page.wait_for_url("**/studies/**")
    if way == "l":
        page.keyboard.press("l")
    elif way == "link":
        page.get_by_role("link", name="List", exact=True).click()
    else:
        page.go_back()
    page.wait_for_function("() => location.search === '?order=arrival' && scrollY > 300")
    assert page.evaluate("[scrollY, document.activeElement.closest('tr')?.dataset.uid]") == before


@pytest.mark.parametrize("path", ["/", "/status", "/admin", "/figures", "/studies/1.2.826.0.1.5", "/nothing"])
def test_the_keys_are_told_on_every_page(filled: Scene, page: Page, path: str) -> None:
    page.goto(path)
    page.keyboard.press("?")
    expect(page.locator("dialog[open]")).to_contain_text("Keys")


def test_moments_are_told_by_the_clock_of_the_place_and_in_utc_as_a_title(
    chromium: Browser, filled: Scene, address: str
) -> None:
    context = chromium.new_context(base_url=address, timezone_id="Asia/Kolkata")
    page = context.new_page()
    page.goto("/studies/1.2.826.0.1.5")
    moment = page.locator("dt:text-is('Waiting') + dd time")
    expect(moment).to_have_text("2026-03-01 17:42:00")
    expect(moment).to_have_attribute("title", "2026-03-01 12:12:00 UTC")
    context.close()


def test_a_reader_sees_for_how_long(filled: Scene, page: Page) -> None:
    page.goto("/studies/1.2.826.0.1.4")
    expect(page.locator(".timer")).to_have_count(0)
    page.keyboard.press("r")
    expect(page.locator(".timer")).to_contain_text("You read this since")
    expect(page.locator(".timer output")).to_have_text(re.compile(r"^\d+:\d\d$"))


@contextmanager
def _signed_in(chromium: Browser, address: str, name: str) -> Iterator[Page]:
    context = chromium.new_context(base_url=address, viewport={"width": 1400, "height": 900})
    page = context.new_page()
    page.goto("/sign-in")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/")
    yield page
    context.close()


@pytest.fixture
def readers(chromium: Browser, filled: Scene) -> Iterator[tuple[Page, Page]]:
    """The pages of two people, in two browsers."""
    for person in (ANNA, READER):
        filled.accounts.add(person, PASSWORD, now=filled.now)
    with (
        served(filled.app(access=ACCOUNTS)) as where,
        _signed_in(chromium, where, ANNA.name) as anna,
        _signed_in(chromium, where, READER.name) as rene,
    ):
        yield anna, rene


def test_of_two_readers_both_are_told_within_a_second_who_has_the_study(readers: tuple[Page, Page]) -> None:
    anna, rene = readers
    for page in readers:
        with page.expect_response("**/events"):
            page.goto("/studies/1.2.826.0.1.4")
    anna.keyboard.press("r")
    expect(anna.locator(".timer")).to_be_visible()
    take_over = rene.get_by_role("button", name="Take over")
    expect(take_over).to_be_visible(timeout=A_SECOND_MS)
    begun = monotonic()
    take_over.click()
    expect(anna.locator(".taken")).to_contain_text("René took this study over from you", timeout=A_SECOND_MS)
    expect(anna.locator("#news")).to_contain_text("René took this study over from you", timeout=A_SECOND_MS)
    expect(rene.locator(".timer")).to_contain_text("You read this, taken over from Anna, since", timeout=A_SECOND_MS)
    assert monotonic() - begun < 2 * A_SECOND_MS / 1000
    expect(anna.locator(".timer")).to_have_count(0)
    anna.reload()
    expect(anna.locator(".taken")).to_contain_text("René took this study over from you")
    anna.get_by_role("button", name="Take over").click()
    expect(rene.locator(".taken")).to_contain_text("Anna took this study over from you")
    expect(anna.locator(".taken")).to_have_count(0)


def test_on_the_list_too_a_reader_is_told_who_took_over(readers: tuple[Page, Page]) -> None:
    anna, rene = readers
    opened(anna)
    row(anna, 4).locator("a").focus()
    anna.keyboard.press("r")
    expect(row(anna, 4)).to_contain_text("being read by Anna")
    rene.goto("/studies/1.2.826.0.1.4")
    rene.get_by_role("button", name="Take over").click()
    expect(row(anna, 4)).to_contain_text("being read by René")
    expect(anna.locator("#news")).to_contain_text("René took over 山田, 太郎 from you")


def test_moves_that_others_caused_are_one_line_until_they_are_asked_for(filled: Scene, page: Page) -> None:
    for number in range(11, 15):
        filled.scored(number, minutes=30 + number, right=0.9, left=0.9, p=0.9)
    page.goto("/studies/1.2.826.0.1.1")
    page.locator("#history > summary").click()
    line = page.locator(".history summary").first
    expect(line).to_contain_text("moves caused by other studies")
    number = int((line.text_content() or "").split()[0])
    assert page.locator(".history .moves").first.locator("li").count() == number
    expect(page.locator(".history .moves li").first).to_be_hidden()
    line.click()
    expect(page.locator(".history .moves li").first).to_be_visible()
