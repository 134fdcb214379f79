"""What is given for Caddy and nginx, with those programs in front of the list: signing in, events, large bodies."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.browser.serving import served
from tests.ports import free_port
from tests.web.scene import Scene
from tests.web.visiting import ADMINISTRATOR, PASSWORD, fields
from triaged.web.identity import AccessOptions, Mode

FILES = Path(__file__).parents[2] / "deploy" / "proxy"
LARGER_THAN_A_PROXY_TAKES = 3 * 2**20


def _certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key").write_bytes(key.private_bytes(*form))
    return folder / "crt", folder / "key"


def _nginx(folder: Path, port: int, behind: str) -> list[str]:
    certificate, key = _certificate(folder)
    server = (FILES / "nginx.conf").read_text()
    for old, new in (
        ("listen 443", f"listen 127.0.0.1:{port}"),
        ("/etc/nginx/triaged.crt", str(certificate)),
        ("/etc/nginx/triaged.key", str(key)),
        ("http://127.0.0.1:8080", behind),
    ):
        assert server.count(old) == 1, old
        server = server.replace(old, new)
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    settings = (
        f"daemon off; pid {folder}/pid; error_log stderr; events {{}} http {{ access_log off; {temporary} {server} }}"
    )
    (folder / "nginx.conf").write_text(settings)
    return ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]


def _caddy(folder: Path, port: int, behind: str) -> list[str]:
    said = (FILES / "Caddyfile").read_text()
    assert said.count("triaged:8080") == 1
    said = said.replace("triaged:8080", behind.removeprefix("http://"))
    said = re.sub(r"(?m)^localhost \{", f"https://localhost:{port} {{\n\ttls internal\n\tbind 127.0.0.1", said)
    options = ("admin off", "skip_install_trust", "auto_https disable_redirects", "grace_period 1s")
    settings = (*options, f"storage file_system {folder}/data")
    said = "{\n" + "\n".join(settings) + "\n}\n" + said
    (folder / "Caddyfile").write_text(said)
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


def _unchecked() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _shakes_hands(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as probe:
        _unchecked().wrap_socket(probe, server_hostname="localhost").close()
        return True
    return False


@contextmanager
def _running(command: list[str], port: int, log: Path) -> Iterator[None]:
    with log.open("w") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            for _ in range(200):
                assert process.poll() is None, log.read_text()[-2000:]
                if _shakes_hands(port):
                    break
                time.sleep(0.1)
            yield
        finally:
            process.terminate()
            process.wait(20)


@pytest.mark.parametrize(("program", "command_of"), [("nginx", _nginx), ("caddy", _caddy)])
def test_people_sign_in_see_changes_at_once_and_store_large_bodies(
    program: str, command_of: Callable[[Path, int, str], list[str]], filled: Scene, tmp_path: Path
) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed here")
    port = free_port()
    origin = f"https://localhost:{port}"
    filled.accounts.add(ADMINISTRATOR, PASSWORD, now=filled.now)
    access = AccessOptions(mode=Mode.ACCOUNTS, proxies=("127.0.0.1",), origin=origin)
    folder = tmp_path / program
    folder.mkdir()
    with (
        served(filled.app(access=access)) as behind,
        _running(command_of(folder, port, behind), port, tmp_path / "log"),
        httpx2.Client(base_url=origin, verify=_unchecked(), timeout=20) as client,
    ):
        assert client.get("/").status_code == 303
        given = fields(client.get("/sign-in").text) | {"name": ADMINISTRATOR.name, "password": PASSWORD}
        signed_in = client.post("/sign-in", data=given, headers={"Origin": origin, "Sec-Fetch-Site": "same-origin"})
        assert "secure" in signed_in.headers["set-cookie"].lower(), "the proxy is believed to speak TLS"
        assert "Ivanova" in client.get("/").text
        with client.stream("GET", "/events", headers={"Accept": "text/event-stream"}) as events:
            assert events.status_code == 200
            assert next(events.iter_bytes()), "the first event passes before the stream ends"
        body = b"--x\r\nContent-Type: application/dicom\r\n\r\n" + bytes(LARGER_THAN_A_PROXY_TAKES) + b"\r\n--x--\r\n"
        kind = 'multipart/related; type="application/dicom"; boundary=x'
        refused = client.post("/dicom-web/studies", content=body, headers={"Content-Type": kind})
        assert refused.status_code == 409, "all of it passes, and is no DICOM"
