"""The list moves by itself and says so, and never where somebody reads."""

from __future__ import annotations

from datetime import timedelta

from playwright.sync_api import Page, expect

from tests.browser.looking import opened, order, pointer_away, row, top_of, until_shown
from tests.web.scene import Scene
from triaged.study.ranking import RequestPriority
from triaged.study.read_state import ActionKind


def _until_told(page: Page) -> None:
    """Wait until the page has said that something is new, which it does once it has moved what may move."""
    expect(page.locator("#news")).to_contain_text("new")


def _settled(page: Page, scene: Scene) -> None:
    """Wait until the page shows the order that the store has."""
    pointer_away(page)
    page.evaluate("document.activeElement.blur()")
    until_shown(page, scene.worklist.order())


def test_the_order_shown_is_the_order_of_the_store(filled: Scene, page: Page) -> None:
    opened(page)
    assert order(page) == filled.worklist.order()
    positions = page.eval_on_selector_all("#worklist tbody tr", "rows => rows.map(row => row.cells[0].textContent)")
    assert positions == [str(number) for number in range(1, 11)]


def test_a_critical_study_moves_up_by_itself_and_the_page_says_so(filled: Scene, page: Page) -> None:
    opened(page)
    filled.scored(11, minutes=29, right=0.9, left=0.9, p=0.99, name="Late^Critical")
    until_shown(page, filled.worklist.order())
    assert "1.2.826.0.1.11" in order(page)[:4]
    news = page.locator("#news")
    expect(news).to_have_text("1 new.")
    assert (news.get_attribute("aria-live"), news.get_attribute("role")) == ("polite", "status")
    filled.again(1, minutes=30, right=0.8, left=0.8, p=0.99)
    until_shown(page, filled.worklist.order())
    expect(news).to_contain_text("1 study moved")


def test_two_browsers_see_the_same(filled: Scene, page: Page) -> None:
    opened(page)
    other = page.context.new_page()
    opened(other)
    filled.readers.act("1.2.826.0.1.1", ActionKind.PINNED, "anna", now=filled.now)
    for each in (page, other):
        until_shown(each, filled.worklist.order())
    other.close()


def test_the_row_under_the_pointer_stays_where_it_is_until_the_pointer_leaves(filled: Scene, page: Page) -> None:
    opened(page)
    watched = row(page, 8)
    watched.hover()
    before = top_of(watched)
    for number in (11, 12):
        filled.scored(number, minutes=29 + number, right=0.9, left=0.9, p=0.99)
        filled.now += timedelta(minutes=1)
    filled.arrive(13, minutes=50, priority=RequestPriority.STAT)
    page.wait_for_function("() => document.querySelectorAll('#worklist tbody tr').length === 13")
    _until_told(page)
    assert abs(top_of(watched) - before) < 1.0
    assert page.evaluate("document.querySelector('#worklist tbody tr:hover').dataset.uid") == "1.2.826.0.1.8"
    assert order(page) != filled.worklist.order()
    _settled(page, filled)


def test_the_first_rows_in_sight_stay_while_the_pointer_is_anywhere_in_the_list(filled: Scene, page: Page) -> None:
    opened(page)
    first = order(page)[:3]
    row(page, 7).hover()
    filled.arrive(11, minutes=50, priority=RequestPriority.STAT)
    _until_told(page)
    assert order(page)[:3] == first
    expect(page.locator("#news")).to_contain_text("in place while you read")
    _settled(page, filled)


def test_a_row_that_somebody_reads_does_not_move(filled: Scene, page: Page) -> None:
    filled.readers.act("1.2.826.0.1.7", ActionKind.READING, "anna", now=filled.now)
    opened(page)
    expect(row(page, 7)).to_contain_text("being read by anna")
    at = order(page).index("1.2.826.0.1.7")
    filled.scored(11, minutes=29, right=0.9, left=0.9, p=0.99)
    _until_told(page)
    assert order(page).index("1.2.826.0.1.7") == at
    expect(row(page, 7).locator("td").first).to_have_text(str(at + 2))  # its place in the order is told all the same
    page.reload()
    assert order(page) == filled.worklist.order()


def test_the_focused_row_keeps_place_and_focus(filled: Scene, page: Page) -> None:
    opened(page)
    row(page, 8).locator("a").focus()
    at, before = order(page).index("1.2.826.0.1.8"), top_of(row(page, 8))
    filled.scored(11, minutes=29, right=0.9, left=0.9, p=0.99)
    _until_told(page)
    assert order(page).index("1.2.826.0.1.8") == at
    assert abs(top_of(row(page, 8)) - before) < 1.0
    assert page.evaluate("document.activeElement.closest('tr').dataset.uid") == "1.2.826.0.1.8"
    _settled(page, filled)


def test_without_events_the_page_asks_now_and_then(filled: Scene, page: Page) -> None:
    page.route("**/events", lambda route: route.abort())
    page.goto("/")
    filled.scored(11, minutes=29, right=0.9, left=0.9, p=0.99)
    until_shown(page, filled.worklist.order())


def test_a_list_narrowed_to_x_rays_stays_so_as_studies_come_and_says_how_many_it_leaves_out(
    filled: Scene, page: Page
) -> None:
    filled.arrive(11, minutes=22, modality="DX")
    opened(page)
    page.click("#modality-x-ray")
    page.wait_for_url("**/?modality=x-ray")
    summary = page.locator(".summary")
    expect(summary).to_contain_text("1 study found, 10 left out by filters")
    assert order(page) == ["1.2.826.0.1.11"]
    filled.scored(12, minutes=24, right=0.9, left=0.9, p=0.99)
    filled.arrive(13, minutes=25, modality="CR")
    pointer_away(page)
    until_shown(page, ["1.2.826.0.1.11", "1.2.826.0.1.13"])
    expect(summary).to_contain_text("2 studies found, 11 left out by filters; 13 to be read in all")
    page.reload()
    assert order(page) == ["1.2.826.0.1.11", "1.2.826.0.1.13"]
    page.click("#modality-all")
    page.wait_for_function("() => location.search === ''")
    assert order(page) == filled.worklist.order()
