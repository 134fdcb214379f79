"""Hosts at one PostgreSQL and one bucket, each with a cache of its own: what one acknowledged another one scores.

The store is moto: it shows that the protocol is kept, and not how fast S3 is.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.test_hosts import WITHIN_S, Cluster
from tests.breaking.small_scans import SmallStudy, small_study
from tests.programs import Daemon, until
from tests.spool.object_store import ACCESS_KEY, SECRET_KEY, Environ, always, puts
from tests.spool.places import OneBucket
from tests.wire.peers import DCMTK_ENVIRONMENT

KEY = "TRIAGED_TESTS_S3_KEY"
OUT_OF_RESOURCES = "Refused: OutOfResources"
"""How storescu says 0xA700."""

Start = Callable[..., Daemon]


@pytest.fixture
def cluster(postgresql_url: str, tmp_path: Path) -> Iterator[Cluster]:
    """Hosts that are stopped afterwards."""
    if shutil.which("storescu") is None:
        pytest.skip("DCMTK is not installed")
    hosts = Cluster(postgresql_url, tmp_path)
    yield hosts
    hosts.end()


@pytest.fixture
def host(cluster: Cluster, bucket_place: OneBucket, tmp_path: Path) -> Start:
    """Return what makes a host whose spool is the bucket; it is not started."""

    def made(name: str, **settings: Any) -> Daemon:
        objects = {
            "bucket": bucket_place.options.bucket,
            "endpoint": bucket_place.options.endpoint,
            "access_key": ACCESS_KEY,
            "secret_key": f"${{{KEY}}}",
            "timeout_s": 5,
        }
        storage = {"path": str(tmp_path / f"cache-{name}"), "reserve_mb": 10, "objects": objects}
        daemon = cluster.host(name, storage=storage, **settings)
        daemon.environment[KEY] = SECRET_KEY
        return daemon

    return made


def storescu(to: Daemon, study: SmallStudy) -> subprocess.CompletedProcess[str]:
    """Send a study by DCMTK's storescu, which says how each image was answered."""
    paths = [str(each.path) for each in study.instances]
    command = ["storescu", "-v", "-aec", "TRIAGED", "127.0.0.1", str(to.dicom_port), *paths]
    return subprocess.run(command, env=DCMTK_ENVIRONMENT, capture_output=True, text=True, timeout=120, check=False)


def run(daemon: Daemon, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command on a host."""
    return subprocess.run(
        [sys.executable, "-m", "triaged.cli", *command, "--config", str(daemon.config)],
        env=os.environ | daemon.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_what_one_host_received_is_scored_by_another_that_shares_no_folder(
    cluster: Cluster, host: Start, bucket_place: OneBucket, tmp_path: Path
) -> None:
    receiver, clock, worker = host("a"), host("c"), host("b")
    for daemon, role, event in ((receiver, "receiver", "receiving"), (clock, "clock", "ticking")):
        daemon.launch("--role", role)
        until(lambda: event in daemon.log.read_text(), within_s=90, what=daemon.tail())  # noqa: B023
    study = small_study(1, tmp_path / "studies")
    sent = storescu(receiver, study)
    assert sent.returncode == 0, sent.stdout + sent.stderr
    worker.launch("--role", "worker")
    until(lambda: cluster.states() == {"TRIAGED"}, within_s=WITHIN_S, what=f"scored\n{worker.tail()}")
    assert list((tmp_path / "cache-b").glob("*/*/*.dcm")), "expected that it fetched the images"
    ended = run(clock, "fsck", "--digests", "--json")
    assert json.loads(ended.stdout) == {"agree": True, "files": []}, ended.stderr
    receiver.kill()
    shutil.rmtree(tmp_path / "cache-a")
    assert json.loads(run(clock, "fsck", "--json").stdout) == {"agree": True, "files": []}
    logs = "".join(each.log.read_text() for each in (receiver, clock, worker))
    assert SECRET_KEY not in logs


def test_a_receiver_that_is_killed_between_put_and_row_has_acknowledged_nothing_and_loses_nothing(
    cluster: Cluster, host: Start, bucket_place: OneBucket, tmp_path: Path
) -> None:
    receiver, door = host("a"), bucket_place.store.door

    def receives() -> None:
        receiver.log.write_text("")
        receiver.launch("--role", "receiver")
        until(lambda: "receiving" in receiver.log.read_text(), within_s=90, what=receiver.tail())

    receives()

    def kills(environ: Environ) -> bool:
        if not puts(environ) or not environ["PATH_INFO"].endswith(".dcm"):
            return False
        assert receiver.process is not None
        receiver.process.kill()
        receiver.process.wait(20)
        return True

    study = small_study(1, tmp_path / "studies")
    door.unanswered = kills
    assert "Received Store Response" not in storescu(receiver, study).stdout
    door.works_again()
    assert cluster.rows("SELECT count(*) FROM instance") == [(0,)]
    left = json.loads(run(receiver, "fsck", "--older-than-s", "0", "--json").stdout)
    assert [each["fault"] for each in left["files"] if not each["path"].startswith("incoming/")] == [
        "instance without a row"
    ]
    receives()
    sent = storescu(receiver, study)
    assert sent.returncode == 0, sent.stdout + sent.stderr
    assert cluster.rows("SELECT count(*) FROM instance") == [(len(study.instances),)]
    receiver.stop()
    ended = json.loads(run(receiver, "fsck", "--digests", "--older-than-s", "0", "--json").stdout)
    assert [each for each in ended["files"] if not each["path"].startswith("incoming/")] == []


def test_while_the_bucket_is_away_senders_are_refused_and_health_names_it(
    cluster: Cluster, host: Start, bucket_place: OneBucket, tmp_path: Path
) -> None:
    daemon, door = host("a"), bucket_place.store.door
    daemon.start()
    until(lambda: "all roles serve" in daemon.log.read_text(), within_s=90, what=daemon.tail())
    study = small_study(1, tmp_path / "studies")
    door.refused = puts
    refused = storescu(daemon, study)
    assert OUT_OF_RESOURCES in refused.stdout + refused.stderr
    assert cluster.rows("SELECT count(*) FROM instance") == [(0,)]
    door.refused = always

    def causes() -> list[str]:
        found = _health(daemon)
        return [each for each in found if bucket_place.options.bucket in each]

    until(causes, within_s=60, what=f"health names the bucket\n{daemon.tail()}")
    checked = run(daemon, "check")
    assert checked.returncode != 0
    assert "storage.objects" in checked.stdout
    assert SECRET_KEY not in checked.stdout + checked.stderr
    door.works_again()
    until(lambda: storescu(daemon, study).returncode == 0, within_s=60, what=daemon.tail())
    until(lambda: cluster.states() == {"TRIAGED"}, within_s=WITHIN_S, what=f"scored\n{daemon.tail()}")
    assert daemon.stop() == 0


def _health(daemon: Daemon) -> list[str]:
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{daemon.web_port}/health", timeout=30) as answer:
            found: dict[str, list[str]] = json.load(answer)
    except urllib.error.HTTPError as error:
        found = json.load(error)
    return found["causes"]
