"""How fast the list is there: `-m tests.bench.page [--studies 100000] [--no-browser]`, by default 10,000 open studies.

First what one request costs the server: milliseconds of the processor, which other programs on the machine do not move
much, and the ratio to the same request of a list of 500 studies. Then, with a real Chromium, first paint: what the
browser itself measures (Paint Timing) from the moment the address is asked for, with nothing of an earlier visit kept;
beside it, when all rows of the page were there (DOMContentLoaded). Chromium and the server share the machine's cores.
Last, an urgent study comes, and the time until an open page shows it at its place is measured.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi.testclient import TestClient
from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import insert

from tests.browser.serving import served
from tests.store.making import at, ranking, study_uid
from tests.web.scene import Scene
from triaged.spool.files import Spool
from triaged.store.listing.order import ranking_columns
from triaged.store.tables import schema
from triaged.store.tables.database import migrate, open_database
from triaged.store.tables.rows import PATIENT_FIELDS, search_text
from triaged.study.ranking import RequestPriority, TriageClass
from triaged.study.records import Patient

_REPEATS = 7
_FEW = 500
_PATHS = {
    "the list": "/",
    "the list in order of arrival": "/?order=arrival",
    "its last page": "/?page={page}",
    "a search": "/?q=roe%20{name}",
    "one class": "/?class=B",
    "has the list changed?": "/api/version",
    "the study after one": "/next?step=after&uid={uid}",
    "the next study that nobody reads": "/next",
    "the page of a study": "/studies/{uid}",
    "counts": "/api/status",
}
"""What a reader, a page and a program ask for; `uid` is a study in the middle."""
_CLASSES = [member for member in TriageClass if member is not TriageClass.EMERGENCY]


def main() -> None:
    """Print the median and the worst of each, in milliseconds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--studies", type=int, default=10_000)
    parser.add_argument("--no-browser", action="store_true")
    asked = parser.parse_args()
    with _filled(_FEW) as few, _filled(asked.studies) as scene:
        _costs(few, scene, asked.studies)
        if not asked.no_browser:
            _browse(scene, asked.studies)


@contextmanager
def _filled(number: int) -> Iterator[Scene]:
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(f"sqlite:///{folder}/bench.db")
        migrate(database)
        scene = Scene(database, Spool(Path(folder) / "spool", reserve_mb=0))
        _fill(scene, number)
        scene.now = at(number + 1)
        yield scene
        database.close()


def _costs(few: Scene, many: Scene, number: int) -> None:
    """Print what each request costs the server with few studies and with many."""
    with TestClient(few.app()) as of_few, TestClient(many.app()) as of_many:
        for name, path in _PATHS.items():
            small = _cost_ms(of_few, path.format(uid=study_uid(_FEW // 2), page=2, name=_FEW // 2))
            large = _cost_ms(of_many, path.format(uid=study_uid(number // 2), page=number // 200, name=number // 2))
            compared = f"{small:.1f} ms with {_FEW} studies: {large / small:.1f} times"
            sys.stdout.write(f"{name:45} {large:7.1f} ms of the processor, {compared}\n")


def _cost_ms(client: TestClient, path: str) -> float:
    taken = []
    for _ in range(_REPEATS):
        begun = time.process_time()
        answer = client.get(path, follow_redirects=False)
        taken.append(1000 * (time.process_time() - begun))
        assert answer.status_code in (200, 303), answer.text
    return statistics.median(taken)


def _browse(scene: Scene, number: int) -> None:
    with served(scene.app()) as address, sync_playwright() as driver:
        program = shutil.which("chromium") or "chromium"
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = driver.chromium.launch(executable_path=program, args=arguments)
        _paints(browser, address)
        _paints(browser, f"{address}/?order=arrival")
        _paints(browser, f"{address}/?q=roe%20{number // 2}")
        _paints(browser, f"{address}/?page={number // 200}")
        _moves(browser, address, scene, number)
        browser.close()


def _fill(scene: Scene, number: int) -> None:
    rows = []
    for k in range(1, number + 1):
        patient = Patient(f"Roe^Jane {k}", f"P-{k}", "19560412", "F", f"A-{k}", "20260301", "115900", "CT thorax")
        share = (k * 37 % 100) / 100
        made = ranking(
            k, study_uid(k), triage_class=_CLASSES[k % 7], reason=f"right lung {share:.0%}, experimental P 0.91 ≥ 0.62"
        )
        rows.append(
            {
                "study_uid": study_uid(k).value,
                "state": "TRIAGED",
                "revision": 1,
                "order_priority": "ROUTINE",
                "first_instance_at": at(k),
                "last_instance_at": at(k),
                "ready_at": at(k),
                "instances": 300,
                "conflicts": 0,
                "attempts": 0,
                "identification": 0.91,
                "severity": share,
                "severity_right": share,
                "severity_left": share / 2,
                "grade": 2,
                "search_text": search_text(f"{patient.patient_name} {patient.patient_id} {patient.accession_number}"),
                **{name: getattr(patient, name) for name in PATIENT_FIELDS},
                **ranking_columns(made),
            }
        )
    with scene.database.begin() as connection:
        connection.execute(insert(schema.study), rows)


def _paints(browser: Browser, address: str) -> None:
    painted, complete = [], []
    for _ in range(_REPEATS):
        context = browser.new_context(viewport={"width": 1400, "height": 900})
        page = context.new_page()
        page.goto(address)
        page.wait_for_selector("#worklist tbody tr")
        painted.append(_first_paint(page))
        complete.append(page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd"))
        context.close()
    part = address.partition("/?")[2]
    _tell(f"first paint of /{part}", painted)
    _tell(f"all rows of /{part}", complete)


def _first_paint(page: Page) -> float:
    page.wait_for_function("() => performance.getEntriesByName('first-contentful-paint').length > 0")
    found: float = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    return found


def _moves(browser: Browser, address: str, scene: Scene, number: int) -> None:
    page = browser.new_page()
    with page.expect_response("**/events"):
        page.goto(address)
    taken = []
    for k in range(_REPEATS):
        begun = time.perf_counter()
        scene.arrive(2 * number + k, minutes=number + k, priority=RequestPriority.STAT)
        page.wait_for_selector(f'#worklist tr[data-uid="{study_uid(2 * number + k)}"]')
        taken.append(1000 * (time.perf_counter() - begun))
    _tell("an urgent study comes, until a page shows it", taken)


def _tell(name: str, taken: list[float]) -> None:
    sys.stdout.write(f"{name:45} median {statistics.median(taken):7.0f} ms   worst {max(taken):7.0f} ms\n")


if __name__ == "__main__":
    main()
