"""The files of deploy/kubernetes as a cluster would get them: rendered by kubectl, which needs no cluster for that."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import typer
from ruamel.yaml import YAML

from triaged.cli.program import app

KUBERNETES = Path(__file__).parents[2] / "deploy" / "kubernetes"
OVERLAYS = ("cpu", "gpu")
NAME, COMPONENT = "app.kubernetes.io/name", "app.kubernetes.io/component"

Manifest = Mapping[str, Any]


@functools.cache
def rendered(overlay: str) -> Sequence[Manifest]:
    """Return the objects of an overlay; the test is skipped where there is no kubectl."""
    return _rendered(KUBERNETES / "overlays" / overlay)


def rendered_with_adviser(folder: Path) -> Sequence[Manifest]:
    """Return the objects of an overlay of one's own, in this folder, that takes the adviser too."""
    bases = [os.path.relpath(KUBERNETES / each, folder.resolve()) for each in ("base", "adviser")]
    (folder / "kustomization.yaml").write_text(f"namespace: triaged\nbases: {bases}\n")
    return _rendered(folder)


def _rendered(folder: Path) -> Sequence[Manifest]:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed here (Debian: kubernetes-client)")
    ran = subprocess.run([kubectl, "kustomize", str(folder)], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    return list(YAML(typ="safe").load_all(ran.stdout))


def of_kind(manifests: Sequence[Manifest], kind: str) -> dict[str, Manifest]:
    """Return the objects of one kind by name."""
    return {each["metadata"]["name"]: each for each in manifests if each["kind"] == kind}


def pods(manifests: Sequence[Manifest]) -> dict[str, Manifest]:
    """Return what each Deployment and Job has its pods made by, by the name of their one container."""
    templates = [
        each["spec"]["template"] for kind in ("Deployment", "Job") for each in of_kind(manifests, kind).values()
    ]
    return {container(each)["name"]: each for each in templates}


def container(template: Manifest) -> Manifest:
    """Return the one container of a pod."""
    (only,) = template["spec"]["containers"]
    found: Manifest = only
    return found


def config_text(manifests: Sequence[Manifest]) -> str:
    """Return the configuration that the pods get."""
    ((name, found),) = of_kind(manifests, "ConfigMap").items()
    volumes = [each["spec"]["volumes"] for each in pods(manifests).values()]
    assert all({"name": "config", "configMap": {"name": name}} in each for each in volumes)
    return str(found["data"]["config.yaml"])


def commands(template: Manifest) -> dict[str, list[str]]:
    """Return what runs in a container, by what for: `start` and `stop`, and each probe that is a command.

    The image's entry point is `triaged`.
    """
    found = {"start": ["triaged", *container(template)["args"]]}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        if "exec" in container(template).get(probe, {}):
            found[probe] = list(container(template)[probe]["exec"]["command"])
    if "lifecycle" in container(template):
        found["stop"] = list(container(template)["lifecycle"]["preStop"]["exec"]["command"])
    return found


def parsed(words: Sequence[str]) -> Mapping[str, Any]:
    """Return the parameters of a command as the program parses them, which refuses what it does not know."""
    command: Any = typer.main.get_command(app)
    context = command.make_context("triaged", list(words))
    name, found, rest = command.resolve_command(context, list(words))
    return dict(found.make_context(name, rest, parent=context).params)
