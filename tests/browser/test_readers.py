"""What a radiologist does on the page: from the keyboard, with the mouse, and through the slices."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Dialog, Page, expect

from tests.browser.looking import ROWS, opened, order, pointer_away, row, until_shown
from tests.results.ct_study import SHAPE, ct_study
from tests.web.scene import Scene
from tests.web.sliced import sliced
from triaged.study.read_state import ActionKind

LAST = 1


def _focused(page: Page) -> str:
    found: str = page.evaluate("document.activeElement.closest('tr')?.dataset.uid ?? ''")
    return found


def test_the_list_is_walked_and_opened_from_the_keyboard(filled: Scene, page: Page) -> None:
    opened(page)
    wanted = filled.worklist.order()
    for key, expected in (("j", 0), ("j", 1), ("ArrowDown", 2), ("k", 1), ("ArrowUp", 0), ("ArrowUp", 0)):
        page.keyboard.press(key)
        assert _focused(page) == wanted[expected]
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/studies/{wanted[0]}")


def test_search_help_and_order_of_arrival_have_keys(filled: Scene, page: Page) -> None:
    opened(page)
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()
    page.keyboard.press("o")
    page.wait_for_url("**/?order=arrival")
    assert order(page) == [f"1.2.826.0.1.{number}" for number in range(1, 11)]
    page.keyboard.press("o")
    page.wait_for_function("() => location.search === ''")
    page.keyboard.press("/")
    page.keyboard.type("ivanova j")  # letters are text here, no keys
    page.keyboard.press("Backspace")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=ivanova*")
    assert order(page) == ["1.2.826.0.1.2"]


def test_pin_and_undo_move_the_row_and_say_who(filled: Scene, page: Page) -> None:
    opened(page)
    before = order(page)
    row(page, LAST).locator("a").focus()
    page.keyboard.press("p")
    expect(row(page, LAST)).to_contain_text("pinned")
    page.evaluate("document.activeElement.blur()")
    until_shown(page, filled.worklist.order())
    assert f"1.2.826.0.1.{LAST}" in order(page)[:2]
    row(page, LAST).locator("a").focus()
    page.keyboard.press("u")
    expect(row(page, LAST)).not_to_contain_text("pinned")
    page.evaluate("document.activeElement.blur()")
    until_shown(page, before)
    page.goto(f"/studies/1.2.826.0.1.{LAST}")
    expect(page.locator(".history")).to_contain_text("local pinned it to the top")
    expect(page.locator(".history")).to_contain_text("local took back: pinned it to the top")


def test_reading_then_done_by_key_takes_the_row_off_the_list(filled: Scene, page: Page) -> None:
    opened(page)
    row(page, 4).locator("a").focus()
    page.keyboard.press("r")
    expect(row(page, 4)).to_contain_text("being read by local")
    page.keyboard.press("d")
    page.keyboard.press("j")
    expect(row(page, 4)).to_have_count(0)
    until_shown(page, filled.worklist.order())
    page.locator("select[name=show]").select_option("done")
    page.wait_for_url("**show=done*")
    expect(row(page, 4)).to_contain_text("done by local")


def test_buttons_do_the_same_with_the_mouse(filled: Scene, page: Page) -> None:
    opened(page)
    row(page, 8).hover()
    row(page, 8).get_by_role("button", name="Reading").click()
    expect(row(page, 8)).to_contain_text("being read by local")
    expect(page.locator("#news")).not_to_be_empty()
    row(page, 8).get_by_role("button", name="Done", exact=True).click()
    pointer_away(page)
    expect(row(page, 8)).to_have_count(0)


def test_what_somebody_else_reads_can_only_be_taken_over(filled: Scene, page: Page) -> None:
    filled.readers.act("1.2.826.0.1.4", ActionKind.READING, "anna", now=filled.now)
    opened(page)
    row(page, 4).locator("a").focus()
    page.keyboard.press("d")
    expect(page.locator("#news")).to_contain_text("cannot be done")
    page.keyboard.press("r")
    expect(row(page, 4)).to_contain_text("being read by local")


def test_a_study_that_could_not_be_read_is_on_the_list_with_its_reason(filled: Scene, page: Page) -> None:
    opened(page)
    failed = row(page, 5)
    expect(failed).to_contain_text("could not be read")
    expect(failed).to_contain_text("missing slices: expected 300 slices")
    expect(failed.locator(".c-lungs")).to_have_text("–")
    below = order(page)
    assert below.index("1.2.826.0.1.5") < below.index("1.2.826.0.1.1"), "never below what is not flagged"


def test_hostile_names_run_nothing_and_are_shown_as_they_are(filled: Scene, page: Page) -> None:
    dialogs: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", dismiss)
    filled.arrive(11, minutes=25, name="\"><script>alert(1)</script>^';alert(2)//")
    opened(page)
    expect(row(page, 11).locator(".person")).to_have_text("\"><script>alert(1)</script>, ';alert(2)//")
    filled.arrive(12, minutes=26, name="<img/src/onerror>^{{7*7}}")  # this one comes by the live way
    expect(row(page, 12).locator(".person")).to_have_text("<img/src/onerror>, {{7*7}}")
    assert page.locator(f"{ROWS} img, {ROWS} script, {ROWS} svg:not(.bar)").count() == 0
    page.goto("/?q=%22%3E%3Cimg%20src%3Dx%20onerror%3Dalert(4)%3E")
    page.goto("/studies/1.2.826.0.1.11")
    expect(page.locator("h1")).to_be_visible()
    assert dialogs == []


def test_at_200_percent_everything_is_there_without_scrolling_sideways(filled: Scene, page: Page) -> None:
    page.set_viewport_size({"width": 700, "height": 450})  # 1400 x 900 at 200 %
    opened(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    expect(row(page, 2)).to_contain_text("≈31 %")
    expect(row(page, 2).get_by_role("button", name="Reading")).to_be_visible()


def _yellow(page: Page) -> int:
    """Return how many pixels of the slice have the colour of the contour."""
    found: int = page.evaluate(
        """() => { const canvas = document.querySelector('[data-pane=axial] canvas');
          const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
          let found = 0;
          for (let at = 0; at < pixels.length; at += 4) if (pixels[at] > 200 && pixels[at + 2] < 40) found += 1;
          return found; }"""
    )
    return found


def test_slices_are_scrolled_by_wheel_and_keys_with_the_contour_on_and_off(
    scene: Scene, page: Page, tmp_path: Path
) -> None:
    uid = sliced(scene, 3, tmp_path / "files")
    largest = int(ct_study().source_masks["lesion"][::-1].sum(axis=(1, 2)).argmax())
    page.goto(f"/studies/{uid}")
    canvas, words = page.locator("[data-pane=axial] canvas"), page.locator(".viewer output")
    expect(canvas).to_have_attribute("data-shown", str(largest))
    expect(words).to_contain_text(f"Slice {largest + 1} of {SHAPE[0]}")
    expect(words).to_contain_text("table position")
    assert _yellow(page) > 20
    page.get_by_role("button", name="Contour").click()
    page.wait_for_function("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")
    assert _yellow(page) == 0
    page.keyboard.press("ArrowDown")
    expect(canvas).to_have_attribute("data-shown", str(largest + 1))
    page.keyboard.press("Home")
    expect(canvas).to_have_attribute("data-shown", "0")
    canvas.hover()
    page.mouse.wheel(0, 120)
    expect(canvas).to_have_attribute("data-shown", "1")


def test_the_page_of_a_study_follows_the_list_without_losing_the_slice(
    scene: Scene, page: Page, tmp_path: Path
) -> None:
    uid = sliced(scene, 3, tmp_path / "files")
    with page.expect_response("**/events"):
        page.goto(f"/studies/{uid}")
    canvas = page.locator("[data-pane=axial] canvas")
    expect(canvas).to_have_attribute("data-shown", "20")
    page.keyboard.press("End")
    page.get_by_role("button", name="Pin").click()
    expect(page.locator(".history")).to_contain_text("local pinned it to the top")
    expect(canvas).to_have_attribute("data-shown", str(SHAPE[0] - 1))
    expect(page.locator("#news")).to_contain_text("Changed")
