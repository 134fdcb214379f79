"""The reading screen: what the images show, against the analytic chest, and what wheel, keys, mouse and fingers do."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect
from pydicom import Dataset

from tests.results.ct_study import SHAPE, SPACING_MM, ct_study
from tests.web.scene import Scene
from tests.web.sliced import radiographed, sliced

SIZES = ((1920, 1080), (1280, 800), (800, 600))
WINDOWS = {"1": (-1350.0, 150.0), "2": (-160.0, 240.0), "3": (-500.0, 1300.0)}
LARGEST = 20
AXIAL = "[data-pane=axial] canvas"


@pytest.fixture
def study(scene: Scene, page: Page, tmp_path: Path) -> str:
    """The address of the analytic study, whose page is open."""
    where = f"/studies/{sliced(scene, 1, tmp_path / 'files')}"
    _open(page, where)
    return where


def _open(page: Page, where: str) -> None:
    page.goto(where)
    _shows(page, LARGEST)


def _shows(page: Page, index: int, pane: str = "axial") -> None:
    expect(page.locator(f"[data-pane={pane}] canvas")).to_have_attribute("data-shown", str(index))
    _painted(page)


def _painted(page: Page) -> None:
    """Wait until the browser has drawn what was asked for before."""
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def _seen(page: Page, pane: str = "axial") -> NDArray[np.uint8]:
    """Return the pixels of a canvas."""
    address: str = page.locator(f"[data-pane={pane}] canvas").evaluate("canvas => canvas.toDataURL('image/png')")
    picture = Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))
    return np.asarray(picture.convert("RGB"))


def _centres(shape: tuple[int, ...], size: tuple[int, ...], mm: tuple[float, ...]) -> Any:
    """Return the canvas pixel of the middle of each image pixel, the image being as large as fits, in the middle."""
    (rows, columns), (row_mm, column_mm) = size, mm
    height, width = shape[:2]
    per_mm = min(width / (columns * column_mm), height / (rows * row_mm))
    x = width / 2 + (np.arange(columns) + 0.5 - columns / 2) * column_mm * per_mm
    y = height / 2 + (np.arange(rows) + 0.5 - rows / 2) * row_mm * per_mm
    return np.ix_(y.astype(int), x.astype(int))


def _hu() -> NDArray[np.float64]:
    """Return the analytic chest from head to feet."""
    return ct_study().volume.voxels[::-1].astype(np.float64)


def _in_window(hu: NDArray[np.float64], key: str) -> NDArray[np.float64]:
    lower, upper = WINDOWS[key]
    return np.clip((hu - lower) / (upper - lower), 0, 1) * 255.0


def _flat(hu: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which pixels have neighbours of the same value: there no smoothing changes what is drawn."""
    padded = np.pad(hu, 1, mode="edge")
    rows, columns = hu.shape
    around = [padded[dy : dy + rows, dx : dx + columns] for dy in range(3) for dx in range(3)]
    return np.asarray(np.logical_and.reduce([each == hu for each in around]))


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_every_window_shows_the_greys_that_it_should(study: str, page: Page, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})
    _open(page, study)
    page.keyboard.press("c")
    hu = _hu()[LARGEST]
    for key in WINDOWS:
        page.keyboard.press(key)
        _painted(page)
        canvas = _seen(page)
        assert min(canvas.shape[:2]) > (250 if width == 800 else 500), "the image has most of the screen"
        drawn = canvas[_centres(canvas.shape, SHAPE[1:], SPACING_MM[1:])]
        where = _flat(hu) & (np.indices(hu.shape)[0] > 6)  # the corners have words over them, not in them
        np.testing.assert_allclose(drawn[where].mean(axis=1), _in_window(hu, key)[where], atol=1.0)
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight"), "nothing of the room is out of sight"


