"""What readers say of results, by the keyboard alone, in a real browser."""

from __future__ import annotations

import csv

from playwright.sync_api import Page, expect

from tests.browser.looking import opened, row
from tests.programs import until
from tests.web.scene import Scene
from triaged.store.listing.verdicts import Verdicts
from triaged.study.verdict import Verdict

SEVERE = "/studies/1.2.826.0.1.4"


def _standing(scene: Scene, number: int) -> list[Verdict]:
    said = Verdicts(scene.database).of_study(f"1.2.826.0.1.{number}")
    return [each.verdict for each in said if each.stands]


def test_two_keys_say_what_a_reader_knows_and_a_note_is_added(filled: Scene, page: Page) -> None:
    with page.expect_response("**/opened") as told:
        page.goto(SEVERE)
    assert told.value.status == 204
    page.keyboard.press("v")
    expect(page.locator("#news")).to_contain_text("o other disease")
    page.keyboard.press("h")
    expect(page.locator("#verdict .words")).to_contain_text("too high local")
    expect(page.locator("#verdict button[aria-pressed=true]")).to_have_text("Too high")
    page.keyboard.press("v")
    page.keyboard.press("n")
    page.keyboard.type("vr motion")  # letters are text here
    page.keyboard.press("Enter")
    expect(page.locator("#verdict .words bdi")).to_have_text("vr motion")
    expect(page.locator(".history")).to_contain_text("the result of revision 1: vr motion")
    page.keyboard.press("v")
    page.keyboard.press("u")
    expect(page.locator("#verdict .words bdi")).to_have_count(0)
    entry = filled.worklist.entry("1.2.826.0.1.4")
    assert entry is not None
    assert entry.read_state == "UNREAD", "u after v takes the verdict back, and r in a note is a letter"


def test_on_the_page_of_a_study_one_key_is_enough(filled: Scene, page: Page) -> None:
    page.goto(SEVERE)
    page.keyboard.press("7")
    expect(page.locator("#verdict .words")).to_contain_text("too low local")
    page.keyboard.press("9")
    expect(page.locator("#verdict .words")).to_contain_text("other disease local")
    assert _standing(filled, 4) == [Verdict.OTHER_DISEASE]


def test_what_is_said_in_the_moment_of_going_on_is_kept(filled: Scene, page: Page) -> None:
    """All six connections that a browser makes to one server are taken: what is said waits for one."""
    page.goto(SEVERE)
    page.evaluate("() => { for (let each = 0; each < 8; each += 1) fetch(`/events?${each}`); }")
    page.wait_for_timeout(500)
    page.evaluate(
        """() => {
          document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "7", bubbles: true }));
          location.assign("about:blank");
        }"""
    )
    page.wait_for_url("about:blank")
    until(lambda: _standing(filled, 4) == [Verdict.TOO_LOW], within_s=5, what="the verdict in the store")


def test_on_the_list_the_keys_are_about_the_row_with_the_focus(filled: Scene, page: Page) -> None:
    opened(page)
    page.keyboard.press("v")
    page.keyboard.press("o")
    expect(page.locator("#news")).to_contain_text("Choose a study first")
    row(page, 3).locator("a").first.focus()
    page.keyboard.press("v")
    page.keyboard.press("o")
    expect(page.locator("#news")).to_contain_text("You say: other disease")
    assert page.url.endswith("/"), "o after v is no change of the order"
    assert _standing(filled, 3) == [Verdict.OTHER_DISEASE]
    row(page, 5).locator("a").first.focus()
    page.keyboard.press("v")
    page.keyboard.press("a")
    expect(page.locator("#news")).to_contain_text("a result with a score")


def test_three_disagreements_by_the_keyboard_are_found_again_in_the_figures(filled: Scene, page: Page) -> None:
    for number, key in ((3, "h"), (4, "l"), (1, "m")):
        page.goto(f"/studies/1.2.826.0.1.{number}")
        expect(page.locator("#verdict button").first).to_be_visible()
        page.keyboard.press("v")
        with page.expect_response("**/verdict"):
            page.keyboard.press(key)
        expect(page.locator("#verdict .words")).to_contain_text("local")
    page.goto("/figures")
    cells = page.locator("#agreement tbody tr").first.locator("td")
    assert cells.all_inner_texts() == ["0", "1", "1", "1", "0", "3", "0 % (0 to 56)"]  # Wilson: 0 of 3 is 0 to 0.5615
    page.get_by_role("link", name="24 hours").click()
    page.wait_for_url("**/figures?period=24h")
    expect(page.locator("#agreement tbody tr").first.locator("td").nth(5)).to_have_text("3")
    with page.expect_download() as kept:
        page.get_by_role("link", name="Verdicts as CSV").click()
    with open(kept.value.path(), encoding="utf-8") as table:
        assert [row["verdict"] for row in csv.DictReader(table)] == ["too-high", "too-low", "missed"]


def test_a_study_is_assigned_by_two_keys_and_by_a_name(filled: Scene, page: Page) -> None:
    page.goto(SEVERE)
    page.keyboard.press("v")
    page.keyboard.press("t")
    expect(page.locator(".assign input[name=assignee]")).to_have_value("local")
    expect(page.locator(".history")).to_contain_text("local assigned it to local")
    page.locator(".assign input[name=assignee]").fill("Dr. Mu")
    page.get_by_role("button", name="Assign", exact=True).click()
    expect(page.locator(".history")).to_contain_text("local assigned it to Dr. Mu")
    page.locator(".assign input[name=assignee]").fill("<b>")
    page.get_by_role("button", name="Assign", exact=True).click()
    expect(page.locator("#news")).to_contain_text("expected a name")
