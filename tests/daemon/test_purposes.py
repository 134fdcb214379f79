"""What the daemon says that it looks for, with the engines that the settings name."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

from triaged.config.loading import load
from triaged.daemon.examinations import purposes

MODELS = Path(__file__).parents[2] / "onnx_models"


def _said(settings: Path, folder: Path, ct: str, cxr: str = "none") -> tuple[str, ...]:
    path = settings / "config.yaml"
    path.write_text(f"models: {{folder: {folder}, ct: {ct}, cxr: {cxr}}}\n", encoding="utf-8")
    return purposes(load(path))


def _version(name: str) -> str:
    (found,) = re.findall(r"^version: *\"?([^\"\n]+)", (MODELS / name / "manifest.yaml").read_text(), re.MULTILINE)
    return str(found)


def test_each_examination_says_what_it_looks_for_and_what_not_by_which_version(tmp_path: Path) -> None:
    said = _said(tmp_path, MODELS, "ct-open", "cxr-open")
    ct, cxr = _version("ct-open"), _version("cxr-open")
    assert said[0].startswith(f"Looked for on chest CT, by ct-open {ct}: lung opacity as in COVID-19")
    assert said[1].startswith(f"Looked for on chest X-ray, by cxr-open {cxr}: lung opacity of any cause")
    for each in said:
        assert all(word in each for word in ("Not looked for:", "masses", "fluid", "emboli", "pneumothorax"))


def test_an_engine_without_a_package_has_the_version_of_the_software(tmp_path: Path) -> None:
    (said, *_) = _said(tmp_path, MODELS, "threshold")
    assert f"by threshold {version('triaged')}:" in said


def test_a_package_that_is_not_on_this_machine_is_named_by_its_name_alone(tmp_path: Path) -> None:
    (said, *_) = _said(tmp_path, tmp_path, "ct-elsewhere")
    assert said.startswith("Looked for on chest CT, by ct-elsewhere: ")