def test_the_contour_runs_along_the_edge_of_the_mask_and_the_fill_lies_on_it(study: str, page: Page) -> None:
    mask = ct_study().source_masks["lesion"][::-1][LARGEST]
    plain = _seen(page)
    yellow = (plain[..., 0] > 200) & (plain[..., 2] < 60)
    places = _centres(plain.shape, SHAPE[1:], SPACING_MM[1:])
    assert yellow.sum() > 100
    assert not yellow[places].any(), "the line runs between pixels"
    per_pixel = np.diff(places[0].ravel()).mean() / 2
    inside = np.zeros(yellow.shape, bool)
    for row, column in zip(*np.nonzero(mask), strict=True):
        y, x = places[0].ravel()[row], places[1].ravel()[column]
        half_x = np.diff(places[1].ravel()).mean() / 2
        inside[int(y - per_pixel) - 1 : int(y + per_pixel) + 3, int(x - half_x) - 1 : int(x + half_x) + 3] = True
    assert not (yellow & ~inside).any(), "no line away from the mask"
    page.keyboard.press("c")
    page.keyboard.press("f")
    _painted(page)
    drawn = _seen(page)[places].astype(int)
    tinted = drawn[..., 0] - drawn[..., 2] > 30
    np.testing.assert_array_equal(tinted, mask)


def test_one_notch_of_the_wheel_is_one_slice_and_the_page_stays(study: str, page: Page) -> None:
    page.locator(AXIAL).hover()
    for count, delta in enumerate((100, 120, 120, 53), start=1):
        page.mouse.wheel(0, delta)
        _shows(page, LARGEST + count)
    page.mouse.wheel(0, -120)
    _shows(page, LARGEST + 3)
    for _ in range(4):
        page.mouse.wheel(0, 9)  # as a touch pad does
    _shows(page, LARGEST + 4)
    assert page.evaluate("[scrollX, scrollY].join()") == "0,0"


def test_arrows_and_page_keys_scroll_at_once_wherever_the_focus_is(study: str, page: Page) -> None:
    expected = LARGEST
    for key, step in (("ArrowDown", 1), ("ArrowRight", 1), ("ArrowUp", -1), ("PageUp", -10), ("PageDown", 10)):
        page.keyboard.press(key)
        expected += step
        _shows(page, expected)
    page.keyboard.press("End")
    _shows(page, SHAPE[0] - 1)
    page.keyboard.press("Home")
    _shows(page, 0)
    page.get_by_role("button", name="Contour").click()
    page.keyboard.press("ArrowDown")
    _shows(page, 1)
    assert page.evaluate("[scrollX, scrollY].join()") == "0,0"


def test_a_drag_scrolls_and_the_right_button_changes_the_window(study: str, page: Page) -> None:
    box = page.locator(AXIAL).bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y - 14 * 3 - 1, steps=5)
    page.mouse.up()
    _shows(page, LARGEST - 3)
    page.mouse.move(x, y)
    page.mouse.down(button="right")
    page.mouse.move(x + 40, y + 20, steps=3)
    page.mouse.up(button="right")
    expect(page.locator(".says-window")).to_contain_text("C -525 W 1650")
    _shows(page, LARGEST - 3)


def test_one_finger_scrolls_two_enlarge_and_the_page_stays(
    scene: Scene, chromium: Browser, address: str, tmp_path: Path
) -> None:
    where = f"/studies/{sliced(scene, 1, tmp_path / 'files')}"
    context = chromium.new_context(base_url=address, viewport={"width": 800, "height": 600}, has_touch=True)
    page = context.new_page()
    _open(page, where)
    box = page.locator(AXIAL).bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    touch = context.new_cdp_session(page)

    def send(kind: str, *points: tuple[float, float]) -> None:
        fingers = [{"x": px, "y": py, "id": index} for index, (px, py) in enumerate(points)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})

    pixels = min(14.0, max(3.0, box["height"] / SHAPE[0]))
    send("touchStart", (x, y))
    send("touchMove", (x, y + 2 * pixels))
    send("touchMove", (x, y + 4 * pixels + 1))
    _shows(page, LARGEST + 4)
    send("touchEnd")
    send("touchStart", (x - 20, y), (x + 20, y))
    send("touchMove", (x - 40, y), (x + 40, y))
    send("touchEnd")
    expect(page.locator(".says-window")).to_contain_text("zoom 2.0")
    _shows(page, LARGEST + 4)
    assert page.evaluate("[scrollX, scrollY].join()") == "0,0"
    context.close()


