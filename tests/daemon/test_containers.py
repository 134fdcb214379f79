"""What deploys the daemon: container files and scripts are clean, and name only files and settings that there are."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.daemon.manifests import parsed
from triaged.cli.serving import RoleName
from triaged.config.loading import parse
from triaged.config.settings import Config
from triaged.web.identity import Mode

PROJECT = Path(__file__).parents[2]
DEPLOY = PROJECT / "deploy"
CONTAINERS = sorted(DEPLOY.glob("Dockerfile*"))
SCRIPTS = [
    path
    for path in (*sorted(DEPLOY.iterdir()), PROJECT / ".ci" / "run")
    if path.is_file() and path.read_bytes().startswith(b"#!/usr/bin/env bash")
]


def _tool(name: str) -> str:
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip(f"{name} is not installed here")
    return found


@pytest.mark.parametrize("file", CONTAINERS, ids=lambda path: path.name)
def test_hadolint_has_nothing_to_say(file: Path) -> None:
    ran = subprocess.run([_tool("hadolint"), "--no-color", str(file)], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout) == (0, "")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_has_nothing_to_say(script: Path) -> None:
    command = [_tool("shellcheck"), "--severity=warning", "--color=never", str(script)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout) == (0, "")


@pytest.mark.parametrize("file", CONTAINERS, ids=lambda path: path.name)
def test_an_image_copies_what_there_is_and_runs_as_nobody_in_particular(file: Path) -> None:
    said = file.read_text()
    for sources in re.findall(r"(?m)^COPY (?!--from)(.+) \S+$", said):
        for source in sources.split():
            assert (PROJECT / source).exists(), source
    *_, user = re.findall(r"(?m)^USER (\S+)$", said)
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)


def test_what_a_container_starts_with_is_a_configuration_that_asks_who_is_there() -> None:
    path = DEPLOY / "container.yaml"
    settings = parse(path.read_text(), path)
    assert settings.access.mode is Mode.ACCOUNTS
    assert settings.storage.path == Path("/var/lib/triaged/spool")
    assert (settings.dicom.port, settings.web.port) == (11112, 8080)


def test_all_services_of_the_composition_find_each_other() -> None:
    found: dict[str, Any] = YAML(typ="safe").load(DEPLOY / "compose.yaml")
    services, contents = found["services"], {name: each["content"] for name, each in found["configs"].items()}
    for service in services.values():
        for each in service.get("configs", ()):
            assert each["source"] in contents
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert (DEPLOY / source).exists() if source.startswith(".") else source in found["volumes"]
    assert services["triaged"]["build"]["dockerfile"] == "deploy/Dockerfile"
    ours = _ours(contents["triaged"])
    assert ours.database.url == "postgresql+psycopg://triaged:secret@postgres/triaged"
    assert services["postgres"]["environment"]["POSTGRES_USER"] == "triaged"
    assert {each.host for each in ours.destinations} <= services.keys()
    scraped = YAML(typ="safe").load(contents["prometheus"])["scrape_configs"][0]["static_configs"][0]["targets"]
    assert scraped == [f"triaged:{ours.metrics.port}"]
    assert "triaged:8080" in (DEPLOY / "proxy" / "Caddyfile").read_text()
    assert ours.access.origin == "https://localhost"


def test_more_workers_are_containers_of_a_profile_and_end_after_their_study() -> None:
    found: dict[str, Any] = YAML(typ="safe").load(DEPLOY / "compose.yaml")
    whole, worker, gpu = (found["services"][name] for name in ("triaged", "worker", "worker-gpu"))
    for each in (worker, gpu):
        assert parsed(each["command"])["role"] is RoleName.WORKER
        asked = parsed(each["healthcheck"]["test"][2:])
        assert asked["alive_file"] == parsed(each["command"])["alive_file"]
        assert f"{asked['alive_file'].parent}:uid=10001" in each["tmpfs"]
        assert each["stop_signal"] == "SIGUSR1"
        assert int(each["stop_grace_period"].removesuffix("s")) > 60
        for same in ("volumes", "configs", "read_only", "cap_drop", "security_opt"):
            assert each[same] == whole[same]
    assert (worker["profiles"], gpu["profiles"]) == (["workers"], ["gpu"])
    assert gpu["build"]["dockerfile"] == "deploy/Dockerfile.cuda"
    (device,) = gpu["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}


def test_one_machine_has_as_many_receivers_and_workers_as_variables_say() -> None:
    found: dict[str, Any] = YAML(typ="safe").load(DEPLOY / "compose.yaml")
    content = found["configs"]["triaged"]["content"]
    one = _ours(content)
    assert (one.dicom.receivers, one.worker_count) == (1, 1)
    more = _ours(content.replace("${TRIAGED_RECEIVERS:-1}", "2").replace("${TRIAGED_WORKERS:-1}", "4"))
    assert (more.dicom.receivers, more.worker_count) == (2, 4)


def _ours(content: str) -> Config:
    """Return our settings as the container reads them: variables as nobody set them, but for the password."""
    chosen = re.sub(r"\$\{\w+:-(\w+)\}", r"\1", content)
    return parse(re.sub(r"\$\{[^}]*\}", "secret", chosen), Path("config.yaml"))
