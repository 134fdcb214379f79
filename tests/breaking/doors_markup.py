"""Markup in everything that others can write, on every page in a real Chromium: part of `tests.breaking.doors`.

What a peer, a patient's record, a reader or a sender's configuration can contain is markup that would run a script or
leave its attribute; the pages are found from the application. Knows no page.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Browser, Page, sync_playwright

from tests.breaking.trial import Trial
from tests.breaking.web_crowds import answers, waits_until
from tests.browser.serving import served
from tests.store.making import at, instance, next_set, study_uid
from tests.web.scene import OPTIONS, Scene
from triaged.steps.ranking_policy import ranking_policy
from triaged.store.listing.policies import Policies
from triaged.store.studies.outcomes import Found, Made
from triaged.store.tables.views import Quarantined
from triaged.study.assessment import Failed, Reason, ReasonCode
from triaged.study.kinds import ObjectKind
from triaged.study.ranking import RequestPriority
from triaged.study.read_state import ActionKind
from triaged.study.records import Patient, ReceivedHeader
from triaged.study.uids import SeriesUID
from triaged.triage.ordering import place
from triaged.triage.scheme import Waiting

PAYLOADS = (
    "<script>window.broken=1</script>",
    '"><img src=x data-broken onerror=window.broken=1>',
    "' onmouseover='window.broken=1' data-broken='",
    '" autofocus onfocus=window.broken=1 data-broken="',
    "</title></textarea></script><svg onload=window.broken=1 data-broken>",
    "javascript:window.broken=1//",
    "{{7*7}}{%import os%}${7*7}",
    '<a href="javascript:window.broken=1" data-broken>x</a><style>*{display:none}</style>',
    "\u202e\u2066\u0000\ufffe<b data-broken>",
    "\ud800<iframe srcdoc='<script>parent.broken=1</script>' data-broken>",
)
TELLING = (PAYLOADS[1], PAYLOADS[4], PAYLOADS[9])
"""Those that break most: out of an attribute, out of raw text, and by what no encoding can write."""
_VIEWER = "https://pacs.example/viewer?study={study_instance_uid}&accession={accession_number}"
NAMES = ("chromium", "chromium-browser", "google-chrome")
_FOUND = "() => [window.broken === 1, document.querySelectorAll('[data-broken], iframe, svg[onload]').length]"
_INLINE = (
    "() => [...document.querySelectorAll('*')].filter(e => [...e.attributes].some(a => a.name.startsWith('on'))).length"
)


def hostile(scene: Scene, number: int, payload: str) -> None:
    """Let a study arrive, be quarantined, moved and fail, with a payload in every text of it."""
    what = instance(number, 1)
    image = replace(what.image, series_description=payload, body_part_examined=payload, device=payload)
    what = replace(what, image=image)
    patient = Patient(*[payload] * 8)
    header = ReceivedHeader(
        what.study_uid,
        what.series_uid,
        what.sop_instance_uid,
        RequestPriority.ROUTINE,
        patient,
        image,
        made_by_us=False,
    )
    opened = scene.studies.open_association(receiver="r", peer=payload, calling_ae_title=payload, now=at(number))
    pending = place(what.study_uid, at(number), Waiting.SLICES, RequestPriority.ROUTINE, OPTIONS)
    scene.studies.admit(what, header, opened, ranking=pending, now=at(number))
    scene.complete(number, minutes=number)
    _fail(scene, number, payload.encode("utf-8", "replace").decode())  # these texts are ours, with theirs within
    scene.readers.act(
        study_uid(number).value, ActionKind.PINNED, payload[:60].strip() or "x", now=at(number + 1), detail=payload
    )
    _keep_aside(scene, number, payload)


def _fail(scene: Scene, number: int, payload: str) -> None:
    claim = scene.studies.claim_next("worker-1", lease_s=60, now=at(number))
    assert claim is not None
    failed = Failed(Reason(ReasonCode.CORRUPT, payload))
    scene.studies.commit(
        claim,
        Found(
            failed,
            ranking=place(claim.study_uid, claim.ready_at, failed, claim.order_priority, OPTIONS),
            chosen=None,
            not_chosen=((SeriesUID.parse("1.2.3.99"), payload),),
            model=payload,
            scheme="combined",
            object_set=next_set(scene.studies, claim, f"revision {claim.revision}"),
        ),
        Made(objects=[], destinations={"pacs": frozenset({ObjectKind.SC})}),
        now=at(number + 0.5),
    )


def _keep_aside(scene: Scene, number: int, payload: str) -> None:
    kept = Quarantined(
        path="quarantine/ab12",
        reason=payload,
        peer=payload,
        calling_ae_title=payload,
        sop_class_uid=payload,
        sop_instance_uid_sent=payload,
        size_bytes=12,
        transfer_syntax_uid=payload,
        sha256=f"ab{number}",
        at=at(number),
    )
    scene.studies.quarantine(kept)


def markup(trial: Trial, scene: Scene, payloads: Sequence[str] = PAYLOADS) -> None:
    """Open every page of a site whose texts are all markup, and look whether any of it became part of the page."""
    for number, payload in enumerate(payloads, 100):
        hostile(scene, number, payload)
        ours = payload.encode("utf-8", "replace").decode()
        banner = {f"source {number}": ours}
        Policies(scene.database).trust(
            "A", [ours], ranking_policy(OPTIONS), set_aside=banner, cause="markup", now=at(number)
        )
    scene.now = at(200) + timedelta(minutes=1)
    with chromium() as browser, served(scene.app(viewer_url=_VIEWER)) as address:
        assert waits_until(lambda: answers(int(address.rpartition(":")[2])), within_s=20)
        paths = [f"/studies/{study_uid(number).value}" for number in range(100, 100 + len(payloads))]
        for payload in payloads:
            paths += [f"/?q={_quoted(payload)}", f"/studies/{_quoted(payload)}", f"/{_quoted(payload)}"]
        page, said = browser.new_context(base_url=address).new_page(), list[str]()
        page.on("dialog", lambda dialog: said.append(f"a dialog: {dialog.type}"))
        page.on("console", lambda line: said.append(line.text) if "Content Security Policy" in line.text else None)
        for path in ["/", "/?show=all", "/status", "/?order=arrival", *paths]:
            _look(trial, page, path, said)


def _look(trial: Trial, page: Page, path: str, said: list[str]) -> None:
    said.clear()
    answer = page.goto(path, wait_until="load", timeout=20_000)
    ran, parts = page.evaluate(_FOUND)
    inline = page.evaluate(_INLINE)
    trial.count("pages with markup")
    status = answer.status if answer is not None else 0
    trial.expect(status < 500, f"{path}: expected a page, found {status}")
    trial.expect(not ran and not said, f"{path}: expected no script, found {said or 'one that ran'}")
    trial.expect(parts == inline == 0, f"{path}: expected text, found {parts} elements and {inline} handlers of theirs")


def _quoted(text: str) -> str:
    return quote(text, safe="", errors="replace")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the Chromium that the system has; `LookupError` where it has none."""
    found: Any = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise LookupError("Chromium is not installed here")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()