def test_coronal_and_sagittal_go_through_the_point_and_scroll_by_themselves(study: str, page: Page) -> None:
    page.keyboard.press("c")
    page.keyboard.press("t")
    volume = _hu()
    tiles = "performance.getEntriesByType('resource').filter(each => each.name.endsWith('/tile'))"
    page.wait_for_function(f"() => {tiles}.length >= {SHAPE[0]}")
    lesion = ct_study().source_masks["lesion"][::-1][LARGEST]
    rows, columns = np.nonzero(lesion)
    row, column = int(rows.mean() + 0.5), int(columns.mean() + 0.5)
    coronal = "coronal", volume[:, row], SPACING_MM[2]
    sagittal = "sagittal", volume[:, :, column], SPACING_MM[1]
    for pane, plane, mm in (coronal, sagittal):
        _painted(page)
        canvas = _seen(page, pane)
        drawn = canvas[_centres(canvas.shape, plane.shape, (SPACING_MM[0], mm))].astype(float)
        grey = np.abs(drawn[..., 0] - drawn[..., 2]) < 2  # the lines of the other planes are coloured
        where = _flat(plane) & grey
        assert where.sum() > 0.3 * where.size
        np.testing.assert_allclose(drawn[where].mean(axis=1), _in_window(plane, "1")[where], atol=1.5)
    page.locator("[data-pane=coronal] canvas").hover()
    before = _seen(page, "sagittal")
    page.mouse.wheel(0, 120)
    _painted(page)
    assert (before != _seen(page, "sagittal")).any(), "the line of the coronal plane has moved"


def test_a_point_on_the_coronal_view_opens_its_slice(study: str, page: Page) -> None:
    page.keyboard.press("t")
    page.keyboard.press("x")
    canvas = page.locator("[data-pane=coronal] canvas")
    box = canvas.bounding_box()
    assert box is not None
    wanted = 7
    place = _centres((int(box["height"]), int(box["width"])), (SHAPE[0], SHAPE[2]), (SPACING_MM[0], SPACING_MM[2]))
    canvas.click(position={"x": float(place[1].ravel()[30]), "y": float(place[0].ravel()[wanted])})
    _shows(page, wanted)


def _drag(page: Page, begin: tuple[int, int], end: tuple[int, int]) -> None:
    """Drag from the middle of one image pixel (row, column) to that of another."""
    box = page.locator(AXIAL).bounding_box()
    assert box is not None
    place = _centres((int(box["height"]), int(box["width"])), SHAPE[1:], SPACING_MM[1:])
    y, x = place[0].ravel(), place[1].ravel()
    page.mouse.move(box["x"] + x[begin[1]], box["y"] + y[begin[0]])
    page.mouse.down()
    page.mouse.move(box["x"] + x[end[1]], box["y"] + y[end[0]], steps=4)
    page.mouse.up()


def _measured(page: Page) -> list[str]:
    """Return what measures say on the canvas: the texts that were drawn last."""
    found: list[str] = page.evaluate("window.written")
    return found


def test_distance_and_hu_are_measured(scene: Scene, page: Page, tmp_path: Path) -> None:
    page.add_init_script(
        """window.written = []; const fill = CanvasRenderingContext2D.prototype.fillText;
        CanvasRenderingContext2D.prototype.fillText = function (text, ...more) {
          window.written.push(text); return fill.call(this, text, ...more); };"""
    )
    _open(page, f"/studies/{sliced(scene, 1, tmp_path / 'files')}")
    page.keyboard.press("g")
    _drag(page, (30, 20), (30, 60))
    _painted(page)
    millimetres = float(_measured(page)[-1].removesuffix(" mm"))
    assert millimetres == pytest.approx(40 * SPACING_MM[2], abs=SPACING_MM[2] / 4)
    mask = ct_study().source_masks["lesion"][::-1][LARGEST]
    row, column = (int(each.mean()) for each in np.nonzero(mask))
    page.keyboard.press("y")
    _drag(page, (row, column), (row, column))
    _painted(page)
    assert _measured(page)[-1] == "-500 HU"
    _drag(page, (row, column), (row, column + 4))
    _painted(page)
    assert _measured(page)[-1].startswith("mean -500 ± 0 HU")
    page.evaluate("window.written = []")
    for _ in range(3):
        page.get_by_role("button", name="Undo measure").click()
    _painted(page)
    page.evaluate("window.written = []")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    _shows(page, LARGEST)
    assert _measured(page) == []


