"""Under which name the daemon's engine publishes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.inference.xray_packages import write_xray_package
from triaged.config.settings import Config
from triaged.daemon import checks, models
from triaged.daemon.examinations import engine_and_pipeline

_PRINT = (
    "from triaged.triage.scheme import TriageOptions, described\n"
    "from hashlib import sha256\n"
    "print(sha256(described(TriageOptions()).encode()).hexdigest())"
)


def _digest(triage: Mapping[str, object]) -> str:
    config = Config.model_validate({"models": {"ct": "threshold"}, "triage": triage})
    return engine_and_pipeline(config)[0].settings_digest


def test_every_process_describes_one_policy_by_the_same_text() -> None:
    """Else a worker that takes over publishes other objects than the one that was killed."""
    found = {
        subprocess.run(
            [sys.executable, "-c", _PRINT],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2", "3", "4")
    }
    assert len(found) == 1


@pytest.mark.parametrize(
    "triage", [{"cut_offs": {"s2": 0.3}}, {"repeat_sd_points": 2.0}, {"scheme": "combined"}], ids=str
)
def test_settings_that_alter_a_result_give_its_objects_other_names(triage: dict[str, object]) -> None:
    assert _digest(triage) != _digest({})


@pytest.mark.parametrize("triage", [{"discipline": "fifo"}, {"strict_cap_min": 60}, {"prevalence": 0.1}], ids=str)
def test_the_order_of_reading_alters_no_result(triage: dict[str, object]) -> None:
    assert _digest(triage) == _digest({})


def test_a_second_engine_that_reads_no_ct_is_refused_by_the_check_as_the_first_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    manifest = SimpleNamespace(name="lungs", version="1", kind="ct-lungs")
    monkeypatch.setattr(models, "load_package", lambda *_, **__: SimpleNamespace(manifest=manifest, device="cpu"))
    config = Config.model_validate({"models": {"ct": "threshold", "second": ["lungs"]}})
    rows = {each.what: each for each in checks.check(config)}
    assert rows["models.ct threshold"].passed
    assert not rows["models.second lungs"].passed
    assert "expected networks that read a CT" in rows["models.second lungs"].found


OTHER_POLICY = {"scheme": "combined", "cut_offs": {"s2": 0.3}, "grade_cut_offs": [0.02, 0.25, 0.5, 0.75]}


@pytest.mark.parametrize(
    ("change", "digest"),
    [
        ({}, "32b619c554f5"),
        ({"pictures": {"palette": "viridis"}}, "73dd09d58c43"),
        ({"triage": OTHER_POLICY}, "3828ffa330c5"),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    ("name", "model_sha256", "device_uid"),
    [
        (
            "threshold",
            "52727859900e27f243a3b0abe0bcacd0a193b42eeeeaa9330e6abea37d82e2f4",
            "2.25.283474394663435293841794054663904035263",
        ),
        (
            "ct-open",
            "341e135f289d88fc733c96cfb85fa8c480fa5f8cfa8a56a59137169f0dbfda30",
            "2.25.327369625841210968214643974350845638170",
        ),
        (
            "ct-research",
            "efa32ed99f479f7a0d1e23e198ffbbbf348db16075798e605fa6260950d9cb4f",
            "2.25.153143421090524547530448436894180750501",
        ),
    ],
)
def test_an_engine_is_known_by_what_it_was_always_known_by(
    change: dict[str, object], digest: str, name: str, model_sha256: str, device_uid: str
) -> None:
    """Else every study that is scored again gets objects of other UIDs, and the PACS holds each of them twice.

    The identity of `threshold` follows the version of the software, here 0.1.0.
    """
    engine = engine_and_pipeline(Config.model_validate({"models": {"ct": name}, **change}))[0]
    assert engine.settings_digest == digest
    assert engine.model_sha256 == model_sha256
    assert engine.device_uid == device_uid


def test_a_package_that_reads_x_rays_is_checked_and_one_that_reads_ct_is_refused_in_its_place(tmp_path: Path) -> None:
    write_xray_package(tmp_path / "simple")
    at = {"folder": str(tmp_path), "ct": "threshold"}
    rows = {each.what: each for each in checks.check(Config.model_validate({"models": {**at, "cxr": "simple"}}))}
    assert rows["models.cxr simple"].passed
    swapped = {each.what: each for each in checks.check(Config.model_validate({"models": {**at, "ct": "simple"}}))}
    assert "kind: expected ct-multitask or ct-ensemble or ct-cascade" in swapped["models.ct simple"].found
    ct = {"models": {"ct": "threshold", "cxr": "ct-open"}}
    refused = {each.what: each for each in checks.check(Config.model_validate(ct))}["models.cxr ct-open"]
    assert not refused.passed
    assert "kind: expected cxr-two-stage" in refused.found
