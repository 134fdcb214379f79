"""What deploys the daemon on Kubernetes: every object is one that there is, and names only what the program has."""

from __future__ import annotations

import re
from pathlib import Path

import kubernetes_validate
import pytest
from ruamel.yaml import YAML

from tests.daemon.manifests import (
    COMPONENT,
    KUBERNETES,
    NAME,
    OVERLAYS,
    Manifest,
    commands,
    config_text,
    container,
    of_kind,
    parsed,
    pods,
    rendered,
    rendered_with_adviser,
)
from triaged.config.loading import parse
from triaged.config.settings import Config
from triaged.daemon.pools import as_of, pool_of
from triaged.daemon.roles import Role
from triaged.study.lifecycle import State
from triaged.web.identity import Mode

OLDEST, NEWEST = "1.25", "1.37"
USER = 10001
each_overlay = pytest.mark.parametrize("overlay", OVERLAYS)


def _problems(manifest: Manifest) -> list[str]:
    found = []
    for version in (OLDEST, NEWEST):
        try:
            kubernetes_validate.validate(dict(manifest), version, strict=True)
        except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
            found.append(f"{version}: {manifest['kind']}: {error.message}")
    return found


def _config(overlay: str, folder: Path) -> Config:
    """Return the settings that the pods of an overlay have, with the example of the Secret in its place."""
    secret = YAML(typ="safe").load(KUBERNETES / "database-secret.example.yaml")
    for name, value in secret["stringData"].items():
        (folder / name).write_text(f"{value}\n")
    path = folder / "config.yaml"
    return parse(config_text(rendered(overlay)).replace("/run/secrets/triaged", str(folder)), path)


@each_overlay
def test_every_object_is_valid_in_the_oldest_and_the_newest_version(overlay: str) -> None:
    secret = YAML(typ="safe").load(KUBERNETES / "database-secret.example.yaml")
    manifests = [*rendered(overlay), secret]
    assert [each for manifest in manifests for each in _problems(manifest)] == []
    kinds = {each["kind"] for each in manifests}
    assert {"HorizontalPodAutoscaler", "NetworkPolicy", "PodDisruptionBudget", "PersistentVolumeClaim"} <= kinds
    assert {each["metadata"].get("namespace", "triaged") for each in manifests} == {"triaged"}


def test_an_object_with_a_word_too_many_is_not_valid() -> None:
    (broken,) = (dict(each) for each in rendered("cpu") if each["kind"] == "HorizontalPodAutoscaler")
    broken["spec"] = {**broken["spec"], "maxReplica": 3}
    assert [each.partition(":")[0] for each in _problems(broken)] == [OLDEST, NEWEST]


@each_overlay
def test_a_pod_for_each_role_starts_it_by_a_command_that_there_is(overlay: str) -> None:
    found = pods(rendered(overlay))
    more = {"worker-gpu"} if overlay == "gpu" else set()
    assert found.keys() == {*(role.value for role in Role if role is not Role.ADVISER), "migrate", *more}
    for name, template in found.items():
        for what, words in commands(template).items():
            if words[0] == "triaged":
                parameters = parsed(words[1:])
                assert what != "start" or parameters.get("role", "migrate") == name.removesuffix("-gpu")


def test_the_adviser_is_a_base_of_its_own(tmp_path: Path) -> None:
    manifests = rendered_with_adviser(tmp_path)
    assert config_text(manifests)  # it has the configuration of the others
    template = pods(manifests)["adviser"]
    assert parsed(commands(template)["start"][1:])["role"] == "adviser"
    assert _problems(of_kind(manifests, "Deployment")["triaged-adviser"]) == []
    assert _common(template) == _common(pods(manifests)["worker"])


@each_overlay
def test_every_key_of_the_configuration_is_one_and_it_asks_who_is_there(overlay: str, tmp_path: Path) -> None:
    settings = _config(overlay, tmp_path)
    assert settings.database.url.startswith("postgresql+psycopg://triaged:PASSWORD@")
    assert settings.storage.path == Path("/var/lib/triaged/spool")
    assert settings.access.mode is Mode.ACCOUNTS
    assert settings.worker_count > 1  # so that none reads ahead what another does


def test_both_configurations_differ_in_what_computes_alone(tmp_path: Path) -> None:
    cpu, gpu = (_config(overlay, tmp_path) for overlay in OVERLAYS)
    assert gpu.model_copy(update={"inference": cpu.inference, "workers": cpu.workers}) == cpu


@each_overlay
def test_every_worker_is_of_a_pool_and_computes_on_what_its_pod_has(overlay: str, tmp_path: Path) -> None:
    settings, found = _config(overlay, tmp_path), pods(rendered(overlay))
    workers = [template for name, template in found.items() if name.startswith("worker")]
    assert len(workers) == len(settings.workers)
    for template in workers:
        asked, limits = parsed(commands(template)["start"][1:]), container(template)["resources"]["limits"]
        inference = as_of(settings, pool_of(settings, asked["name"], asked["pool"])).inference
        assert inference.device == ("cuda" if "nvidia.com/gpu" in limits else "cpu")
        assert inference.device == "cuda" or inference.threads == int(limits["cpu"])


