"""What the page of a study shows of the lungs: which slices to open, and the lungs from all sides."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from playwright.sync_api import Page, expect

from tests.results.ct_study import SHAPE, SPACING_MM, ct_study
from tests.web.scene import Scene
from tests.web.sliced import sliced


def _lesions() -> list[int]:
    """Return the voxels of lesion on each slice, from head to feet."""
    counts: list[int] = ct_study().source_masks["lesion"].sum(axis=(1, 2))[::-1].tolist()
    return counts


def _opened(scene: Scene, page: Page, folder: Path) -> None:
    page.goto(f"/studies/{sliced(scene, 1, folder / 'files')}")
    expect(page.locator(".viewer canvas[data-shown]")).to_be_visible()


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


def test_the_page_says_which_slices_are_affected(scene: Scene, page: Page, tmp_path: Path) -> None:
    _opened(scene, page, tmp_path)
    area = np.array(_lesions()) * SPACING_MM[1] * SPACING_MM[2]
    first, last = np.flatnonzero(area >= 200.0)[[0, -1]] + 1
    words = f"slices {first}\u2013{last} of {SHAPE[0]}, most on {area.argmax() + 1}"
    expect(page.locator(".affected-slices")).to_have_text(f"Affected: {words}, from the head.")
