"""Studies that wait for a pool without workers are said in health, whatever the workers of other pools do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from tests.store.making import Studies, make_ready
from tests.web.scene import Scene
from triaged.store.studies.unclaimed import Unclaimed
from triaged.store.tables import schema
from triaged.study.modalities import Stratum
from triaged.study.pulse import Pulse, Seen
from triaged.web.health import Surroundings
from triaged.web.pools import Pools, unserved, without_workers

CT, XRAY = Stratum.VOLUME, Stratum.RADIOGRAPH
TAKES = {"gpu": frozenset({CT}), "cpu": frozenset({XRAY}), "any": frozenset(Stratum)}
NAMES = {f"worker-{name}-1": name for name in TAKES}


def _worker(name: str, silent_s: float = 1.0) -> Seen:
    return Seen(Pulse(f"{name}@here/1", "worker", "a-1"), silent_s)


def _pools(*names: str) -> Pools:
    return Pools({name: TAKES[name] for name in names}, NAMES.get)


@pytest.mark.parametrize(
    ("workers", "waiting", "causes", "warnings"),
    [
        (["gpu", "cpu"], {CT: 3, XRAY: 2}, 0, 0),
        (["gpu"], {CT: 3, XRAY: 0}, 0, 0),
        (["gpu"], {CT: 3, XRAY: 2}, 1, 0),
        (["cpu"], {CT: 3, XRAY: 2}, 1, 0),
        (["gpu", "unknown"], {CT: 3, XRAY: 2}, 0, 0),
        ([], {CT: 3, XRAY: 2}, 0, 0),  # no worker at all is said of the role
    ],
)
def test_what_waits_for_a_pool_without_workers_is_a_cause(
    workers: Sequence[str], waiting: Mapping[Stratum, int], causes: int, warnings: int
) -> None:
    pools, working = _pools("gpu", "cpu"), [_worker(f"worker-{name}-1") for name in workers]
    assert (len(unserved(pools, working, waiting)), len(without_workers(pools, working, waiting))) == (causes, warnings)


def test_a_pool_without_workers_whose_studies_others_take_too_is_a_warning() -> None:
    pools, working = _pools("gpu", "any"), [_worker("worker-any-1")]
    assert unserved(pools, working, {CT: 3, XRAY: 2}) == []
    assert without_workers(pools, working, {CT: 3, XRAY: 2}) == ["workers gpu: none makes progress, while 3 CTs wait"]
    assert without_workers(pools, working, {CT: 0, XRAY: 2}) == []


def test_health_fails_and_names_the_pool(scene: Scene) -> None:
    studies = Studies(scene.database)
    for number in (1, 2, 3):
        make_ready(studies, number)
    with scene.database.begin() as connection:
        chest = schema.study.c.study_uid.in_([f"1.2.826.0.1.{number}" for number in (2, 3)])
        connection.execute(update(schema.study).where(chest).values(modalities="\\DX\\"))
    assert Unclaimed(scene.database).numbers() == {CT: 1, XRAY: 2}
    others = [Seen(Pulse(f"{role}@here", role, "a-1"), 1.0) for role in ("receiver", "clock")]
    seen = [*others, _worker("worker-gpu-1"), _worker("worker-cpu-1", silent_s=30.0)]
    around = Surroundings(roles=lambda: seen, host="here", pools=_pools("gpu", "cpu"))
    with TestClient(scene.app(surroundings=around)) as client:
        for path in ("/health", "/health/ready"):
            answer = client.get(path)
            assert (answer.status_code, answer.json()["causes"]) == (
                503,
                ["X-rays: 2 wait, and no worker that takes them makes progress (workers cpu)"],
            )
