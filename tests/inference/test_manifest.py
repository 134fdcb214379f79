"""A manifest is read strictly, and every refusal names file and line."""

import re
from pathlib import Path

import pytest

from triaged.errors import ConfigError, ModelRefused
from triaged.inference.kinds.ct_multitask import CtSettings, Thresholds
from triaged.inference.package import read_manifest
from triaged.study.coding import Code


def line_of(text: str, start: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if line.strip().startswith(start))


def test_a_manifest_becomes_values(package: Path) -> None:
    manifest = read_manifest(package)
    assert manifest.name == "simple"
    thresholds = Thresholds(lung=0.5, lesion=0.2, identification=0.5)
    assert manifest.settings == CtSettings((2.0, 2.0), (-1000.0, 300.0), thresholds, 0.75)
    assert manifest.codes == {"lung": Code("39607008", "SCT", "Lung")}
    assert list(manifest.graphs) == ["lungs", "backbone", "head"]
    assert manifest.graphs["backbone"].path == package / "backbone.onnx"
    assert dict(manifest.graphs["backbone"].outputs) == {"lesion": ("n", 1, "rows", "columns"), "cells": ("n", 1, 85)}


@pytest.mark.parametrize(
    ("found", "replacement", "key", "expected"),
    [
        ("version:", "versoin:", "version", "expected this key"),
        ("licence: Apache-2.0", "licence: 2", "licence", "expected text"),
        ("kind: ct-multitask", "kind: mri", "kind", "expected ct-multitask"),
        ("lesion: 0.2", "lesion: 20", "thresholds.lesion", "between 0 and 1"),
        ("lesion: 0.2", "lesion: .nan", "thresholds.lesion", "expected a number"),
        ("[-1000, 300]", "[300, -1000]", "window_hu", "lower HU first"),
        ("[-1000, 300]", "[-1000]", "window_hu", "two numbers"),
        ("[2.0, 2.0]", "[0, 2.0]", "spacing_mm", "positive millimetres"),
        ("[2.0, 2.0]", "wide", "spacing_mm", "expected a list"),
        ("2.25.1234", "1.2.3", "device_uid", "2.25"),
        ("file: lungs.onnx", "file: ../lungs.onnx", "networks.lungs.file", "name of a file"),
        ("[n, 585]", "[n, -1]", "networks.head.inputs.pooled", "positive size"),
        ("{pooled: [n, 585]}", "5", "networks.head.inputs", "expected a mapping"),
    ],
)
def test_a_wrong_value_is_refused_by_name(
    package: Path, manifest_text: str, found: str, replacement: str, key: str, expected: str
) -> None:
    assert found in manifest_text
    (package / "manifest.yaml").write_text(manifest_text.replace(found, replacement, 1))
    with pytest.raises(ModelRefused, match=f"manifest.yaml:[0-9]+: {re.escape(key)}: .*{re.escape(expected)}"):
        read_manifest(package)


@pytest.mark.parametrize("before", ["version:", "networks:", "sha256:"])
def test_an_unknown_key_is_refused_with_its_line(package: Path, manifest_text: str, before: str) -> None:
    line = line_of(manifest_text, before)
    lines = manifest_text.splitlines()
    indent = len(lines[line - 1]) - len(lines[line - 1].lstrip())
    lines.insert(line - 1, " " * indent + "colour: green")
    (package / "manifest.yaml").write_text("\n".join(lines))
    with pytest.raises(ModelRefused, match=f"manifest.yaml:{line}: .*colour: unknown key"):
        read_manifest(package)


def test_a_missing_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a readable manifest"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("text", ["{", "- a list", "", "a: 1\na: 2"])
def test_a_manifest_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.yaml").write_text(text)
    with pytest.raises(ModelRefused, match=r"manifest\.yaml: expected (YAML|a mapping)"):
        read_manifest(tmp_path)
