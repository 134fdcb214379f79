"""Asks for every route of the web as everybody: part of `tests.breaking.doors`. Knows no page."""

from __future__ import annotations

from contextlib import ExitStack, closing
from http.client import HTTPConnection
from urllib.parse import unquote, urlsplit

from tests.breaking.door_keys import Door, Key, keys
from tests.breaking.doors_clinic import FOR_ADMINISTRATORS, FOR_EVERYBODY, METHODS, SECRETS, routes_of, tables
from tests.breaking.doors_words import FORGED, PARTS, WORDS, spellings
from tests.breaking.trial import Trial
from tests.breaking.web_crowds import answers, waits_until
from tests.browser.serving import served
from tests.web.scene import Scene


def every_route(trial: Trial, scene: Scene, key: Key) -> None:
    """Ask for every route by every method; without a token nothing may change for anybody."""
    before = tables(scene)
    with key.open(scene) as door:
        for path in routes_of(door.app):
            for method in METHODS:
                _ask(trial, door, method, path)
    trial.expect(tables(scene) == before, f"{key}: expected tables as before, found a change without a token")


def _ask(trial: Trial, door: Door, method: str, path: str) -> None:
    """Ask once, and look whether the answer is for whoever asks."""
    if door.is_stream(path) and method == "GET" and door.key.role != "nobody":
        return
    answer = door.client.request(method, path)
    what = f"{door.key}: {method} {path}: {answer.status_code}"
    trial.count("requests")
    trial.expect(answer.status_code < 500, f"{what}: expected no error of ours")
    trial.expect("content-security-policy" in answer.headers, f"{what}: expected the headers that protect pages")
    path = urlsplit(str(answer.request.url)).path  # as this client tidied it
    is_open = path.startswith(FOR_EVERYBODY)
    if door.key.role == "nobody":
        trial.count("refused to nobody", answer.status_code >= 300)
        trial.expect(is_open or answer.status_code >= 300, f"{what}: expected to be turned away")
        found = [secret for secret in SECRETS if secret in answer.text]
        trial.expect(not found, f"{what}: expected nothing of a patient, found {len(found)} texts")
    if door.key.role == "reader" and path.startswith(FOR_ADMINISTRATORS):
        trial.expect(answer.status_code >= 300, f"{what}: expected to be for administrators")
    if door.key.role != "nobody" and answer.status_code == 200:
        trial.count("shown to people")
    if method not in ("GET", "HEAD", "OPTIONS"):
        trial.expect(answer.status_code >= 400, f"{what}: expected a refusal without a token")


def paths_in_other_spellings(trial: Trial, scene: Scene) -> None:
    """Ask, as nobody, for every path as some servers take for the same and some guards do not; no client tidies it."""
    key = next(each for each in keys(scene) if str(each) == "accounts, nobody")
    app = scene.app(access=key.access)
    with served(app) as address:
        assert waits_until(lambda: answers(int(address.rpartition(":")[2])), within_s=20)
        for path in routes_of(app):
            for spelling in spellings(path):
                status, body = _asked_raw(address, spelling)
                found = [secret for secret in SECRETS if secret in body]
                trial.count("spellings of paths")
                trial.expect(
                    not found, f"{spelling}: {status}: expected nothing of a patient, found {len(found)} texts"
                )
                is_open = unquote(spelling).partition("?")[0] in FOR_EVERYBODY or spelling.startswith("/static/")
                trial.expect(is_open or status >= 300, f"{spelling}: {status}: expected to be turned away")
                trial.expect(status < 500, f"{spelling}: {status}: expected no error of ours")


def _asked_raw(address: str, path: str) -> tuple[int, str]:
    with closing(HTTPConnection(address.removeprefix("http://"), timeout=20)) as connection:
        connection.putrequest("GET", path, skip_host=True)
        connection.putheader("Host", "testserver")
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")


def strangers_headers_are_not_believed(trial: Trial, scene: Scene) -> None:
    """Say what only a proxy may say, and call the open list by another name."""
    for key in keys(scene):
        if key.role != "nobody" or key.is_proxy:
            continue
        with key.open(scene) as door:
            for path in routes_of(door.app):
                if path.startswith(FOR_EVERYBODY):
                    continue
                answer = door.client.get(path, headers=FORGED)
                trial.count("forged headers")
                found = [secret for secret in SECRETS if secret in answer.text]
                trial.expect(answer.status_code >= 300 and not found, f"{key}: {path} with a proxy's headers: shown")


def random_requests(trial: Trial, scene: Scene) -> None:
    """Ask what nobody would ask, as everybody, while time is left."""
    opened = [key for key in keys(scene) if key.mode == "accounts"]
    with ExitStack() as stack:
        all_doors = [stack.enter_context(key.open(scene)) for key in opened]
        paths = routes_of(all_doors[0].app)
        before = tables(scene)
        while trial.left_s > 0:
            door = trial.random.choice(all_doors)
            method, path = trial.random.choice(METHODS), _mangled(trial, trial.random.choice(paths))
            query = "&".join("=".join(trial.random.choices(WORDS, k=2)) for _ in range(trial.random.randrange(4)))
            _ask(trial, door, method, f"{path}?{query}" if query else path)
        trial.expect(tables(scene) == before, "random requests: expected tables as before, found a change")


def _mangled(trial: Trial, path: str) -> str:
    parts = path.split("/")
    parts[trial.random.randrange(len(parts))] = trial.random.choice(PARTS)
    return "/" + "/".join(parts).lstrip("/")
