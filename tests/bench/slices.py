"""How fast slices are there: `-m tests.bench.slices ADDRESS[,ADDRESS] STUDY_INSTANCE_UID [REPEATS]`, from a daemon.

With a real Chromium that draws without a graphics processor, as reading rooms over a remote desktop do. Times are the
browser's own: from the moment the page is asked for until the first slice is drawn, in a browser that was never here,
and again as a reader comes from another page; then slices per second as the reader scrolls without a stop, before and
after all have come. Chromium and the daemon share the machine's cores. With two addresses, of two versions that serve
the same study, first slices are measured in turn and compared: so on a busy machine too.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Final

from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, sync_playwright

_SCREEN: Final[ViewportSize] = {"width": 1920, "height": 1080}
_AXIAL = "[data-pane=axial] canvas"
_DRAWN_AT = """new MutationObserver((_, watch) => {
  const canvas = document.querySelector("[data-pane=axial] canvas");
  if (!canvas?.dataset.shown) return;
  window.drawnAt = performance.now();
  watch.disconnect();
}).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-shown"] });"""
_SCROLL = """async ([key, least]) => {
  const canvas = document.querySelector("[data-pane=axial] canvas");
  const next = () => new Promise((done) => requestAnimationFrame(done));
  const begun = performance.now();
  let shown = 0;
  for (let index = canvas.dataset.shown; shown < least; index = canvas.dataset.shown) {
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    const asked = performance.now();
    while (canvas.dataset.shown === index && performance.now() - asked < 2000) await next();
    if (canvas.dataset.shown === index) break;
    shown += 1;
  }
  return 1000 * shown / (performance.now() - begun);
}"""


def main() -> None:
    """Print each time in milliseconds, and the slices per second."""
    addresses, uid = sys.argv[1].split(","), sys.argv[2]
    repeats = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    with sync_playwright() as driver:
        program = shutil.which("chromium") or "chromium"
        arguments = ["--disable-gpu", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        browser = driver.chromium.launch(executable_path=program, args=arguments)
        wheres = [f"{each}/studies/{uid}" for each in addresses]
        _compare(browser, wheres, repeats)
        where, context = wheres[-1], browser.new_context(viewport=_SCREEN)
        page = _opened(context, where)
        page.keyboard.press("Home")
        page.wait_for_function(f"() => document.querySelector('{_AXIAL}').dataset.shown === '0'")
        count = int(page.locator(".strip").get_attribute("aria-valuemax") or 1) - 1
        _tell(f"scrolling through {count} that come: {_per_second(page, 'ArrowDown', count):.0f} slices/s")
        page.keyboard.press("t")
        _until_all_came(page, count)
        _tell(f"scrolling with three planes: {_per_second(page, 'ArrowUp', count):.0f} slices/s")
        page.keyboard.press("t")
        _tell(f"scrolling through {count} that came: {_per_second(page, 'ArrowDown', count):.0f} slices/s")
        browser.close()


def _compare(browser: Browser, wheres: Sequence[str], repeats: int) -> None:
    """Open the study at each address in turn, in a fresh browser and again in the same one."""
    taken: dict[str, list[tuple[float, float]]] = {where: [] for where in wheres}
    for number in range(repeats):
        for where in wheres if number % 2 else wheres[::-1]:
            context = browser.new_context(viewport=_SCREEN)
            taken[where].append((_first(context, where), _first(context, where)))
            context.close()
    found = [[statistics.median(each) for each in zip(*taken[where], strict=True)] for where in wheres]
    for where, (fresh, again) in zip(wheres, found, strict=True):
        _tell(f"first slice in a fresh browser {fresh:.0f} ms, again {again:.0f} ms: {where}")
    if len(found) == 2:
        (fresh, again), (other_fresh, other_again) = found
        _tell(f"the second to the first: {other_fresh / fresh:.2f} in a fresh browser, {other_again / again:.2f} again")


def _tell(words: str) -> None:
    sys.stdout.write(f"{words}\n")


def _opened(context: BrowserContext, where: str) -> Page:
    page = context.new_page()
    page.add_init_script(_DRAWN_AT)
    page.goto(where)
    page.wait_for_function("() => window.drawnAt !== undefined")
    return page


def _first(context: BrowserContext, where: str) -> float:
    page = _opened(context, where)
    drawn: float = page.evaluate("window.drawnAt")
    page.close()
    return drawn


def _per_second(page: Page, key: str, least: int) -> float:
    found: float = page.evaluate(f"async (asked) => ({_SCROLL})(asked)", [key, least])
    return found


def _until_all_came(page: Page, count: int) -> None:
    deadline = time.monotonic() + 120
    tiles = (
        "new Set(performance.getEntriesByType('resource').map(each => each.name).filter(each => /tile$/.test(each)))"
    )
    page.evaluate("performance.setResourceTimingBufferSize(5000)")
    while time.monotonic() < deadline and page.evaluate(f"{tiles}.size") < min(count, 240):
        page.wait_for_timeout(200)


if __name__ == "__main__":
    main()
