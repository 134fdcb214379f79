"""An Orthanc with its DICOMweb plugin, in a folder of its own, on ports that the system chose."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from tests.wire.peers import orthanc_process
from triaged.steps.ports import Peer

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


@dataclass(frozen=True)
class DicomWeb:
    """A running Orthanc: where it takes C-STORE, and where it answers DICOMweb (PS3.18)."""

    peer: Peer
    url: str

    def query(self, path: str, **parameters: str) -> list[dict[str, Any]]:
        """Ask by QIDO-RS, or for metadata by WADO-RS, in the DICOM JSON model; attributes by tag."""
        address = f"{self.url}/{path}?{urllib.parse.urlencode(parameters)}"
        found = json.loads(_get(address, "application/dicom+json")[1])
        assert isinstance(found, list)
        return found

    def retrieve(self, path: str) -> list[bytes]:
        """Return DICOM objects by WADO-RS, in the transfer syntax that they are kept in."""
        accept = 'multipart/related; type="application/dicom"; transfer-syntax=*'
        return _parts(*_get(f"{self.url}/{path}", accept))

    def frame(self, path: str, number: int) -> bytes:
        """Return one frame by WADO-RS, uncompressed."""
        accept = 'multipart/related; type="application/octet-stream"; transfer-syntax=1.2.840.10008.1.2.1'
        (pixels,) = _parts(*_get(f"{self.url}/{path}/frames/{number}", accept))
        return pixels


@contextmanager
def dicom_web(folder: Path) -> Iterator[DicomWeb]:
    """Start an Orthanc, wait until it answers, and stop it at the end; skip where there is none."""
    if not PLUGIN.exists():
        pytest.skip("Orthanc's DICOMweb plugin is not installed")
    settings = {
        "DicomCheckCalledAet": False,
        "DicomModalities": {},
        "DefaultEncoding": "Utf8",  # in which it answers a query; its own default, Latin 1, drops other letters
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    with orthanc_process(folder, settings) as there:
        web = DicomWeb(there.peer, f"{there.url}/dicom-web")
        assert web.query("studies") == []
        yield web


def _get(address: str, accept: str) -> tuple[str, bytes]:
    with urllib.request.urlopen(urllib.request.Request(address, headers={"Accept": accept}), timeout=30) as response:
        return str(response.headers["Content-Type"]), bytes(response.read())


def _parts(content_type: str, content: bytes) -> list[bytes]:
    """Return the bodies of a multipart answer (RFC 2046, 5.1), which hold any bytes."""
    boundary = str(message_from_bytes(f"Content-Type: {content_type}\r\n\r\n".encode()).get_boundary())
    pieces = (b"\r\n" + content).split(b"\r\n--" + boundary.encode())[1:-1]
    return [piece.split(b"\r\n\r\n", 1)[1] for piece in pieces]
