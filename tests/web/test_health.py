"""What is said of the daemon to whoever watches it: true, within seconds, without a name or a secret."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.web.scene import Scene
from triaged.errors import TryLater
from triaged.spool.files import Spool
from triaged.store.studies.inventory import Inventory
from triaged.store.tables.database import Database
from triaged.study.kinds import ObjectKind
from triaged.study.pulse import Pulse, Seen
from triaged.web.health import Surroundings

PATHS = ("/health", "/health/ready", "/health/live")


def _seen(role: str, silent_s: float | None, *, host: str = "here", hung: str = "") -> Seen:
    return Seen(Pulse(f"{role}@{host}", role, "a-1", hung), silent_s)


ALL = [_seen(role, 1.0) for role in ("receiver", "worker", "clock", "courier", "web")]


def _around(seen: Sequence[Seen] = ALL, **others: Any) -> Surroundings:
    return Surroundings(roles=lambda: seen, host="here", **others)


@contextmanager
def _asking(scene: Scene, around: Surroundings) -> Iterator[Callable[[str], tuple[int, dict[str, Any]]]]:
    with TestClient(scene.app(surroundings=around)) as client:

        def ask(path: str) -> tuple[int, dict[str, Any]]:
            answer = client.get(path)
            return answer.status_code, answer.json()

        yield ask


def test_all_is_well_where_everybody_gets_on(scene: Scene) -> None:
    with _asking(scene, _around()) as ask:
        assert ask("/health") == (200, {"status": "ok", "problems": [], "causes": [], "warnings": []})
        assert ask("/health/ready") == (200, {"status": "ok", "causes": []})
        assert ask("/health/live") == (200, {"status": "ok"})


@pytest.mark.parametrize(
    ("seen", "cause"),
    [
        ([each for each in ALL if each.pulse.role != "worker"], "worker: none serves"),
        ([*ALL[:1], _seen("worker", 11.0), *ALL[2:]], "worker@here: no sign of progress for 11 s"),
        ([*ALL[:1], _seen("worker", None), *ALL[2:]], "worker@here: no sign of progress yet"),
        ([*ALL[:1], _seen("worker", 1900.0, hung="one study: no progress for 1860 s"), *ALL[2:]], "one study: no prog"),
        ([*ALL[:2], _seen("clock", 40.0), *ALL[3:]], "clock@here: no sign of progress for 40 s"),
        (
            [_seen("receiver", 1.0, hung="instances are refused: disk full"), *ALL[1:]],
            "receiver@here: instances are re",
        ),
    ],
)
def test_a_role_that_is_missing_silent_or_hung_is_a_cause(scene: Scene, seen: Sequence[Seen], cause: str) -> None:
    with _asking(scene, _around(seen)) as ask:
        for path in ("/health", "/health/ready"):
            code, answer = ask(path)
            assert (code, answer["status"]) == (503, "failing")
            assert len(answer["causes"]) == 1
            assert cause in answer["causes"][0]
        assert ask("/health/live")[0] == 200


def test_one_of_two_workers_is_enough_and_the_other_is_a_warning(scene: Scene) -> None:
    with _asking(scene, _around([*ALL, _seen("worker", 30.0, host="there")])) as ask:
        code, answer = ask("/health")
    assert (code, answer["warnings"]) == (200, ["worker@there: no sign of progress for 30 s"])


AWAY = "expected the spool 1a2b3c4d at /srv/spool, found no folder: is it mounted?"


@pytest.mark.parametrize("role", ["worker", "courier", "receiver"])
def test_a_host_without_its_spool_is_a_warning_beside_another_and_a_cause_alone(scene: Scene, role: str) -> None:
    hindered = _seen(role, 1.0, host="there", hung=AWAY)
    with _asking(scene, _around([*ALL, hindered])) as ask:
        assert (ask("/health")[0], ask("/health")[1]["warnings"]) == (200, [f"{role}@there: {AWAY}"])
    with _asking(scene, _around([each for each in ALL if each.pulse.role != role] + [hindered])) as ask:
        assert ask("/health")[1]["causes"] == [f"{role}@there: {AWAY}"]


def test_a_process_that_ended_is_not_missed_where_another_has_its_place(scene: Scene) -> None:
    def worker(start: int, silent_s: float) -> Seen:
        return Seen(Pulse(f"worker-1@here/{start}", "worker", "a-1"), silent_s)

    others = [each for each in ALL if each.pulse.role != "worker"]
    with _asking(scene, _around([*others, worker(1, 1800.0), worker(2, 1.0)])) as ask:
        assert (ask("/health")[0], ask("/health")[1]["warnings"]) == (200, [])
    with _asking(scene, _around([*others, worker(1, 1800.0), worker(2, 20.0)])) as ask:
        assert ask("/health")[1]["causes"] == [
            "worker-1@here: no sign of progress for 20 s",
        ]


def test_a_courier_that_hangs_fails_the_whole_and_not_the_reception(scene: Scene) -> None:
    with _asking(scene, _around([*ALL[:3], _seen("courier", 12.0), ALL[4]])) as ask:
        assert ask("/health")[1]["causes"] == ["courier@here: no sign of progress for 12 s"]
        assert ask("/health/ready")[0] == 200


def test_a_receiver_that_does_not_answer_is_a_cause_unless_it_is_elsewhere_and_gets_on(scene: Scene) -> None:
    def silent() -> list[str]:
        return ["receiver: no answer to C-ECHO on port 104: timed out"]

    with _asking(scene, _around(receiver=silent)) as ask:
        assert ask("/health/ready")[1]["causes"] == silent()
    with _asking(scene, _around([_seen("receiver", 1.0, host="there"), *ALL[1:]], receiver=silent)) as ask:
        assert ask("/health/ready")[1]["causes"] == []
    with _asking(scene, _around([_seen("receiver", 11.0, host="there"), *ALL[1:]], receiver=silent)) as ask:
        assert ask("/health/ready")[1]["causes"] == silent()


def test_a_part_that_hangs_is_said_within_seconds_every_time(scene: Scene) -> None:
    release, asked = threading.Event(), []

    def hang() -> list[str]:
        asked.append(1)
        release.wait(30)
        return []

    with _asking(scene, _around(receiver=hang)) as ask:
        for within_s in (4.0, 1.5, 1.5):
            began = time.monotonic()
            code, answer = ask("/health")
            assert time.monotonic() - began < within_s
            assert (code, len(answer["causes"])) == (503, 1)
            assert answer["causes"][0].startswith("receiver: no answer for")
        release.set()
    assert len(asked) == 1


def test_a_part_is_not_asked_more_often_than_needed(scene: Scene) -> None:
    asked: list[int] = []

    def count() -> list[str]:
        asked.append(1)
        return []

    with _asking(scene, _around(receiver=count)) as ask:
        for _ in range(5):
            assert ask("/health/ready")[0] == 200
    assert len(asked) == 1


class _Away(Database):
    """A database that does not answer."""

    def __init__(self) -> None:
        pass

    @contextmanager
    def read(self) -> Iterator[None]:  # type: ignore[override]
        raise TryLater("the database is away: connection refused")
        yield


def test_while_the_database_is_away_that_is_the_one_cause(spool: Spool) -> None:
    with _asking(Scene(_Away(), spool), _around([_seen("worker", 50.0)])) as ask:
        assert ask("/health/ready") == (
            503,
            {"status": "failing", "causes": ["the database is away: connection refused"]},
        )
        assert ask("/health")[1]["problems"] == ["the database is away: connection refused"]


def test_what_does_not_arrive_and_what_waits_for_long_are_warnings(filled: Scene) -> None:
    filled.settle(
        ObjectKind.SC,
        lambda item: filled.outbox.retry(
            item, error="Muster^Erika is unknown", next_attempt_at=filled.now + timedelta(hours=1), now=filled.now
        ),
    )
    filled.arrive(77, minutes=0)
    filled.complete(77, minutes=1)
    filled.now += timedelta(minutes=30)
    with _asking(filled, _around()) as ask:
        code, answer = ask("/health")
    assert code == 200
    assert answer["warnings"] == [
        "pacs is unreachable or refuses for now: 2 wait for another attempt",
        "the oldest complete study without a result has waited 59 min",
    ]


def test_what_was_given_up_or_refused_is_a_warning(filled: Scene) -> None:
    filled.settle(ObjectKind.SC, lambda item: filled.outbox.dead(item, error="away", now=filled.now))
    with _asking(filled, _around()) as ask:
        assert "2 result objects or notifications were given up: see the status page" in ask("/health")[1]["warnings"]


def test_files_that_the_search_found_missing_are_a_warning_until_they_are_back(filled: Scene) -> None:
    inventory = Inventory(filled.database)
    inventory.record_missing("1.2.3", {"1.2.3/a.dcm": "missing", "1.2.3/b.dcm": "missing"}, now=filled.now)
    with _asking(filled, _around()) as ask:
        assert ask("/health")[1]["warnings"] == ["files are missing in the spool: 2, named by `triaged fsck`"]
    inventory.record_missing("1.2.3", {}, now=filled.now)
    with _asking(filled, _around()) as ask:
        assert ask("/health")[1]["warnings"] == []


def test_a_rejected_configuration_is_a_warning_that_shows_no_value_and_the_status_page_has_all(filled: Scene) -> None:
    said = "configuration rejected: /c.yaml:3: pushes[0].url: expected x, found 'pass-1'"
    around = _around(notices=lambda: [said])
    with TestClient(filled.app(surroundings=around)) as client:
        answer = client.get("/health")
        assert (answer.status_code, answer.json()["status"]) == (200, "ok")
        assert answer.json()["warnings"] == [said.partition(", found")[0]]
        assert "pass-1" in client.get("/status").text


def test_it_is_open_to_everybody_and_names_no_patient(filled: Scene) -> None:
    with TestClient(filled.app(surroundings=_around())) as client:
        for path in PATHS:
            answer = client.get(path, headers={"Host": "somewhere.example"})
            assert answer.status_code == 200
            assert "set-cookie" not in answer.headers
            assert "Muster" not in answer.text


def test_health_fails_and_says_why_when_the_disk_is_below_its_reserve(sqlite: Database, tmp_path: Path) -> None:
    full = Scene(sqlite, Spool(tmp_path / "spool", reserve_mb=10**9))
    with _asking(full, _around()) as ask:
        code, answer = ask("/health/ready")
    assert code == 503
    assert "expected at least 1000000000 MiB free" in answer["causes"][0]


def test_a_part_that_recovers_is_well_again(scene: Scene) -> None:
    assert replace(ALL[0], silent_s=None).is_fresh(10) is False
    problems = ["the receiver is silent"]
    with _asking(scene, _around(receiver=lambda: list(problems))) as ask:
        assert ask("/health/ready")[0] == 503
        problems.clear()
        deadline = time.monotonic() + 15
        while ask("/health/ready")[0] != 200:
            assert time.monotonic() < deadline
            time.sleep(0.5)
