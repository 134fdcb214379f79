"""Workers as a number, or as pools that differ; what is said of them wrongly is named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from triaged.config.loading import parse
from triaged.config.pools import PoolSection
from triaged.config.settings import Config
from triaged.errors import ConfigError
from triaged.study.modalities import Stratum

CT, XRAY = Stratum.VOLUME, Stratum.RADIOGRAPH
TWO = """
workers:
  - {name: gpu0, number: 2, device: "cuda:0", threads: 2, memory_mb: 4096, modalities: [CT]}
  - name: rest
"""


def _parsed(text: str) -> Config:
    return parse(text, Path("/etc/triaged/config.yaml"))


def test_a_number_is_one_pool_of_so_many_and_is_written_as_a_number() -> None:
    config = _parsed("workers: 3")
    assert config.workers == (PoolSection(number=3),)
    assert (config.worker_count, config.workers[0].strata) == (3, frozenset(Stratum))
    assert config.model_dump(mode="json")["workers"] == 3
    assert Config().worker_count == 1


def test_pools_say_what_differs() -> None:
    config = _parsed(TWO)
    gpu, rest = config.workers
    assert (gpu.device, gpu.threads, gpu.memory_mb, gpu.strata) == ("cuda:0", 2, 4096, frozenset({CT}))
    assert (rest.number, rest.device, rest.strata) == (1, None, frozenset(Stratum))
    assert config.worker_count == 3
    assert [each["name"] for each in config.model_dump(mode="json")["workers"]] == ["gpu0", "rest"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("workers: 0", ":1: workers: expected a whole number from 1 to 64, or a list of pools, found 0"),
        ("workers: true", ":1: workers: expected a whole number from 1 to 64, or a list of pools, found True"),
        ("workers: []", ":1: workers: expected a whole number from 1 to 64, or a list of pools, found a list"),
        ("workers: [{name: a}, {name: b, number: 0}]", ":1: workers[1].number: expected at least 1, found 0"),
        ("workers:\n - {name: a}\n - {name: a}", ":3: workers[1].name: expected a name that no other pool has"),
        ("workers:\n - {number: 2}\n - {name: a}", ":2: workers[0].name: expected a name that no other pool has"),
        ("workers:\n - {name: A B}", ":2: workers[0].name: expected text that matches"),
        (
            "workers:\n - {name: a, device: gpu}",
            ":2: workers[0].device: expected auto, cpu, cuda, or one GPU",
        ),
        ("workers:\n - {name: a, modalities: [MR]}", ":2: workers[0].modalities[0]: expected 'CT' or 'X-ray'"),
        ("workers:\n - {name: a, number: 60}\n - {name: b, number: 5}", "at most 64 workers together"),
        ("\nworkers: [{name: a, modalities: [X-ray]}]", ":2: workers: expected a pool that takes CT;"),
        (
            "models: {cxr: cxr-two-stage}\nworkers: [{name: a, modalities: [CT]}]",
            ":2: workers: expected a pool that takes X-ray;",
        ),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        _parsed(text)
    assert said in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_x_rays_that_nothing_reads_need_no_pool() -> None:
    assert _parsed("workers: [{name: a, modalities: [CT]}]").workers[0].strata == {CT}
