"""Our receiver behind TLS, and peers that come to it: DCMTK's storescu, and whoever trusts anybody."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.wire.authority import Issued
from tests.wire.peers import CT_IMAGE, EXPLICIT, Ours, a_slice, dcmtk, receiving
from triaged.dicom.part10 import file_meta
from triaged.steps.ports import TlsSetup


def a_file(folder: Path, number: int = 1) -> Path:
    """Write one slice as a file; its patient is `Secret^Name`."""
    path = folder / f"{number}.dcm"
    meta = file_meta(
        sop_class_uid=CT_IMAGE,
        sop_instance_uid=f"1.2.3.4.{number}",
        transfer_syntax_uid=EXPLICIT,
        source_ae_title="CT1",
    )
    path.write_bytes(meta + a_slice(number, pixels=bytes(3_000_000)))
    return path


@contextmanager
def over_tls(tmp_path: Path, url: str, secured: TlsSetup, **options: Any) -> Iterator[Ours]:
    """Our receiver on one port, for TLS."""
    with receiving(tmp_path, url, secured=secured, tls_port=0, has_plain_port=False, **options) as ours:
        yield ours


def showing(shown: Issued, trusted: Path) -> list[object]:
    """Return DCMTK's options for who shows a certificate and trusts one authority."""
    return ["+tls", shown.key, shown.certificate, "+cf", trusted]


def storescu(ours: Ours, path: Path, shown: Issued, trusted: Path, *more: str) -> int:
    """Store a file as CT1, showing a certificate; return DCMTK's exit status."""
    arguments = [*showing(shown, trusted), *more, "-aet", "CT1"]
    return dcmtk("storescu", *arguments, "-R", "127.0.0.1", ours.port, path).returncode


def trusting_all(ciphers: str) -> ssl.SSLContext:
    """Return the context of a client that trusts anybody and takes these ciphers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers(ciphers)
    return context
