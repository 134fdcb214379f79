"""A real Chromium before the real application, served over the network of this machine from a store of its own.

Playwright drives the Chromium that the system has; it downloads none.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.serving import served
from tests.web.scene import CLINIC_NOW, Scene, clinic
from triaged.spool.files import Spool
from triaged.store.tables.database import open_database

_NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="package")  # its event loop must not outlive these tests: others run loops of their own
def chromium() -> Iterator[Browser]:
    """The browser, started once."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.skip("Chromium is not installed here")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def scene(sqlite_url: str, tmp_path: Path) -> Iterator[Scene]:
    """A store without a study."""
    database = open_database(sqlite_url)
    yield Scene(database, Spool(tmp_path / "spool", reserve_mb=0))
    database.close()


@pytest.fixture
def filled(scene: Scene) -> Scene:
    """A store with one study of each kind."""
    clinic(scene)
    scene.now = CLINIC_NOW
    return scene


@pytest.fixture
def address(scene: Scene) -> Iterator[str]:
    """Where the application is served while the test runs."""
    with served(scene.app(refresh_s=1.0)) as where:
        yield where


@pytest.fixture
def page(chromium: Browser, address: str) -> Iterator[Page]:
    """A page of a browser without a past, which may neither fail nor break the policy of what it may load."""
    context = chromium.new_context(base_url=address, viewport={"width": 1400, "height": 900})
    context.set_default_timeout(20_000)
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda line: errors.append(line.text) if "Content Security Policy" in line.text else None)
    yield opened
    context.close()
    assert errors == []
