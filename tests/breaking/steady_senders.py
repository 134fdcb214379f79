"""Legitimate senders of DCMTK and pynetdicom, plain and by TLS, that go on sending whatever others do.

Each instance has to be taken, within the longest wait. Knows nothing of the others.
"""

from __future__ import annotations

import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pydicom
from pynetdicom import AE

from tests.breaking.lone_receiver import Receiver
from tests.breaking.trial import Trial
from tests.wire.authority import Issued
from tests.wire.peers import CT_IMAGE, DCMTK_ENVIRONMENT, EXPLICIT, a_slice
from triaged.dicom.part10 import file_meta

LONGEST_WAIT_S = 5.0


class Senders:
    """Legitimate senders, each in a thread: they send one new instance after the other and note how long it took."""

    def __init__(self, trial: Trial, receiver: Receiver, shown: Issued, ca_file: Path) -> None:
        self._trial = trial
        self._receiver = receiver
        self._tls = ["+tls", str(shown.key), str(shown.certificate), "+cf", str(ca_file)]
        self._context = ssl.create_default_context(cafile=ca_file)
        self._context.load_cert_chain(shown.certificate, shown.key)
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._number = 0
        self.acknowledged: set[str] = set()
        self.waits: list[float] = []

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Send until left."""
        threads = [
            threading.Thread(target=self._go_on, args=(way,))
            for way in (
                self._by_storescu,
                self._by_storescu_over_tls,
                self._by_pynetdicom,
                self._by_pynetdicom_over_tls,
            )
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def _go_on(self, way: object) -> None:
        assert callable(way)
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
                    waited <= LONGEST_WAIT_S, f"expected {uid} within {LONGEST_WAIT_S:g} s, found {waited:.1f} s"
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
        path = self._receiver.folder / "sent.dcm"
        path = path.with_name(f"sent-{number}.dcm")
        path.write_bytes(meta + a_slice(number, study_uid=f"1.2.3.{number % 5}"))
        return uid, path

    def _by_storescu(self, path: Path) -> str:
        return self._storescu([], self._receiver.port, path)

    def _by_storescu_over_tls(self, path: Path) -> str:
        return self._storescu(self._tls, self._receiver.tls_port, path)

    def _storescu(self, more: list[str], port: int, path: Path) -> str:
        command = ["storescu", *more, "-R", "-aet", "CT1", "127.0.0.1", str(port), str(path)]
        done = subprocess.run(command, env=DCMTK_ENVIRONMENT, capture_output=True, text=True, check=False, timeout=120)
        return "" if done.returncode == 0 else f"storescu: {done.stderr.strip()}"

    def _by_pynetdicom(self, path: Path) -> str:
        return self._pynetdicom(self._receiver.port, None, path)

    def _by_pynetdicom_over_tls(self, path: Path) -> str:
        return self._pynetdicom(self._receiver.tls_port, (self._context, "127.0.0.1"), path)

    def _pynetdicom(self, port: int, tls: tuple[ssl.SSLContext, str] | None, path: Path) -> str:
        ae = AE("CT2")
        ae.add_requested_context(CT_IMAGE, EXPLICIT)
        association = ae.associate("127.0.0.1", port, bind_address=("127.0.0.9", 0), tls_args=tls)
        if not association.is_established:
            return "pynetdicom: no association"
        status = association.send_c_store(pydicom.dcmread(path)).get("Status")
        association.release()
        return "" if status == 0 else f"pynetdicom: status {status}"
