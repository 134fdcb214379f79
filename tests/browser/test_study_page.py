"""What the page of a study shows of the lungs: which slices to open, and the lungs from all sides."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, Route, expect

from tests.results.ct_study import SHAPE, SPACING_MM, ct_study
from tests.web.scene import Scene
from tests.web.sliced import grey_of, keep_views, sliced


def _lesions() -> list[int]:
    """Return the voxels of lesion on each slice, from head to feet."""
    counts: list[int] = ct_study().source_masks["lesion"].sum(axis=(1, 2))[::-1].tolist()
    return counts


def _opened(scene: Scene, page: Page, folder: Path) -> None:
    page.goto(f"/studies/{sliced(scene, 1, folder / 'files')}")
    expect(page.locator("[data-pane=axial] canvas[data-shown]")).to_be_visible()


def test_pictures_wait_for_the_first_slice_which_is_asked_for_before_the_scripts(
    scene: Scene, page: Page, tmp_path: Path
) -> None:
    def slowly(route: Route) -> None:
        time.sleep(0.5)
        route.continue_()

    page.route("**/first/tile", slowly)
    _opened(scene, page, tmp_path)
    expect(page.locator(".pictures img").first).to_have_js_property("complete", True)
    page.wait_for_function("() => document.querySelector('.pictures img').naturalWidth > 0")
    asked = "pattern => performance.getEntriesByType('resource').filter(one => one.name.match(pattern))"
    [tile] = page.evaluate(
        f"({asked})('/tile$').filter(one => one.name.endsWith('first/tile')).map(one => one.toJSON())"
    )
    pictures = page.evaluate(f"({asked})('/pictures/').map(one => one.startTime)")
    scripts = page.evaluate(f"({asked})('js$').map(one => one.startTime)")
    assert max(tile["startTime"] - each for each in scripts) <= 0
    assert pictures
    assert min(pictures) >= tile["responseEnd"]


def test_where_the_images_cannot_be_opened_the_pictures_come_all_the_same(
    scene: Scene, page: Page, tmp_path: Path
) -> None:
    uid = sliced(scene, 1, tmp_path / "files")
    for one in scene.studies.instances(uid):
        scene.spool.absolute(one.path).unlink()
    page.goto(f"/studies/{uid}")
    expect(page.locator(".viewer output")).to_contain_text("The images cannot be shown")
    page.locator(".pictures img").first.scroll_into_view_if_needed()
    page.wait_for_function("() => document.querySelector('.pictures img').naturalWidth > 0")


def test_a_click_on_the_strip_opens_that_slice(scene: Scene, page: Page, tmp_path: Path) -> None:
    _opened(scene, page, tmp_path)
    strip = page.get_by_role("slider", name="Affected share of each slice")
    bars = strip.locator("canvas")
    box = bars.bounding_box()
    assert box is not None
    wanted = 7
    bars.click(position={"x": 5.0, "y": box["height"] * (wanted + 0.5) / SHAPE[0]})
    expect(page.locator(".viewer output")).to_contain_text(f"Slice {wanted + 1} of {SHAPE[0]}")
    expect(strip).to_have_attribute("aria-valuenow", str(wanted + 1))


def test_the_strip_is_worked_by_keys_and_says_where_it_is(scene: Scene, page: Page, tmp_path: Path) -> None:
    _opened(scene, page, tmp_path)
    strip = page.get_by_role("slider", name="Affected share of each slice")
    strip.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".viewer output")).to_contain_text(f"Slice 2 of {SHAPE[0]}")
    assert strip.get_attribute("aria-valuetext") == page.locator(".viewer output").text_content()


def test_bars_are_where_the_lesion_is(scene: Scene, page: Page, tmp_path: Path) -> None:
    _opened(scene, page, tmp_path)
    reddish = """canvas => {
      const { data, width, height } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return Array.from({ length: height }, (_, row) =>
        data[4 * width * row] > 150 && data[4 * width * row + 1] < 100);
    }"""
    coloured: list[bool] = page.locator(".strip canvas").evaluate(reddish)
    assert coloured == [count > 0 for count in _lesions()]


def test_bars_are_pale_where_too_little_is_affected_to_count(scene: Scene, page: Page, tmp_path: Path) -> None:
    """At the apex a few pixels are all the lung that a slice has: a long bar of full colour would lead there."""
    slices: dict[str, object] = {"lesion": 0, "share": 0.0, "position_mm": 0.0, "number": None}
    slices |= {"is_affected": False, "is_key": False}

    def little_at_the_apex(route: Route) -> None:
        said = route.fetch().json()
        few: dict[str, object] = {"lesion": 9, "share": 1.0}
        many = few | {"lesion": 900, "is_affected": True}
        said["slices"] = [slices | few, slices | many, *[slices] * (SHAPE[0] - 2)]
        route.fulfill(json=said)

    page.route("**/slices", little_at_the_apex)
    _opened(scene, page, tmp_path)
    middle = """canvas => [0, 1, 2].map(row =>
      Array.from(canvas.getContext("2d").getImageData(canvas.width / 2, row, 1, 1).data.slice(0, 3)))"""
    few, many, none = page.locator(".strip canvas").evaluate(middle)
    assert few[1] > many[1] + 60
    assert few[0] > few[2] + 40
    assert abs(none[0] - none[2]) < 20


def test_a_single_image_has_no_strip(scene: Scene, page: Page, tmp_path: Path) -> None:
    def only_one(route: Route) -> None:
        said = route.fetch().json()
        route.fulfill(json=said | {"slices": said["slices"][:1]})

    page.route("**/slices", only_one)
    _opened(scene, page, tmp_path)
    expect(page.locator(".strip")).to_be_hidden()


def test_the_page_says_which_slices_are_affected(scene: Scene, page: Page, tmp_path: Path) -> None:
    _opened(scene, page, tmp_path)
    area = np.array(_lesions()) * SPACING_MM[1] * SPACING_MM[2]
    first, last = np.flatnonzero(area >= 200.0)[[0, -1]] + 1
    words = f"slices {first}\u2013{last} of {SHAPE[0]}, most on {area.argmax() + 1}"
    expect(page.locator(".affected-slices")).to_have_text(f"Affected: {words}, from the head.")


@pytest.fixture
def turned(scene: Scene, tmp_path: Path) -> str:
    """Where the page is of a study whose lungs have been drawn: each view is of another grey."""
    uid = sliced(scene, 1, tmp_path / "files")
    keep_views(scene, uid, 36)
    return f"/studies/{uid}"


def _grey(page: Page) -> int:
    found: int = page.locator(".turning canvas").evaluate(
        "canvas => canvas.getContext('2d').getImageData(2, 2, 1, 1).data[0]"
    )
    return found


def _shows(page: Page, index: int) -> None:
    page.wait_for_function("index => document.querySelector('.turning canvas')?.shown === index", arg=index)
    assert _grey(page) == grey_of(index)


def test_the_lungs_are_turned_by_keys(page: Page, turned: str) -> None:
    page.goto(turned)
    _shows(page, 0)
    page.get_by_role("slider", name="Turn the lungs").focus()
    page.keyboard.press("ArrowRight")
    _shows(page, 1)
    page.keyboard.press("End")
    _shows(page, 35)


def test_the_lungs_are_turned_by_dragging_round_and_round(page: Page, turned: str) -> None:
    page.goto(turned)
    _shows(page, 0)
    canvas = page.locator(".turning canvas")
    canvas.hover(position={"x": 40, "y": 20})  # waits until what is above has its height
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.down()
    page.mouse.move(box["x"] + 40 + 8, box["y"] + 20)
    _shows(page, 35)
    page.mouse.move(box["x"] + 40 - 16, box["y"] + 20)
    page.mouse.up()
    _shows(page, 2)
    expect(page.get_by_role("slider", name="Turn the lungs")).to_have_value("20")


def test_views_that_are_drawn_later_appear_and_news_do_not_turn_them_back(
    scene: Scene, page: Page, tmp_path: Path
) -> None:
    uid = sliced(scene, 1, tmp_path / "files")
    with page.expect_response("**/events"):
        page.goto(f"/studies/{uid}")
    expect(page.locator(".turning")).to_have_count(0)
    keep_views(scene, uid, 36)
    scene.arrive(8, minutes=5)
    _shows(page, 0)
    page.get_by_role("slider", name="Turn the lungs").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    _shows(page, 2)
    page.evaluate("document.activeElement.blur()")
    with page.expect_response("**/studies/**"):
        scene.arrive(9, minutes=6)
    expect(page.locator("dt:text-is('Position') + dd")).to_contain_text("of 3")
    _shows(page, 2)
