"""A study is one line where there is room and a card where there is not; the columns are each person's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.looking import ROWS, opened, order, row
from tests.web.scene import Scene

SIZES = ((1920, 1080), (1280, 800), (1250, 800), (1100, 800), (800, 600), (390, 844))
LONG_TEXT = 40
"""From so many letters on a text may be cut, with the whole of it in its title."""


@pytest.fixture
def busy(filled: Scene) -> Scene:
    """A clinic on a bad day: forty studies."""
    for number in range(11, 41):
        filled.scored(number, minutes=number, right=(number * 7 % 90) / 100, left=(number * 3 % 60) / 100, p=0.9)
    return filled


def _seen_whole(page: Page) -> int:
    """Return how many rows are wholly in the window when the list is opened."""
    found: int = page.eval_on_selector_all(
        ROWS, "rows => rows.filter(row => row.getBoundingClientRect().bottom <= innerHeight).length"
    )
    return found


def _cut(page: Page) -> list[str]:
    """Return the texts of which something cannot be seen."""
    found: list[str] = page.eval_on_selector_all(
        f"{ROWS} td:not(.acts), {ROWS} td:not(.acts) *:not(.unseen)",
        """found => found.filter(one => one.clientWidth > 0 &&
            (one.scrollWidth > one.clientWidth + 1 || one.scrollHeight > one.clientHeight + 2))
            .map(one => one.textContent.trim())""",
    )
    return found


@pytest.mark.parametrize(("width", "height", "least"), [(1920, 1080, 25), (1280, 800, 15)])
def test_a_screen_shows_many_studies_each_on_one_line_of_one_height(
    busy: Scene, page: Page, width: int, height: int, least: int
) -> None:
    page.set_viewport_size({"width": width, "height": height})
    opened(page)
    assert _seen_whole(page) >= least
    heights = page.eval_on_selector_all(ROWS, "rows => rows.map(row => row.getBoundingClientRect().height)")
    assert max(heights) - min(heights) < 1


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_nothing_is_cut_and_nothing_scrolls_sideways(busy: Scene, page: Page, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})
    opened(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert [text for text in _cut(page) if len(text) < LONG_TEXT] == []
    beside = page.eval_on_selector_all(
        f"{ROWS} td:not(.acts)", "cells => cells.filter(cell => cell.getBoundingClientRect().right > innerWidth).length"
    )
    assert beside == 0


def test_the_head_stays_in_sight(busy: Scene, page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    opened(page)
    page.mouse.wheel(0, 600)
    page.wait_for_function("() => scrollY > 300")
    assert page.evaluate("document.querySelector('#worklist th').getBoundingClientRect().top") == 0


def test_the_focus_is_never_under_the_head(busy: Scene, page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    opened(page)
    for key in ["j"] * 30 + ["k"] * 25:
        page.keyboard.press(key)
    tops = (
        "[document.activeElement.closest('tr'), document.querySelector('#worklist th')].map(one => "
        "one.getBoundingClientRect())"
    )
    focused, head = page.evaluate(f"{tops}.map(box => [box.top, box.bottom])")
    assert focused[0] >= head[1] - 1


def test_on_a_phone_a_study_is_a_card_with_what_matters_first(busy: Scene, page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    opened(page)
    card = row(page, 3)
    expect(card.locator(".class")).to_be_visible()
    expect(card.locator(".c-waiting")).to_be_visible()
    expect(card.get_by_role("link", name="García López, José")).to_be_visible()
    expect(card.get_by_role("button", name="Reading")).to_be_visible()
    assert _seen_whole(page) >= 3


def test_a_click_on_a_head_sorts_and_says_that_it_is_not_triage_and_another_one_goes_back(
    filled: Scene, page: Page
) -> None:
    opened(page)
    page.get_by_role("link", name="Patient").click()
    page.wait_for_url("**/?order=name")
    names = page.locator(f"{ROWS} .person").all_text_contents()
    assert names == sorted(names, key=str.casefold)
    expect(page.locator(".summary")).to_contain_text("sorted by name, without triage")
    expect(page.locator("th[aria-sort=ascending]")).to_have_text("Patient")
    page.get_by_role("link", name="Affected").click()
    page.wait_for_url("**/?order=share")
    assert order(page)[0] == "1.2.826.0.1.3"
    page.get_by_role("link", name="Affected").click()
    page.wait_for_function("() => location.search === ''")
    assert order(page) == filled.worklist.order()


def test_columns_are_chosen_and_kept(filled: Scene, page: Page) -> None:
    opened(page)
    expect(page.locator("th.c-p")).to_be_visible()
    page.locator("#columns summary").click()
    page.get_by_role("checkbox", name="P, experimental", exact=True).uncheck()
    page.get_by_role("checkbox", name="ID").check()
    page.get_by_role("button", name="Show these").click()
    expect(page.locator("th.c-identity")).to_be_visible()
    expect(page.locator("th.c-p")).to_have_count(0)
    page.goto("/?show=all")
    expect(row(page, 2).locator(".c-identity")).to_have_text("P-2 · 1956-04-12 · F")
    page.locator("#columns summary").click()
    page.get_by_role("button", name="As it was").click()
    expect(page.locator("th.c-p")).to_be_visible()


def test_a_list_that_a_person_keeps_is_what_the_worklist_begins_with(filled: Scene, page: Page) -> None:
    opened(page, "/?class=A&order=name")
    page.get_by_role("button", name="Begin with this").click()
    page.wait_for_function("() => location.pathname === '/' && location.search === ''")
    expect(page.locator(".summary")).to_contain_text("1 study found, 9 left out by filters")
    filled.scored(11, minutes=29, right=0.9, left=0.9, p=0.99)
    expect(page.locator(ROWS)).to_have_count(2)
    page.get_by_role("link", name="Clear").click()
    expect(page.locator(ROWS)).to_have_count(11)
    page.get_by_role("link", name="Worklist").click()
    expect(page.locator(ROWS)).to_have_count(2)
    page.get_by_role("button", name="Begin with all").click()
    expect(page.locator(ROWS)).to_have_count(11)


@pytest.fixture
def touched(chromium: Browser, address: str) -> Iterator[Page]:
    """A tablet, which has no pointer that could hover."""
    context = chromium.new_context(base_url=address, viewport={"width": 1280, "height": 800}, has_touch=True)
    yield context.new_page()
    context.close()


def test_on_a_touch_screen_a_tap_on_a_row_shows_what_can_be_done(filled: Scene, touched: Page) -> None:
    opened(touched)
    row(touched, 8).locator(".c-waiting").tap()
    button = row(touched, 8).get_by_role("button", name="Reading")
    expect(button).to_be_visible()
    button.tap()
    expect(row(touched, 8)).to_contain_text("being read by local")
