"""One version of the configuration for one daemon: what the supervisor read is what every role has."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from triaged.config.shipped import shipped
from triaged.daemon.handover import CONFIG_VARIABLE, NOTICES_VARIABLE, Handover, handed_over, notices
from triaged.daemon.versions import version_from, version_of
from triaged.errors import ConfigError

NOWHERE = Path("/etc/triaged/config.yaml")
EVERYTHING = {
    "dicom": {"ae_title": "HERE", "allowed_calling_ae_titles": ["A", "B"]},
    "database": {"url": "postgresql://u:secret@host:5432/triaged"},
    "destinations": [{"name": "pacs", "ae_title": "P", "host": "h", "port": 104, "objects": ["sc"]}],
    "pushes": [{"name": "ris", "kind": "webhook", "url": "https://ris.example/x"}],
    "access": {"mode": "accounts", "proxies": ["10.0.0.0/8"]},
    "web": {"host": "0.0.0.0", "viewer_url": "https://v.example/?s={study_instance_uid}"},
    "triage": {"scheme": "combined", "grade_cut_offs": [0.02, 0.25, 0.5, 0.75]},
}


def _taken(monkeypatch: pytest.MonkeyPatch, handover: Handover) -> None:
    for name, value in handover.environment.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("settings", [{}, EVERYTHING], ids=["defaults", "everything"])
def test_a_role_has_exactly_what_the_supervisor_read(
    settings: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.yaml").write_text(json.dumps(settings))
    version = version_of(tmp_path / "config.yaml")
    handover = Handover(version)
    _taken(monkeypatch, handover)
    (tmp_path / "config.yaml").write_text("\t edited meanwhile")
    assert handed_over() == version
    assert handed_over() == version  # it can be read again, as by another role
    handover.close()


def test_the_shipped_configuration_survives_the_handing_over(monkeypatch: pytest.MonkeyPatch) -> None:
    version = version_of(shipped("config.yaml"))
    handover = Handover(version)
    _taken(monkeypatch, handover)
    assert handed_over() == version
    handover.close()


def test_a_password_is_neither_in_the_environment_nor_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    handover = Handover(version_from(json.dumps(EVERYTHING), NOWHERE))
    assert "secret" not in repr(handover.environment)
    assert all(os.readlink(f"/proc/self/fd/{each}").startswith("/memfd:") for each in handover.descriptors)
    with pytest.raises(OSError):
        os.pwrite(handover.descriptors[0], b"x", 0)
    handover.close()


def test_a_role_that_a_person_starts_has_nothing_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CONFIG_VARIABLE, raising=False)
    monkeypatch.delenv(NOTICES_VARIABLE, raising=False)
    assert handed_over() is None
    assert notices() == []


def test_what_is_no_configuration_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    handle = os.memfd_create("other")
    os.pwrite(handle, b"\0", 0)
    monkeypatch.setenv(CONFIG_VARIABLE, str(handle))
    with pytest.raises(ConfigError, match="of a supervisor"):
        handed_over()
    os.close(handle)


def test_notices_reach_roles_that_run_already(monkeypatch: pytest.MonkeyPatch) -> None:
    handover = Handover(version_from("", NOWHERE))
    _taken(monkeypatch, handover)
    assert notices() == []
    handover.notice(["worker-1 was replaced", "configuration rejected: é\u2028"])
    assert notices() == ["worker-1 was replaced", "configuration rejected: é\u2028"]
    handover.notice(["x" * 200_000] * 9)
    assert notices() == ["x" * 2000] * 5
    handover.notice([])
    assert notices() == []
    handover.close()
