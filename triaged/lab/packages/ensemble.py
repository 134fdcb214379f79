"""Writes an ensemble: names its members with their digests, and fits their vote to tuning cases.

A label says who takes part, in which groups, and among which thresholds the fit chooses. Must not know graphs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

from triaged.errors import ConfigError
from triaged.inference.identity import model_sha256
from triaged.inference.kinds.ct_ensemble import CT_ENSEMBLE, LUNGS
from triaged.inference.kinds.ct_lesions import CT_LESIONS
from triaged.inference.kinds.ct_multitask import CT_MULTITASK
from triaged.inference.kinds.reader import READER
from triaged.inference.manifest import MANIFEST_NAME
from triaged.inference.package import load_of_kind, load_package, read_manifest
from triaged.inference.vote import Group, Rule
from triaged.lab.packages.members import COMMON, read_said
from triaged.lab.packages.packaging import CODES
from triaged.lab.packages.tuning import read_cases
from triaged.lab.packages.voting import Choice, Fitted, TuningCase, fit_without_idle, score_of_vote

GROUP_KEYS: Final = {"members", "rule", "for", "against"}


@dataclass(frozen=True, slots=True)
class Ensemble:
    """What a label says: the manifest's common part, the packages of the parts by name, and what may be fitted."""

    common: Mapping[str, Any]
    parts: Mapping[str, str]
    choices: tuple[Choice, ...]


def write_ensemble(
    label: Path, package: Path, tune: Sequence[Path], threads: int, report: Callable[[str], None]
) -> Fitted:
    """Fit the vote on the series of the folders `tune`, write the package without members that do not help, load it.

    Raises:
        ConfigError: the label is not what it must be, or a folder has no series.
        ModelRefused: a part is missing, or of another kind, window or spacing than its place needs.
    """
    said = read_ensemble(label)
    beside = package.absolute().parent
    reader = load_of_kind(CT_MULTITASK, beside / said.parts[READER], "cpu", threads)
    members = {
        name: load_of_kind(CT_LESIONS, beside / folder, "cpu", threads)
        for name, folder in said.parts.items()
        if name not in (READER, LUNGS)
    }
    cases = [case for folder in tune for case in read_cases(folder, reader, members, report)]
    thresholds = {READER: reader.manifest.settings.thresholds.lesion}
    thresholds |= {name: member.manifest.settings.lesion for name, member in members.items()}
    for line in told_alone(thresholds, cases):
        report(line)
    fitted, dropped = fit_without_idle(said.choices, cases, READER)
    report(f"{len(cases)} tuning cases: the vote reaches {fitted.score:.4f} with {', '.join(fitted.members)}")
    for name in dropped:
        report(f"{name} is left out: the score is higher without it")
    kept = {name: folder for name, folder in said.parts.items() if name not in dropped}
    _write(package, said.common, kept, fitted.vote)
    load_package(package, "cpu", threads)
    return fitted


def told_alone(thresholds: Mapping[str, float], cases: Sequence[TuningCase]) -> list[str]:
    """Return a line for each member: the score that it reaches alone, at its own threshold."""
    lines = []
    for name, threshold in thresholds.items():
        reached = score_of_vote([Group((name,), Rule.MEAN, threshold, None)], cases)
        lines.append(f"{name} alone, above {threshold:g}: {reached:.4f}")
    return lines


def read_ensemble(label: Path) -> Ensemble:
    """Return what the label of an ensemble says.

    Raises:
        ConfigError: it lacks something or has something too much, or a group names somebody who takes no part.
    """
    said = read_said(label)
    wanted = {*COMMON, "method", "parts", "vote"}
    if set(said) != wanted or said["kind"] != CT_ENSEMBLE.name:
        raise ConfigError(f"{label}: expected kind: {CT_ENSEMBLE.name} and {', '.join(sorted(wanted))}")
    parts = {str(name): str(folder) for name, folder in dict(said["parts"]).items()}
    if READER not in parts:
        raise ConfigError(f"{label}: parts: expected a part {READER}, found {', '.join(parts)}")
    voters = set(parts) - {LUNGS}
    choices = tuple(_choice(dict(group), voters, label) for group in said["vote"])
    return Ensemble({name: said[name] for name in (*COMMON, "method")}, parts, choices)


def _choice(group: Mapping[str, Any], voters: set[str], label: Path) -> Choice:
    members = tuple(str(member) for member in group.get("members", ()))
    if not members or not set(members) <= voters or not {"members", "rule", "for"} <= set(group) <= GROUP_KEYS:
        raise ConfigError(
            f"{label}: vote: expected members among {', '.join(sorted(voters))}, rule, for: found {group}"
        )
    least_for = tuple(float(value) for value in group["for"])
    most_against = (None, *(float(value) for value in group.get("against", ())))
    return Choice(Group(members, Rule(group["rule"]), least_for[0], None), least_for, most_against)


def _write(package: Path, common: Mapping[str, Any], parts: Mapping[str, str], vote: Sequence[Group]) -> None:
    package.mkdir(parents=True, exist_ok=True)
    beside = package.absolute().parent
    named = {
        name: {"package": folder, "sha256": model_sha256(read_manifest(beside / folder))}
        for name, folder in parts.items()
    }
    codes = {
        name: {"value": code.value, "scheme": code.scheme, "meaning": code.meaning} for name, code in CODES.items()
    }
    manifest = {**common, "vote": [_told(group) for group in vote], "codes": codes, "parts": named}
    with (package / MANIFEST_NAME).open("w", encoding="utf-8") as file:
        YAML().dump(manifest, file)


def _told(group: Group) -> dict[str, Any]:
    told: dict[str, Any] = {"members": list(group.members), "rule": group.rule.value, "for": group.least_for}
    return told if group.most_against is None else {**told, "against": group.most_against}
