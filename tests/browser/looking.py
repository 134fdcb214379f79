"""What a test sees on the page of the list."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

ROWS = "#worklist tbody tr"


def order(page: Page) -> list[str]:
    """Return the Study Instance UIDs of the rows from the top."""
    found: list[str] = page.eval_on_selector_all(ROWS, "rows => rows.map(row => row.dataset.uid)")
    return found


def row(page: Page, number: int) -> Locator:
    """Return the row of the study with this number."""
    return page.locator(f'{ROWS}[data-uid="1.2.826.0.1.{number}"]')


def top_of(found: Locator) -> float:
    """Return how far below the upper edge of the window an element begins."""
    box = found.bounding_box()
    assert box is not None
    return box["y"]


def opened(page: Page, path: str = "/") -> None:
    """Open the list and wait until it hears of changes."""
    with page.expect_response("**/events"):
        page.goto(path)
    expect(page.locator(ROWS).first).to_be_visible()


def pointer_away(page: Page) -> None:
    """Take the pointer out of the list."""
    page.mouse.move(5, 5)


def until_shown(page: Page, expected: list[str]) -> None:
    """Wait until the rows stand in this order."""
    page.wait_for_function(
        "expected => JSON.stringify([...document.querySelectorAll('#worklist tbody tr')].map(row => row.dataset.uid))"
        " === JSON.stringify(expected)",
        arg=expected,
    )