@each_overlay
def test_every_port_is_one_that_a_role_listens_on(overlay: str, tmp_path: Path) -> None:
    settings, manifests = _config(overlay, tmp_path), rendered(overlay)
    served = {"dicom": settings.dicom.port, "web": settings.web.port, "metrics": settings.metrics.port}
    of_pod = {
        name: {port["name"]: port["containerPort"] for port in container(template).get("ports", ())}
        for name, template in pods(manifests).items()
    }
    assert {**of_pod["receiver"], **of_pod["web"]} == served
    for service in of_kind(manifests, "Service").values():
        ports = of_pod[service["spec"]["selector"][COMPONENT]]
        assert all(ports[port["targetPort"]] == port["port"] for port in service["spec"]["ports"])
    for policy in of_kind(manifests, "NetworkPolicy").values():
        named = [port["port"] for rule in policy["spec"].get("ingress", ()) for port in rule["ports"]]
        assert set(named) <= of_pod[policy["spec"]["podSelector"]["matchLabels"].get(COMPONENT, "worker")].keys()
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        asked = container(pods(manifests)["web"])[probe]["httpGet"]
        assert (asked["port"], asked["path"]) == ("web", "/health/live")


@each_overlay
def test_what_an_object_names_is_there(overlay: str) -> None:
    manifests = rendered(overlay)
    claims, secret = of_kind(manifests, "PersistentVolumeClaim"), "triaged-database"
    for template in pods(manifests).values():
        assert template["metadata"]["labels"] == {NAME: "triaged", COMPONENT: container(template)["name"]}
        volumes = {each["name"]: each for each in template["spec"]["volumes"]}
        assert {each["name"] for each in container(template)["volumeMounts"]} == volumes.keys()
        assert volumes["database"]["secret"]["secretName"] == secret
        assert "state" not in volumes or volumes["state"]["persistentVolumeClaim"]["claimName"] in claims
    components = pods(manifests).keys()
    for kind in ("Deployment", "PodDisruptionBudget"):
        for each in of_kind(manifests, kind).values():
            assert each["spec"]["selector"]["matchLabels"] == {NAME: "triaged", COMPONENT: _component(each)}
            assert _component(each) in components
    assert of_kind(manifests, "PodDisruptionBudget").keys() == {"triaged-receiver", "triaged-web"}
    assert claims["triaged-spool"]["spec"]["accessModes"] == ["ReadWriteMany"]


@each_overlay
def test_no_pod_may_more_than_it_needs(overlay: str) -> None:
    image = (KUBERNETES.parent / "Dockerfile").read_text()
    assert f"USER {USER}:{USER}" in image
    manifests = rendered(overlay)
    assert of_kind(manifests, "Namespace")["triaged"]["metadata"]["labels"] == {
        "pod-security.kubernetes.io/enforce": "restricted"
    }
    common = [_common(template) for template in pods(manifests).values()]
    assert all(each == common[0] for each in common)
    assert common[0]["pod"]["runAsUser"] == common[0]["pod"]["fsGroup"] == USER
    assert common[0]["container"]["readOnlyRootFilesystem"]
    for template in pods(manifests).values():
        resources = container(template)["resources"]
        assert "memory" in resources["limits"]
        assert resources["requests"].keys() == {"cpu", "memory"}


@each_overlay
def test_a_pod_has_the_time_to_finish_what_it_is_at(overlay: str) -> None:
    manifests = rendered(overlay)
    stopped = {name: " ".join(commands(template).get("stop", ())) for name, template in pods(manifests).items()}
    finishing = {name for name, stop in stopped.items() if "kill -USR1 1" in stop}
    assert finishing == {name for name in stopped if name.startswith(("receiver", "worker"))}
    for name, template in pods(manifests).items():
        waits_s = sum(int(each) for each in re.findall(r"sleep (\d+)", stopped[name]))
        longest_s = template["spec"].get("terminationGracePeriodSeconds", 30)
        assert waits_s + 10 < longest_s  # SIGTERM, after which a role ends within some seconds
        assert not name.startswith("worker") or waits_s >= 60


@each_overlay
def test_workers_are_scaled_by_a_metric_that_there_is(overlay: str) -> None:
    manifests = rendered(overlay)
    (scaler,) = of_kind(manifests, "HorizontalPodAutoscaler").values()
    assert scaler["spec"]["scaleTargetRef"]["name"] in of_kind(manifests, "Deployment")
    assert "replicas" not in of_kind(manifests, "Deployment")["triaged-worker"]["spec"]
    (metric,) = (each["external"]["metric"] for each in scaler["spec"]["metrics"])
    assert State(metric["selector"]["matchLabels"]["state"]) is State.READY
    (rule,) = YAML(typ="safe").load(KUBERNETES / "prometheus-adapter.yaml")["rules"]["external"]
    assert rule["seriesQuery"].partition("{")[0] == metric["name"]


def test_workers_with_a_gpu_have_its_image_and_one_each() -> None:
    found = pods(rendered("gpu"))
    plain, with_gpu = container(found["worker"]), container(found["worker-gpu"])
    assert with_gpu["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert "nvidia.com/gpu" not in plain["resources"]["limits"]
    assert with_gpu["image"] == f"{plain['image']}-cuda"
    rolling = of_kind(rendered("gpu"), "Deployment")["triaged-worker-gpu"]["spec"]["strategy"]["rollingUpdate"]
    assert rolling == {"maxSurge": 0, "maxUnavailable": 1}


def _common(template: Manifest) -> Manifest:
    """Return what is the same of all pods."""
    spec = template["spec"]
    return {
        "pod": spec["securityContext"],
        "container": container(template)["securityContext"],
        "links": (spec["automountServiceAccountToken"], spec["enableServiceLinks"]),
    }


def _component(manifest: Manifest) -> str:
    return str(manifest["metadata"]["labels"][COMPONENT])
