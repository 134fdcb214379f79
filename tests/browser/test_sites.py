"""The list of a site in a browser: chosen by the switch, with places of its own, and it stays so as studies come."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.looking import opened, order, pointer_away, until_shown
from tests.browser.serving import served
from tests.web.scene import Scene

NORTH = [f"1.2.826.0.1.{number}" for number in (1, 4, 8)]


@pytest.fixture
def address(filled: Scene) -> Iterator[str]:
    """The page, over a list of two sites; three studies are of the one, two of the other."""
    filled.at_site("north", 1, 4, 8)
    filled.at_site("south", 2, 3)
    with served(filled.app(refresh_s=1.0, sites={"north": "North Hospital", "south": "South Clinic"})) as where:
        yield where


def places(page: Page) -> list[str]:
    return [text.strip() for text in page.locator("#worklist tbody td.c-place").all_inner_texts()]


def test_the_switch_shows_the_list_of_a_site_which_stays_so_as_studies_come(filled: Scene, page: Page) -> None:
    opened(page)
    among = [uid for uid in order(page) if uid in NORTH]
    page.locator("select[name=site]").select_option("north")
    page.wait_for_url("**site=north*")
    assert order(page) == among
    assert places(page) == ["1", "2", "3"]
    expect(page.locator(".summary")).to_contain_text("3 studies found, 7 left out by filters; 10 to be read in all")
    filled.scored(11, minutes=29, right=0.9, left=0.9, p=0.99)
    filled.scored(12, minutes=30, right=0.95, left=0.9, p=0.99)
    filled.at_site("north", 12)
    filled.scored(13, minutes=31, right=0.1, left=0.1, p=0.6)
    pointer_away(page)
    until_shown(page, [entry.study_instance_uid for entry in filled.worklist.within(frozenset({"north"})).entries()])
    assert places(page) == ["1", "2", "3", "4"]
    page.locator("select[name=site]").select_option("other")
    page.wait_for_url("**site=other*")
    assert not {*NORTH, "1.2.826.0.1.2"} & set(order(page))
