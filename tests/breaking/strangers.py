"""Who asks the web for a patient without being known: with the mark in paths, queries, forms and passwords."""

from __future__ import annotations

import urllib.error
import urllib.parse
import urllib.request

from tests.breaking.marked_patient import MARK, marks
from tests.breaking.person import Person
from tests.breaking.shoulder import Shoulder

_STRANGE_PATHS = (
    "/{0}", "/?q={0}", "/studies/{0}", "/studies/{0}/pictures/{0}.png", "/api/worklist/{0}", "/api/studies/{0}/slices",
    "/api/workitems?PatientName={0}", "/api/workitems?{0}=1", "/api/workitems?PatientID={0}&limit={0}", "/static/{0}",
    "/api/worklist?limit={0}", "/sign-in?next=/{0}", "/?page={0}", "/?class={0}&state={0}&order={0}",
)  # fmt: skip


def search_as_strangers(shoulder: Shoulder) -> None:
    """Ask for the mark without being known, and guess passwords that are it; answers say nothing but what was asked."""
    base = f"http://127.0.0.1:{shoulder.daemon.web_port}"
    for template in _STRANGE_PATHS:
        url = base + template.format(urllib.parse.quote(MARK))
        for request in (urllib.request.Request(url), urllib.request.Request(url, data=b"name=" + MARK.encode())):
            status, body = _asked(request)
            shoulder.trial.count("questions of strangers")
            shoulder.trial.expect(status < 500, f"{template}: expected no error of ours, found {status}")
            others = [name for name, mark in marks() if mark in body and mark != MARK.encode()]
            shoulder.trial.expect(not others, f"{template}: expected nothing of the patient, found {others}")
    for url in (f"{base}/health", f"{base}/health/live", f"{base}/health/ready", f"{base}/sign-in"):
        shoulder.look(url, _asked(urllib.request.Request(url))[1])
    guesser = Person(shoulder.daemon.web_port, MARK, MARK)
    for _ in range(3):
        guesser.get_json("/api/worklist")


def _asked(request: urllib.request.Request) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
