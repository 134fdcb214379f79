"""The daemon asks its own receiver whether it answers, by TLS alone too, and warns of certificates in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.ports import free_port
from tests.wire.authority import Authority
from tests.wire.peers import receiving
from triaged.config.loading import load
from triaged.daemon.own_receiver import receiver_problems
from triaged.daemon.security import certificate_warnings


def test_a_receiver_that_speaks_tls_alone_answers_the_daemon(tmp_path: Path, sqlite_url: str) -> None:
    authority = Authority(tmp_path)
    port = free_port()
    (tmp_path / "config.yaml").write_text(
        "dicom:\n  host: 127.0.0.1\n"
        f"  tls: {{certificate: own.crt, key: own.key, ca_file: authority.pem, port: {port}, plain: false}}\n"
    )
    authority.issue("own", hosts=())
    config = load(tmp_path / "config.yaml")
    assert receiver_problems(config.dicom)
    setup = config.dicom.options().secured
    with receiving(tmp_path, sqlite_url, secured=setup, tls_port=port, has_plain_port=False):
        assert receiver_problems(config.dicom) == []


def test_certificates_are_warned_of_a_month_before_and_when_they_cannot_be_read(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    authority.issue("own", days=50)
    (tmp_path / "config.yaml").write_text("dicom: {tls: {certificate: own.crt, key: own.key, ca_file: authority.pem}}")
    config, now = load(tmp_path / "config.yaml"), datetime.now(UTC)
    assert certificate_warnings(config, now=now) == []
    (soon,) = certificate_warnings(config, now=now + timedelta(days=25))
    assert "own.crt expires on" in soon
    (gone,) = certificate_warnings(config, now=now + timedelta(days=60))
    assert "own.crt has expired" in gone
    (tmp_path / "own.crt").unlink()
    (unreadable,) = certificate_warnings(config, now=now)
    assert "own.crt" in unreadable
