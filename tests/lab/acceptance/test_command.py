"""`triaged model accept` writes a sealed report whatever the cases are, and `triaged model verify` checks it.

The cases here cannot be read, so that no network runs: what the figures are is tried elsewhere.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.cli.site import Ended, run


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    (tmp_path / "not-ct.nii.gz").write_bytes(b"no image")
    path = tmp_path / "cases.csv"
    path.write_text(
        "case,patient,group,images,severity\na,secret-name,covid,not-ct.nii.gz,0.4\nb,other-name,normal,not-ct.nii.gz,\n",
        encoding="utf-8",
    )
    return path


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key.pem"
    private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


def accept(cases: Path, *more: str) -> Ended:
    folder = cases.parent
    engine = ("--pipeline", "threshold", "--config", str(folder / "none.yaml"))
    brief = ("--replications", "2", "--days", "0.5", "--date", "2025-03-14", "--signer", "Dr A")
    return run("model", "accept", "--cases", str(cases), "--out", str(folder / "out"), *engine, *brief, *more)


def test_a_report_is_written_signed_and_verified(cases: Path, key: Path) -> None:
    ended = accept(cases, "--key", str(key))
    assert ended.code == 0, ended.err
    assert "too few cases to say" in ended.out
    report = cases.parent / "out" / "acceptance.json"
    checked = run("model", "verify", str(report))
    assert checked.code == 0, checked.err
    assert "unchanged" in checked.out
    assert "signed by the key beside it" in checked.out
    content = json.loads(report.read_text(encoding="utf-8"))
    assert content["sha256"] in (cases.parent / "out" / "acceptance.html").read_text(encoding="utf-8")
    assert content["report"]["files"]["cases"] == sha256(cases.read_bytes()).hexdigest()
    assert (content["report"]["date"], content["report"]["signer"]) == ("2025-03-14", "Dr A")
    assert {each["outcome"] for each in content["report"]["cases"]} == {"not read"}


def test_no_patient_of_the_list_is_named_in_what_is_written_or_said(cases: Path) -> None:
    ended = accept(cases)
    written = "".join(path.read_text(encoding="utf-8") for path in (cases.parent / "out").iterdir())
    for name in ("secret-name", "other-name"):
        assert name not in written + ended.out + ended.err


def test_a_changed_report_ends_with_an_error(cases: Path) -> None:
    assert accept(cases).code == 0
    report = cases.parent / "out" / "acceptance.json"
    report.write_text(report.read_text(encoding="utf-8").replace("Dr A", "Dr B"), encoding="utf-8")
    ended = run("model", "verify", str(report))
    assert ended.code == 1
    assert "the report was changed" in ended.err


def test_the_same_cases_give_the_same_digest_and_another_case_another(cases: Path) -> None:
    def digest() -> str:
        assert accept(cases).code == 0
        content = json.loads((cases.parent / "out" / "acceptance.json").read_text(encoding="utf-8"))
        return str(content["sha256"])

    first = digest()
    assert digest() == first
    (cases.parent / "not-ct.nii.gz").write_bytes(b"another image")
    assert digest() != first


def test_a_trace_shorter_than_its_warm_up_is_refused_before_any_case_is_read(cases: Path) -> None:
    trace = cases.parent / "trace.csv"
    trace.write_text("arrived\n2025-03-01T08:00\n2025-03-01T09:00\n", encoding="utf-8")
    ended = accept(cases, "--arrivals", str(trace))
    assert ended.code == 2
    assert "longer than its warm-up" in ended.err
    assert not (cases.parent / "out").exists()
