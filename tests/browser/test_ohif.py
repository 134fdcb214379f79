"""OHIF from our own server, in Chromium: a study opens with its regions on, and nothing that it asks for is refused."""

from __future__ import annotations

import io
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Page

from tests.browser.serving import served
from tests.results.ct_study import SHAPE, SPACING_MM
from tests.web.dicomweb.conftest import open_scene
from tests.web.dicomweb.site import STUDY, chest, publish, receive
from triaged.web.options import ViewerKind

FILES = Path(__file__).parents[2] / "var" / "viewer"
DEADLINE_S = 200
SQUARE_MM = (SPACING_MM[0], SPACING_MM[1], SPACING_MM[1])
_POINTS = r"""() => [...document.querySelectorAll(".svg-layer path, .svg-layer polyline")].flatMap(each =>
    [...(each.getAttribute("d") || each.getAttribute("points") || "").matchAll(/(-?[\d.]+)[ ,]+(-?[\d.]+)/g)]
    .map(found => [Number(found[1]), Number(found[2])]))"""
"""The points of what is drawn over the slice, on the canvas."""
needs_ohif = pytest.mark.skipif(
    not (FILES / "version.txt").exists(), reason="OHIF's files are not here: run deploy/setup viewer"
)


@pytest.fixture(scope="module")
def drawing(chromium: Browser) -> Iterator[Browser]:
    """A Chromium that draws WebGL without a graphics card."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("Chromium is not installed here")
    arguments = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")
    browser = chromium.browser_type.launch(executable_path=program, args=arguments)
    yield browser
    browser.close()


@needs_ohif
@pytest.mark.timeout(600)
def test_a_study_opens_at_the_slice_that_shows_most_with_its_regions_on(
    drawing: Browser, tmp_path: Path, migrated_sqlite: Path
) -> None:
    shutil.copyfile(migrated_sqlite, tmp_path / "triaged.db")
    scene = open_scene(tmp_path)
    study, files = chest()
    receive(scene, files)
    publish(scene, STUDY, study.objects())
    page = drawing.new_page(viewport={"width": 1280, "height": 800})
    problems: list[str] = []
    page.on("response", lambda answer: problems.append(answer.url) if answer.status >= 400 else None)
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    hosts: set[str] = set()
    page.on("request", lambda asked: hosts.add(asked.url.split("/")[2]) if asked.url.startswith("http") else None)
    with served(scene.app(viewer=ViewerKind.OHIF, viewer_path=FILES)) as address:
        page.goto(f"{address}/studies/{STUDY}/viewer")
        lesion = study.source_masks["lesion"].sum(axis=(1, 2))
        number = int(np.argmax(lesion)) + 1
        shown = _coloured(page)
        assert page.get_by_text(f"({SHAPE[0] - number + 1}/{SHAPE[0]})").is_visible()
        for modality, words in (("SEG", "AI lungs and opacity"), ("SR", "AI triage report"), ("KO", "AI key slices")):
            assert page.get_by_text(modality, exact=True).first.is_visible()
            assert page.get_by_text(words).first.is_visible()
        assert hosts == {address.removeprefix("http://")}
        page.close()
    scene.database.close()
    assert problems == []
    regions = (study.source_masks["right"] | study.source_masks["left"])[number - 1]
    assert np.mean(shown == regions) > 0.98


@needs_ohif
@pytest.mark.timeout(600)
def test_the_outlines_of_the_report_lie_around_the_lesion(
    drawing: Browser, tmp_path: Path, migrated_sqlite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.results.ct_study.SPACING_MM", SQUARE_MM)  # of others OHIF draws outlines displaced
    shutil.copyfile(migrated_sqlite, tmp_path / "triaged.db")
    scene = open_scene(tmp_path)
    study, files = chest()
    receive(scene, files)
    publish(scene, STUDY, study.objects())
    page = drawing.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(DEADLINE_S * 1000)
    with served(scene.app(viewer=ViewerKind.OHIF, viewer_path=FILES)) as address:
        page.goto(f"{address}/studies/{STUDY}/viewer")
        _coloured(page)
        page.get_by_text("AI triage report").first.dblclick()
        drawn, number = _outline(page)
        page.close()
    scene.database.close()
    rows, columns = np.nonzero(study.source_masks["lesion"][SHAPE[0] - number])
    around = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
    assert np.abs(drawn - around).max() < 1.5


def _outline(page: Page) -> tuple[NDArray[np.float64], int]:
    """Return the box of the outline that is drawn, in pixels of the slice, and which of the slices that is.

    OHIF draws the first one only once something moves: one slice on, and back.
    """
    page.get_by_text("SR", exact=True).last.wait_for()
    canvas = page.locator(".cornerstone-canvas").first
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        page.wait_for_timeout(2000)
        if (box := canvas.bounding_box()) is None:  # the viewport is exchanged
            continue
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        for notch in (100, -100):
            page.mouse.wheel(0, notch)
            page.wait_for_timeout(2000)
        points = page.evaluate(_POINTS)
        if points:
            across, down = np.array(points).T
            _, rows, columns = SHAPE
            scale = min(box["width"] / columns, box["height"] / rows)
            across = (across - box["width"] / 2) / scale + columns / 2
            down = (down - box["height"] / 2) / scale + rows / 2
            shown = re.search(rf"\((\d+)/{SHAPE[0]}\)", page.inner_text("body"))
            assert shown is not None
            return np.array([across.min(), down.min(), across.max(), down.max()]), int(shown[1])
    raise AssertionError("no outline is drawn")


def _coloured(page: Page) -> NDArray[np.bool_]:
    """Wait until regions are drawn, and tell for the middle of each pixel of the slice whether there is colour."""
    page.wait_for_selector(".cornerstone-canvas", timeout=DEADLINE_S * 1000)
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        found = _colours(page)
        if found.sum() > 100:
            return found
        page.wait_for_timeout(1000)
    raise AssertionError("no regions are drawn")


def _colours(page: Page) -> NDArray[np.bool_]:
    """The slice is fitted into the canvas, by millimetres, in the middle."""
    canvas = page.locator(".cornerstone-canvas").first
    shot = np.asarray(Image.open(io.BytesIO(canvas.screenshot())).convert("RGB")).astype(int)
    high, wide = shot.shape[:2]
    _, rows, columns = SHAPE
    _, row_mm, column_mm = SPACING_MM
    scale = min(wide / (columns * column_mm), high / (rows * row_mm))
    down = np.rint(high / 2 + (np.arange(rows) + 0.5 - rows / 2) * row_mm * scale).astype(int)
    across = np.rint(wide / 2 + (np.arange(columns) + 0.5 - columns / 2) * column_mm * scale).astype(int)
    sampled = shot[np.ix_(down.clip(0, high - 1), across.clip(0, wide - 1))]
    return np.asarray(sampled.max(axis=-1) - sampled.min(axis=-1) > 12)
