"""What a monitoring system reads, against the store that it is of; and that papers and code name the same metrics."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML

from tests.store.making import at
from tests.web.scene import Scene, found
from triaged.errors import ConfigError, TryLater
from triaged.store.studies.history import History
from triaged.study.assessment import Assessed
from triaged.study.people import AccessRole, Person
from triaged.study.pulse import Pulse, Seen
from triaged.web.health import Surroundings
from triaged.web.identity import AccessOptions, Mode, ProxyWord
from triaged.web.metrics_server import serving

PROJECT = Path(__file__).parents[2]
OPERATIONS = (PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")
ALERTS = YAML(typ="safe").load((PROJECT / "deploy/monitoring/alerts.yaml").read_text(encoding="utf-8"))
DASHBOARD = json.loads((PROJECT / "deploy/monitoring/grafana.json").read_text(encoding="utf-8"))
SUFFIXES = re.compile(r"_(total|bucket|sum|count)$")
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def _samples(client: TestClient) -> Samples:
    answer = client.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def _of(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, tuple(sorted(labels.items()))]


def _around(seen: Sequence[Seen] = (), *, accepted: bool = True) -> Surroundings:
    return Surroundings(roles=lambda: seen, host="here", config_accepted=lambda: accepted)


def _association(scene: Scene, title: str) -> int:
    return scene.studies.open_association(receiver="r", peer="10.0.0.5", calling_ae_title=title, now=at(0))


def test_instances_are_counted_by_sender_while_an_association_is_open_and_after(scene: Scene) -> None:
    first, second = _association(scene, "CT1"), _association(scene, "CT2")
    with TestClient(scene.app()) as client:
        for serial in (1, 2, 3):
            scene.arrive(1, minutes=serial, serial=serial, association=first)
        scene.arrive(2, minutes=4, association=second)
        samples = _samples(client)
        assert _of(samples, "triaged_instances_received_total", sender="CT1") == 3
        assert _of(samples, "triaged_instances_received_total", sender="CT2") == 1
        scene.studies.close_association(first, now=at(5))
        assert _of(_samples(client), "triaged_instances_received_total", sender="CT1") == 3
        scene.arrive(2, minutes=6, serial=2, association=second)
        third = _association(scene, "CT1")
        scene.arrive(3, minutes=7, association=third)
        scene.arrive(3, minutes=8, association=third)  # sent again
        samples = _samples(client)
        assert _of(samples, "triaged_instances_received_total", sender="CT1") == 5
        assert _of(samples, "triaged_instances_received_total", sender="CT2") == 2


def test_strangers_with_many_titles_make_no_more_labels(scene: Scene) -> None:
    for number in range(130):
        scene.arrive(number + 1, minutes=0, association=_association(scene, f"X{number}"))
    with TestClient(scene.app()) as client:
        samples = _samples(client)
    received = {key: value for key, value in samples.items() if key[0] == "triaged_instances_received_total"}
    assert len(received) == 101
    assert _of(samples, "triaged_instances_received_total", sender="others") == 30
    assert sum(received.values()) == 130


def _scored(scene: Scene, number: int, *, came: float, scored: float) -> None:
    scene.arrive(number, minutes=came)
    scene.complete(number, minutes=came + 0.1)
    scene.end(number, Assessed(found(0.3, 0.6, 0.9)), minutes=scored)


def test_the_wait_from_the_last_slice_to_the_order_is_a_histogram_that_grows(scene: Scene) -> None:
    _scored(scene, 1, came=0, scored=0.25)  # and half a minute of the scene: 45 s
    with TestClient(scene.app()) as client:
        samples = _samples(client)
        assert _of(samples, "triaged_order_seconds_bucket", le="30.0") == 0
        assert _of(samples, "triaged_order_seconds_bucket", le="60.0") == 1
        _scored(scene, 2, came=10, scored=12)  # 150 s
        scene.arrive(1, minutes=20, serial=2)
        samples = _samples(client)
        assert _of(samples, "triaged_order_seconds_count") == 2
        assert _of(samples, "triaged_order_seconds_sum") == pytest.approx(195, abs=0.1)
        assert _of(samples, "triaged_order_seconds_bucket", le="120.0") == 1
        assert _of(samples, "triaged_order_seconds_bucket", le="+Inf") == 2


def test_states_and_what_leaves_are_those_of_the_store(filled: Scene) -> None:
    with TestClient(filled.app()) as client:
        samples = _samples(client)
    studies = {state.value: float(number) for state, number in History(filled.database).counts().items()}
    assert {dict(labels)["state"]: value for (name, labels), value in samples.items() if name == "triaged_studies"} == (
        studies
    )
    assert sum(studies.values()) > 5
    for destination, states in filled.outbox.counts().items():
        for state, number in states.items():
            assert _of(samples, "triaged_outbox", destination=destination, state=state.value) == number
    assert any(states for states in filled.outbox.counts().values())


def test_the_flagged_share_is_of_the_last_seven_days(scene: Scene) -> None:
    _scored(scene, 1, came=0, scored=1)
    scene.now = at(60)
    with TestClient(scene.app()) as client:
        assert _of(_samples(client), "triaged_flagged_ratio", station="not named") == 1.0
        scene.now += timedelta(days=8)
        assert not [name for name, _ in _samples(client) if name == "triaged_flagged_ratio"]


def test_the_silence_of_each_process_is_told(scene: Scene) -> None:
    seen = [
        Seen(Pulse("worker-1@here", "worker", "a-1"), 2.5),
        Seen(Pulse("clock@here", "clock", "a-1"), None),
        Seen(Pulse("courier@here", "courier", "a-1", "courier 1: no progress"), 1.0),
    ]
    with TestClient(scene.app(surroundings=_around(seen, accepted=False))) as client:
        samples = _samples(client)
    ages = {dict(labels)["role"]: value for (name, labels), value in samples.items() if "heartbeat" in name}
    assert ages == {"worker": 2.5, "clock": float("inf"), "courier": float("inf")}
    assert _of(samples, "triaged_config_accepted") == 0


def test_processes_that_took_each_others_place_have_one_label(scene: Scene) -> None:
    seen = [Seen(Pulse(f"worker-1@here/{start}", "worker", "a-1"), 100.0 / start) for start in range(1, 51)]
    with TestClient(scene.app(surroundings=_around(seen))) as client:
        samples = _samples(client)
    found = {labels: value for (name, labels), value in samples.items() if "heartbeat" in name}
    assert list(found.values()) == [2.0]
    assert _of(samples, "triaged_role_heartbeat_age_seconds", role="worker", process="worker-1@here") == 2.0


def test_without_a_database_the_rest_is_still_told(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_history: History) -> None:
        raise TryLater("the database is away")

    with TestClient(scene.app()) as client:
        monkeypatch.setattr(History, "counts", away)
        samples = _samples(client)
    assert {name for name, _ in samples} == {
        "triaged_database_up",
        "triaged_config_accepted",
        "triaged_disk_free_bytes",
    }
    assert _of(samples, "triaged_database_up") == 0


def test_readers_do_not_get_the_measurements(scene: Scene) -> None:
    word = ProxyWord(administrators=frozenset({"root"}))
    access = AccessOptions(mode=Mode.PROXY, proxies=("127.0.0.1",), word=word)
    with TestClient(scene.app(access=access), client=("127.0.0.1", 1)) as client:
        assert client.get("/metrics", headers={"Remote-User": "ann"}).status_code == 403
        assert client.get("/metrics").status_code == 401
        assert client.get("/metrics", headers={"Remote-User": "root"}).status_code == 200
    assert Person("root", AccessRole.ADMINISTRATOR).role is AccessRole.ADMINISTRATOR


def test_a_port_of_its_own_answers_without_signing_in_and_says_where_it_is_taken(scene: Scene) -> None:
    registry = scene.app(access=AccessOptions(mode=Mode.ACCOUNTS)).state.metrics
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with serving(registry, "127.0.0.1", 0) as port:
        with opener.open(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            assert b"triaged_database_up 1.0" in answer.read()
        with pytest.raises(ConfigError, match=rf"metrics.port: expected a free address .* 127.0.0.1:{port}"):
            serving(registry, "127.0.0.1", port).__enter__()


def _names(text: str) -> set[str]:
    """Return the metrics that a text names, without what the format adds to them."""
    return {SUFFIXES.sub("", name) for name in re.findall(r"\btriaged_[a-z_]+", text)}


def _exposed(scene: Scene, **says: Any) -> set[str]:
    scene.arrive(99, minutes=0, association=_association(scene, "CT1"))
    seen = [Seen(Pulse("worker-1@here", "worker", "a-1"), 2.5)]
    with TestClient(scene.app(surroundings=_around(seen), **says)) as client:
        return _names("\n".join(name for name, _ in _samples(client)))


def test_the_documents_name_every_metric_and_no_other(filled: Scene) -> None:
    section = OPERATIONS.partition("## Metrics")[2].partition("\n## ")[0]
    assert _names(section) == _exposed(filled, sites={"north": "North"})


def test_alerts_and_dashboard_name_metrics_that_exist(filled: Scene) -> None:
    exposed = _exposed(filled)
    rules = ALERTS["groups"][0]["rules"]
    asked = [rule["expr"] for rule in rules]
    asked += [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    assert set().union(*map(_names, asked)) == exposed
    for expression in asked:
        assert expression.count("(") == expression.count(")"), expression
        assert expression.count("{") == expression.count("}"), expression


def test_there_are_ten_alerts_each_with_a_place_in_the_run_book() -> None:
    rules = ALERTS["groups"][0]["rules"]
    assert len(rules) == len({rule["alert"] for rule in rules}) == 10
    headings = {heading.lower() for heading in re.findall(r"^#### (\w+)$", OPERATIONS, re.MULTILINE)}
    assert {rule["annotations"]["runbook_url"] for rule in rules} == {
        f"docs/operations.md#{heading}" for heading in headings
    }
    assert all(rule["labels"]["severity"] in ("critical", "warning") and rule["for"] for rule in rules)
