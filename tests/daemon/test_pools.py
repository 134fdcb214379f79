"""What a worker is called, what it finds in the settings as one of its pool, and which studies it takes."""

from __future__ import annotations

from typing import Any

import pytest

from triaged.config.settings import Config
from triaged.daemon.pools import as_of, pool_called, pool_of, taken_by, workers_of
from triaged.daemon.roles import Role
from triaged.daemon.supervisor import members_of
from triaged.errors import ConfigError
from triaged.study.modalities import Stratum

CT, XRAY = Stratum.VOLUME, Stratum.RADIOGRAPH
GPU: dict[str, Any] = {"name": "gpu0", "number": 2, "device": "cuda:0", "modalities": ["CT"]}
CPU: dict[str, Any] = {"name": "cpu", "threads": 3, "modalities": ["X-ray"]}


def _config(*pools: dict[str, Any], **others: Any) -> Config:
    return Config.model_validate({"workers": list(pools), **others})


def test_workers_are_counted_in_their_pool_and_as_before_without_one() -> None:
    assert [name for name, _ in workers_of(_config(GPU, CPU))] == ["worker-gpu0-1", "worker-gpu0-2", "worker-cpu-1"]
    plain = Config.model_validate({"workers": 2})
    assert [name for role, name in members_of(plain) if role is Role.WORKER] == ["worker-1", "worker-2"]


def test_a_worker_knows_its_pool_by_what_it_is_called_or_is_told() -> None:
    both = _config(GPU, CPU)
    assert pool_of(both, "worker-gpu0-2").name == "gpu0"
    assert pool_of(both, "worker", "cpu").name == "cpu"
    assert pool_of(Config(), "worker-7").name == ""
    for named in (None, "gpu1"):
        with pytest.raises(ConfigError, match=rf"--pool: expected one of .*\(gpu0, cpu\), found {named or 'none'}"):
            pool_of(both, "worker-1", named)
    with pytest.raises(ConfigError, match="none that has a name"):
        pool_of(Config(), "worker-1", "gpu0")


@pytest.mark.parametrize(
    ("called", "pool"),
    [
        ("worker-gpu0-2", "gpu0"),
        ("worker-gpu0-9", "gpu0"),  # another machine may have more of them
        ("worker-gpu0-1-2", "gpu0-1"),
        ("worker-gpu0", "gpu0"),
        ("worker-gpu0-1-1", "gpu0-1"),
        ("worker-gpu0-1", None),  # the first of gpu0, or one of gpu0-1
        ("worker-gpu1-1", None),
        ("worker-1", None),
        ("worker", None),
        ("worker-gpu0-", None),
    ],
)
def test_the_pool_of_any_worker_is_told_by_what_it_is_called(called: str, pool: str | None) -> None:
    config = _config(GPU, {**GPU, "name": "gpu0-1"}, CPU)
    assert pool_called(config, called) == pool


def test_what_a_pool_does_not_say_is_as_for_all() -> None:
    both = _config(GPU, CPU, inference={"device": "cpu", "threads": 1})
    gpu, cpu = (as_of(both, pool) for pool in both.workers)
    assert (gpu.inference.device, gpu.inference.threads) == ("cuda:0", 1)
    assert (cpu.inference.device, cpu.inference.threads) == ("cpu", 3)
    assert [each.name for each in cpu.workers] == ["cpu", "gpu0"]
    assert (cpu.worker_count, cpu.secrets) == (3, both.secrets)


@pytest.mark.parametrize(
    ("pools", "takes"),
    [
        ([GPU, CPU], [{CT}, {XRAY}]),
        ([GPU], [{CT, XRAY}]),
        ([GPU, {"name": "rest"}], [{CT}, {CT, XRAY}]),
    ],
)
def test_what_no_pool_names_is_taken_by_all(pools: list[dict[str, Any]], takes: list[set[Stratum]]) -> None:
    config = _config(*pools)
    assert [taken_by(as_of(config, pool)) for pool in config.workers] == takes
