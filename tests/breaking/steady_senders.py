"""Legitimate senders of DCMTK and pynetdicom, plain and by TLS, that go on sending whatever others do.

Each instance has to be taken, within the longest wait. Knows nothing of the others.
"""

from __future__ import annotations

import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pydicom
from pynetdicom import AE

from tests.breaking.trial import Trial
from tests.wire.authority import Issued
from tests.wire.peers import CT_IMAGE, DCMTK_ENVIRONMENT, EXPLICIT, a_slice
from triaged.dicom.part10 import file_meta

LONGEST_WAIT_S = 5.0
_LONGEST_S = 120.0


@dataclass(frozen=True, slots=True)
class Secured:
    """A port with TLS, the certificate that is shown there, and whom the other side's has to be from."""

    port: int
    shown: Issued
    ca_file: Path


class Senders:
    """Legitimate senders, each in a thread: they send one new instance after the other and note how long it took."""

    def __init__(
        self,
        trial: Trial,
        folder: Path,
        port: int,
        secured: Secured | None = None,
        *,
        within_s: float = LONGEST_WAIT_S,
    ) -> None:
        self._within_s = within_s
        self._trial = trial
        self._folder = folder
        self._port = port
        self._secured = secured
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._number = 0
        self.acknowledged: set[str] = set()
        self.waits: list[float] = []

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Send until left."""
        threads = [threading.Thread(target=self._go_on, args=(way,)) for way in self._ways()]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def _ways(self) -> list[Callable[[Path], str]]:
        ways: list[Callable[[Path], str]] = [
            partial(self._storescu, [], self._port),
            partial(self._pynetdicom, self._port, None),
        ]
        if (secured := self._secured) is not None:
            context = ssl.create_default_context(cafile=secured.ca_file)
            context.load_cert_chain(secured.shown.certificate, secured.shown.key)
            options = ["+tls", str(secured.shown.key), str(secured.shown.certificate), "+cf", str(secured.ca_file)]
            ways += [
                partial(self._storescu, options, secured.port),
                partial(self._pynetdicom, secured.port, (context, "127.0.0.1")),
            ]
        return ways

    def _go_on(self, way: Callable[[Path], str]) -> None:
        while not self._over.wait(0.5):
            uid, path = self._next()
            started = time.monotonic()
            problem = way(path)
            waited = time.monotonic() - started
            with self._lock:
                self.waits.append(waited)
                self._trial.count("instances sent")
                self._trial.highest("longest wait (s)", round(waited, 2))
                self._trial.expect(not problem, f"expected {uid} to be taken, found: {problem}")
                self._trial.expect(
                    waited <= self._within_s, f"expected {uid} within {self._within_s:g} s, found {waited:.1f} s"
                )
                if not problem:
                    self.acknowledged.add(uid)

    def _next(self) -> tuple[str, Path]:
        with self._lock:
            self._number += 1
            number = self._number
        uid = f"1.2.3.4.{number}"
        meta = file_meta(
            sop_class_uid=CT_IMAGE, sop_instance_uid=uid, transfer_syntax_uid=EXPLICIT, source_ae_title="CT1"
        )
        path = self._folder / "sent.dcm"
        path = path.with_name(f"sent-{number}.dcm")
        path.write_bytes(meta + a_slice(number, study_uid=f"1.2.3.{number % 5}"))
        return uid, path

    def _storescu(self, more: list[str], port: int, path: Path) -> str:
        command = ["storescu", *more, "-R", "-aet", "CT1", "127.0.0.1", str(port), str(path)]
        try:
            done = subprocess.run(
                command, env=DCMTK_ENVIRONMENT, capture_output=True, text=True, check=False, timeout=_LONGEST_S
            )
        except subprocess.TimeoutExpired:
            return f"storescu: no end within {_LONGEST_S:g} s"
        return "" if done.returncode == 0 else f"storescu: {done.stderr.strip()}"

    def _pynetdicom(self, port: int, tls: tuple[ssl.SSLContext, str] | None, path: Path) -> str:
        ae = AE("CT2")
        ae.add_requested_context(CT_IMAGE, EXPLICIT)
        association = ae.associate("127.0.0.1", port, bind_address=("127.0.0.9", 0), tls_args=tls)
        if not association.is_established:
            return "pynetdicom: no association"
        status = association.send_c_store(pydicom.dcmread(path)).get("Status")
        association.release()
        return "" if status == 0 else f"pynetdicom: status {status}"
