"""Light and dark: chosen by the system or the person, without a flash, dark enough for a reading room, and readable.

axe-core judges every page in both, by WCAG 2.2 AA and its own best practices.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image, ImageStat
from playwright.sync_api import Browser, Page, expect

from tests.browser.looking import opened
from tests.browser.serving import served
from tests.web.quality_scenes import shadowed, watched
from tests.web.scene import Scene
from tests.web.sliced import sliced
from tests.web.visiting import ACCOUNTS, ADMINISTRATOR, PASSWORD
from triaged.store.listing.verdicts import Verdicts
from triaged.study.read_state import ActionKind
from triaged.study.verdict import Verdict

Colours = Literal["light", "dark"]
DARKEST_ROOM = 40.0
"""Mean grey, of 255, of what may shine at a radiologist from the list in a dark room."""
SIZES = ((1920, 1080), (1280, 800), (390, 844))


def _findings(page: Page) -> str:
    """Return what axe-core finds wrong on a page, with where; empty where nothing is."""
    found = Axe().run(page).response["violations"]
    wrong = [(each["id"], node) for each in found for node in each["nodes"]]
    return "\n".join(f"{rule}: {node['html'][:200]} {node['any'][:1]}" for rule, node in wrong)


def _mean_grey(page: Page) -> float:
    return float(ImageStat.Stat(Image.open(io.BytesIO(page.screenshot())).convert("L")).mean[0])


def _paper(page: Page) -> str:
    found: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return found


@pytest.fixture
def people(chromium: Browser, filled: Scene) -> Iterator[Page]:
    """A page of a list that asks who one is, before anybody signed in."""
    filled.accounts.add(ADMINISTRATOR, PASSWORD, now=filled.now)
    with served(filled.app(access=ACCOUNTS)) as where:
        context = chromium.new_context(base_url=where)
        yield context.new_page()
        context.close()


def _sign_in(page: Page) -> None:
    page.get_by_label("Name").fill(ADMINISTRATOR.name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/?class=A&state=TRIAGED",
        "/?show=done",
        "/status",
        "/admin",
        "/admin/times",
        "/admin/shadow",
        "/admin/watch",
        "/nothing",
    ],
)
def test_axe_finds_nothing_wrong(filled: Scene, page: Page, path: str, colours: Colours) -> None:
    page.emulate_media(color_scheme=colours)
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        page.goto(path)
        assert _findings(page) == ""


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_finds_nothing_wrong_with_a_study(scene: Scene, page: Page, tmp_path: Path, colours: Colours) -> None:
    page.emulate_media(color_scheme=colours)
    page.goto(f"/studies/{sliced(scene, 1, tmp_path / 'files')}")
    page.wait_for_load_state("networkidle")
    assert _findings(page) == ""


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_finds_nothing_wrong_with_verdicts_and_figures(filled: Scene, page: Page, colours: Colours) -> None:
    uid = "1.2.826.0.1.4"
    Verdicts(filled.database).say(uid, Verdict.TOO_HIGH, "local", note="motion", revision=None, now=filled.now)
    for kind in (ActionKind.READING, ActionKind.DONE):
        filled.readers.act(uid, kind, "local", now=filled.now)
    page.emulate_media(color_scheme=colours)
    page.goto("/figures")
    expect(page.locator("#earned tbody tr")).to_have_count(1)
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        assert _findings(page) == ""
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.goto(f"/studies/{uid}")
    expect(page.locator("#verdict .words")).to_contain_text("motion")
    assert Axe().run(page, "#verdict").response["violations"] == []


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize(("fill", "path", "plots"), [(shadowed, "/admin/shadow", 1), (watched, "/admin/watch", 3)])
def test_axe_finds_nothing_wrong_with_plots(
    scene: Scene, page: Page, colours: Colours, fill: Callable[[Scene], Scene], path: str, plots: int
) -> None:
    fill(scene)
    page.emulate_media(color_scheme=colours)
    page.goto(path)
    expect(page.locator("svg.plot")).to_have_count(plots)
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        assert _findings(page) == ""
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_finds_nothing_wrong_with_signing_in_and_the_people(people: Page, colours: Colours) -> None:
    people.emulate_media(color_scheme=colours)
    people.goto("/people")
    assert _findings(people) == ""
    _sign_in(people)
    people.wait_for_url("**/people")
    assert _findings(people) == ""


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_finds_nothing_wrong_with_the_help(filled: Scene, page: Page, colours: Colours) -> None:
    page.emulate_media(color_scheme=colours)
    opened(page)
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    assert _findings(page) == ""


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_dark_list_leaves_the_room_dark(filled: Scene, page: Page, width: int, height: int) -> None:
    for number in range(11, 41):
        filled.scored(number, minutes=number, right=(number * 7 % 90) / 100, left=(number * 3 % 60) / 100, p=0.9)
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme="dark")
    opened(page)
    assert _mean_grey(page) < DARKEST_ROOM
    page.emulate_media(color_scheme="light")
    assert _mean_grey(page) > 4 * DARKEST_ROOM


def test_what_a_person_chose_holds_at_once_and_from_the_first_byte_of_the_next_page(filled: Scene, page: Page) -> None:
    page.emulate_media(color_scheme="light")
    opened(page)
    light = _paper(page)
    with page.expect_response("**/preferences"):
        page.get_by_label("Colours").select_option("dark")
    dark = _paper(page)
    assert dark != light
    answer = page.request.get("/status").text()
    assert '<html lang="en" data-theme="dark">' in answer
    assert '<meta name="color-scheme" content="dark">' in answer
    page.goto("/status")
    assert _paper(page) == dark
    with page.expect_response("**/preferences"):
        page.get_by_label("Colours").select_option("system")
    assert _paper(page) == light
    page.emulate_media(color_scheme="dark")
    assert _paper(page) == dark


def test_without_scripts_a_person_chooses_too_and_stays_on_the_page(chromium: Browser, address: str) -> None:
    context = chromium.new_context(base_url=address, java_script_enabled=False, color_scheme="light")
    page = context.new_page()
    page.goto("/status?x=1")
    page.get_by_label("Colours").select_option("dark")
    page.get_by_role("button", name="Set").click()
    page.wait_for_url("**/status?x=1")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    context.close()


def test_a_room_for_reading_is_dark_unless_a_person_wants_it_light(filled: Scene, page: Page) -> None:
    page.emulate_media(color_scheme="light")
    opened(page)
    light = _paper(page)
    page.evaluate("document.body.dataset.room = 'reading'")
    assert _paper(page) != light
    page.evaluate("document.documentElement.dataset.theme = 'light'")
    assert _paper(page) == light
