"""New studies of class A and B are told by notification and sound, only where somebody asked for that."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.looking import opened
from tests.web.scene import Scene

RECORDER = """
  window.shown = []; window.tones = 0; window.asked = 0;
  window.Notification = class {
    constructor(title, options) { window.shown.push(`${title}: ${options.body}`); }
    static get permission() { return sessionStorage.permission ?? "default"; }
    static async requestPermission() {
      window.asked += 1;
      return sessionStorage.permission = window.answer ?? "granted";
    }
  };
  const start = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function (...when) { window.tones += 1; return start.apply(this, when); };
"""


@pytest.fixture
def heard(filled: Scene, page: Page) -> Page:
    """A page of the list that writes down what it shows and sounds."""
    page.add_init_script(RECORDER)
    opened(page)
    return page


def _critical(scene: Scene, number: int) -> None:
    scene.scored(number, minutes=30 + number, right=0.9, left=0.9, p=0.99, name="Secret^Name")


def test_nothing_is_told_and_nobody_is_asked_by_itself(filled: Scene, heard: Page) -> None:
    _critical(filled, 11)
    expect(heard.locator("#news")).to_contain_text("new")
    assert heard.evaluate("[shown, tones, asked]") == [[], 0, 0]


def test_a_new_critical_study_is_told_once_without_a_name_and_others_are_not(filled: Scene, heard: Page) -> None:
    heard.locator(".notices summary").click()
    heard.get_by_label("Notification").check()
    heard.get_by_label("Sound").check()
    heard.wait_for_function("() => tones === 2")  # so that one knows how it sounds
    filled.scored(11, minutes=31, right=0.1, left=0.0, p=0.1)
    expect(heard.locator("#worklist tbody tr")).to_have_count(11)
    assert heard.evaluate("[shown, tones]") == [[], 2]
    _critical(filled, 12)
    heard.wait_for_function("() => shown.length === 1 && tones === 4")
    place = filled.worklist.order().index("1.2.826.0.1.12") + 1
    assert heard.evaluate("shown") == [f"A new study to be read soon: Class A, place {place} of the list."]
    heard.goto("/status")
    heard.wait_for_load_state("networkidle")
    _critical(filled, 13)
    heard.wait_for_function("() => shown.length === 1")
    assert "Secret" not in heard.evaluate("JSON.stringify([shown, {...localStorage}])")


def test_a_browser_that_refuses_is_left_in_peace(heard: Page) -> None:
    heard.evaluate("window.answer = 'denied'")
    heard.locator(".notices summary").click()
    heard.get_by_label("Notification").click()
    expect(heard.locator("#news")).to_contain_text("does not show notifications")
    expect(heard.get_by_label("Notification")).not_to_be_checked()


def test_the_wall_follows_the_list_and_fits_its_screen(filled: Scene, page: Page) -> None:
    for width, height in ((1920, 1080), (1280, 800)):
        page.set_viewport_size({"width": width, "height": height})
        with page.expect_response("**/events"):
            page.goto("/wall")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    _critical(filled, 11)
    expect(page.locator(".classes li").nth(1)).to_contain_text("2")