def test_cine_runs_to_the_next_slices_and_stops(study: str, page: Page) -> None:
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="Cine")).to_have_attribute("aria-pressed", "true")
    page.wait_for_function(f"index => Number(document.querySelector('{AXIAL}').dataset.shown) !== index", arg=LARGEST)
    page.keyboard.press(" ")
    expect(page.get_by_role("button", name="Cine")).to_have_attribute("aria-pressed", "false")


def test_every_button_has_its_key_in_the_help(study: str, page: Page) -> None:
    page.keyboard.press("?")
    help_ = page.locator("#reading-help")
    expect(help_).to_be_visible()
    keys = help_.locator("kbd").all_text_contents()
    shortcuts: list[str] = page.eval_on_selector_all(
        "[data-command]", "buttons => buttons.map(button => button.getAttribute('aria-keyshortcuts'))"
    )
    assert len(shortcuts) == len(set(shortcuts)) > 15
    assert set(shortcuts) <= set(keys)


def test_a_study_that_vanishes_while_it_is_open_says_so(study: str, page: Page, scene: Scene) -> None:
    page.route("**/studies/**", lambda route: route.fulfill(status=404, body="gone"))
    scene.arrive(9, minutes=6)
    expect(page.locator("#news")).to_contain_text("no longer on the list")


def test_a_browser_that_cannot_draw_says_why(scene: Scene, page: Page, tmp_path: Path) -> None:
    page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    page.goto(f"/studies/{sliced(scene, 1, tmp_path / 'files')}")
    expect(page.locator(".viewer output")).to_contain_text("this browser cannot draw")


def test_a_slice_that_cannot_be_fetched_says_why_and_the_next_is_shown(study: str, page: Page) -> None:
    page.route("**/slices/29/tile", lambda route: route.fulfill(status=404, json={"detail": "the file is damaged"}))
    page.reload()
    _shows(page, LARGEST)
    page.keyboard.press("End")
    expect(page.locator(".viewer output")).to_contain_text("the file is damaged")
    page.keyboard.press("ArrowUp")
    _shows(page, SHAPE[0] - 2)


def test_a_study_that_is_scored_again_while_it_is_open_says_so_and_shows_the_new_outlines(
    study: str, page: Page, scene: Scene
) -> None:
    page.keyboard.press("ArrowDown")
    _shows(page, LARGEST + 1)
    with page.expect_response("**/slices"):
        scene.again(1, minutes=6, right=0.5, left=0.1, p=0.9)  # without a segmentation
    expect(page.locator("#news")).to_contain_text("new result")
    expect(page.locator(".affected-slices")).to_contain_text("not segmented")
    _shows(page, LARGEST + 1)


