"""By what the results of an examination are known: its engine, and a digest of all settings that alter a result.

Derived UIDs rest on both, so nothing here may change its form. Must not know the configuration or any one examination.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from importlib.metadata import version
from typing import Any

from triaged.inference.identity import Engine, model_sha256
from triaged.inference.manifest import Manifest
from triaged.triage.scheme import Discipline, TriageOptions, described


def engine_of(manifest: Manifest[Any], settings: str) -> Engine:
    """Return the engine that a package is, under settings of this digest."""
    software = version("triaged")
    return Engine(manifest.name, manifest.version, model_sha256(manifest), manifest.device_uid, software, settings)


def settings_digest(triage: TriageOptions, *others: object) -> str:
    """Return one digest of what alters a result; in which order studies are read does not.

    It rests on the `repr` of `others`: the options of the examination, and the settings of its pictures.
    """
    policy = replace(triage, discipline=Discipline.HEAD_START, strict_cap_min=0)
    return sha256(repr((described(policy), *others)).encode()).hexdigest()[:12]
