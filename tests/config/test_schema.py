"""The JSON Schema and the table of keys are those of the models, and accept what the models accept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from triaged.cli.config_keys import SINCE, keys_text, schema_text
from triaged.config.loading import parse
from triaged.config.schema import schema
from triaged.config.settings import Config
from triaged.daemon.changes import RESTART
from triaged.errors import ConfigError

PROJECT = Path(__file__).parents[2]
SHIPPED = (PROJECT / "config.yaml").read_text(encoding="utf-8")
VALID = [
    SHIPPED,
    "web:\ndicom:\n",
    "destinations: [{name: pacs, ae_title: PACS, host: h, port: 104, objects: [sc]}]",
    "pushes: [{name: ris, kind: hl7, host: h, port: 2575}]",
    "retired: {old: drop, older: hold}",
    "web: {groups: {Chest: [anna, ben]}}",
    "triage: {grade_cut_offs: [0.1, 0.2, 0.3, 0.4], operating_point: {sensitivity: 0.9, specificity: 0.8}}",
    "rules: [{name: trials, when: {sender: [A, B*], age_years: {below: 16}}, then: {ignore: true}}]",
    "rules: [{name: er, when: {sender: CT_ER, slice_mm: 3}, then: {urgency: high}}]",
    "series: [{name: lung, when: {series_description: {contains: lung}}, then: prefer}]",
]
INVALID = [
    "dicom: {prot: 104}",
    "dicom: {port: '104'}",
    "dicom: {port: 70000}",
    "workers: 0",
    "retired: {old: keep}",
    "triage: {scheme: severty}",
    "destinations: [{name: pacs, ae_title: PACS, host: h}]",
    "rules: [{name: a, when: {sender: {equal: A}}, then: {ignore: true}}]",
    "logging: [INFO]",
]


VALIDATOR = Draft202012Validator(schema())


def _is_valid(given: Any) -> bool:
    return bool(VALIDATOR.is_valid(given))


def _read(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def test_the_schema_in_the_repository_is_the_one_of_the_models() -> None:
    assert (PROJECT / "config.schema.json").read_text(encoding="utf-8") == schema_text(), (
        "run: triaged config schema > config.schema.json"
    )
    Draft202012Validator.check_schema(VALIDATOR.schema)
    assert SHIPPED.startswith("# yaml-language-server: $schema=config.schema.json\n")


def test_the_document_of_keys_is_the_one_of_the_models() -> None:
    assert (PROJECT / "docs/configuration.md").read_text(encoding="utf-8") == keys_text(), (
        "run: triaged config keys > docs/configuration.md"
    )
    found = keys_text()
    for key in ("dicom.port", "destinations[].storage_commitment", "triage.guard.lag_min", "worker.longest_s"):
        assert f"| `{key}` |" in found
    for key in RESTART:
        assert f"| `{key}` " in found
    assert found.count("**restart of the daemon**") == len(RESTART)
    for key, version in SINCE.items():
        rows = [row for row in found.splitlines() if row.startswith((f"| `{key}`", f"| `{key}.", f"| `{key}["))]
        assert rows
        assert all(row.endswith(f"| {version} |") for row in rows)
    assert found.count("\n## ") == len(Config.model_fields)


@pytest.mark.parametrize("text", VALID)
def test_what_the_models_accept_the_schema_accepts(text: str, tmp_path: Path) -> None:
    parse(text, tmp_path / "config.yaml")
    assert _is_valid(_read(text))


@pytest.mark.parametrize("text", INVALID)
def test_what_has_another_key_or_type_neither_accepts(text: str, tmp_path: Path) -> None:
    assert not _is_valid(_read(text))
    with pytest.raises(ConfigError):
        parse(text, tmp_path / "config.yaml")


@pytest.mark.parametrize("reference", ["${NAME}", {"file": "/run/secrets/x"}])
@pytest.mark.parametrize("section", ["database", "web"])
def test_the_schema_accepts_references_in_the_place_of_texts(section: str, reference: Any) -> None:
    key = {"database": "url", "web": "host"}[section]
    assert _is_valid({section: {key: reference}})
    assert not _is_valid({section: {key: {"file": "x", "more": 1}}})