def test_an_earlier_study_lies_beside_by_the_height_in_the_lungs(scene: Scene, page: Page, tmp_path: Path) -> None:
    """The patient lay half a metre further down on the table then."""

    def moved(header: Dataset) -> None:
        x, y, z = header.ImagePositionPatient
        header.ImagePositionPatient = [x, y, z - 500.0]

    then = sliced(scene, 1, tmp_path / "then", patient_id="P", date="20260220", study=ct_study(change=moved))
    where = f"/studies/{sliced(scene, 2, tmp_path / 'now', minutes=3, patient_id='P')}"
    events: list[tuple[str, str]] = []
    page.on("request", lambda request: events.append(("asked", request.url)))
    page.on("requestfinished", lambda request: events.append(("came", request.url)))
    _open(page, where)
    pane = page.locator("[data-pane=earlier]")
    expect(pane).to_contain_text("2026-02-20")
    expect(pane).to_contain_text("right lung 31 %")
    expect(page.get_by_role("link", name="2026-02-20")).to_have_attribute("href", f"/studies/{then}")
    for key, index in (("c", LARGEST), ("ArrowDown", LARGEST + 1), ("PageUp", LARGEST - 9)):
        page.keyboard.press(key)
        _shows(page, index)
        _shows(page, index, "earlier")
        expect(pane).to_contain_text("same height in the lungs")
    hu = _hu()[LARGEST - 9]
    canvas = _seen(page, "earlier")
    drawn = canvas[_centres(canvas.shape, SHAPE[1:], SPACING_MM[1:])].mean(axis=2)
    np.testing.assert_allclose(drawn[_flat(hu)], _in_window(hu, "1")[_flat(hu)], atol=1.0)
    before = events[: next(at for at, (what, url) in enumerate(events) if url.endswith(f"{then}/slices"))]
    assert any(what == "came" and where in url and url.endswith("/tile") for what, url in before)
    page.keyboard.press("b")
    expect(pane).to_be_hidden()


def test_on_a_phone_what_was_found_stands_above_the_images(study: str, page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(study)
    _shows(page, LARGEST)
    tops = [page.locator(one).bounding_box() for one in ("h1", ".offers.all", ".viewer", ".sights")]
    assert [box["y"] for box in tops if box] == sorted(box["y"] for box in tops if box)
    assert None not in tops
    heading = tops[0]
    assert heading is not None
    assert heading["y"] + heading["height"] < 844 / 2


def test_of_a_study_of_2000_slices_the_browser_keeps_what_memory_allows_and_says_so(study: str, page: Page) -> None:
    def huge(route: Route) -> None:
        said = route.fetch().json()
        route.fulfill(json=said | {"slices": said["slices"][:1] * 2000, "rows": 1024, "columns": 1024, "regions": []})

    page.route("**/slices", huge)
    page.goto(study)
    expect(page.locator(".affected-slices")).to_contain_text("This browser keeps 192 of 2000 slices at a time.")
    kept: list[int] = page.evaluate(
        """async () => {
          const { Stack } = await import("/static/reading/stack.js");
          const size = 1024 * 1024 * 2;
          window.fetch = async () => ({ ok: true, arrayBuffer: async () => new ArrayBuffer(size) });
          const list = { rows: 1024, columns: 1024, regions: [], slices: Array(2000).fill({}) };
          const stack = new Stack("/x", list, () => {});
          for (let index = 0; index < 2000; index += 40) {
            stack.want(index, 1);
            while (stack.loading.size > 0) await new Promise((done) => setTimeout(done));
          }
          return [stack.kept.size * size, Number(stack.kept.has(1960)), Number(stack.kept.has(0))];
        }"""
    )
    assert kept[0] <= 384 * 2**20
    assert kept[1:] == [1, 0]


def test_an_x_ray_that_is_enlarged_shows_the_pixels_that_were_sent(scene: Scene, page: Page, tmp_path: Path) -> None:
    page.goto(f"/studies/{radiographed(scene, 1, tmp_path, 2600, 2200)}")
    _shows(page, 0)
    before = _stripes(page)  # each of the canvas's columns shows several columns, which are nearly one grey together
    page.locator(AXIAL).hover()
    page.keyboard.down("Control")
    for _ in range(3):
        page.mouse.wheel(0, -120)
    page.keyboard.up("Control")
    while _stripes(page) < 3 * before + 5:  # until the parts have come; the test's own time limit ends it
        page.wait_for_timeout(100)


def _stripes(page: Page) -> float:
    """Return how much neighbouring columns differ in the middle of the image."""
    _painted(page)
    seen = _seen(page).astype(float)[..., 0]
    high, wide = seen.shape
    return float(np.abs(np.diff(seen[high // 3 : high // 2, wide // 3 : wide // 2], axis=1)).mean())
