"""A modality that sends small chest CTs one after the other and keeps what was not acknowledged, as a real one does.

It is DCMTK's storescu: what it saw answered with Success is acknowledged, and nothing else. Knows no trial.
"""

from __future__ import annotations

import hashlib
import random
import re
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from pydicom import dcmread
from pydicom.filebase import DicomBytesIO

from tests.golden.scans import Scan, encoded_slices
from tests.results.ct_study import encoded
from tests.wire.peers import DCMTK_ENVIRONMENT

_TEMPLATE = Scan(11, 11)
_SENT = re.compile(r"Sending file: (\S+)|Received Store Response \((\w+)")
_STEADY_S = 1.5
_AGAIN_S = 1.0
_MOST_WAITING = 3
"""While so many studies are not acknowledged, no new one is begun: the backlog of a long outage stays small."""


@dataclass(slots=True)
class SentStudy:
    """One study: the digest of each instance's data set by SOP Instance UID, and which of them were acknowledged."""

    uid: str
    digests: dict[str, str]
    files: dict[str, Path]
    begun_at: float
    acknowledged: dict[str, float] = field(default_factory=dict)

    @property
    def is_acknowledged(self) -> bool:
        """Whether every instance was."""
        return len(self.acknowledged) == len(self.digests)


class Modality:
    """Sends a new study every now and then from a thread of its own, until it is stopped."""

    def __init__(self, folder: Path, port: int, seed: int) -> None:
        self.studies: list[SentStudy] = []
        self.refusals = 0
        self._folder, self._port = folder, port
        self._random = random.Random(seed)
        self._slices = _template()
        self._is_steady = True
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="modality", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def send_no_new(self) -> None:
        """Begin no further study; what was begun is sent until it is acknowledged."""
        self._is_steady = False

    def stop(self) -> None:
        """Send nothing more."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(60)

    def waiting(self) -> list[SentStudy]:
        """Return the studies that are not wholly acknowledged."""
        return [study for study in list(self.studies) if not study.is_acknowledged]

    def acknowledged(self) -> dict[str, str]:
        """Return the digests of all that was acknowledged."""
        return {uid: study.digests[uid] for study in list(self.studies) for uid in list(study.acknowledged)}

    def _run(self) -> None:
        due = 0.0
        while not self._stopped.wait(0.05):
            waiting = self.waiting()
            if self._is_steady and time.monotonic() >= due and len(waiting) < _MOST_WAITING:
                waiting.append(self._begin())
                due = time.monotonic() + _STEADY_S
            for study in waiting:
                self._send(study)
                if not study.is_acknowledged:
                    self._stopped.wait(_AGAIN_S)
                    break

    def _begin(self) -> SentStudy:
        number = len(self.studies) + 1
        uid = _TEMPLATE.uid.replace(".498.11", f".5{number:05}")  # of one length: nothing else in the files changes
        folder = self._folder / str(number)
        folder.mkdir(parents=True)
        study = SentStudy(uid, {}, {}, time.monotonic())
        for count, template in enumerate(self._slices):
            content = template.replace(_TEMPLATE.uid.encode(), uid.encode())
            path = folder / f"{count:02}.dcm"
            path.write_bytes(content)
            instance_uid = f"{uid}.1.{count + 1}"
            study.files[instance_uid] = path
            study.digests[instance_uid] = digest_of(content)
        self.studies.append(study)
        return study

    def _send(self, study: SentStudy) -> None:
        """Send what is missing, or now and then the whole study again."""
        again = self._random.random() < 0.2
        wanted = [path for uid, path in study.files.items() if again or uid not in study.acknowledged]
        names = {str(path): uid for uid, path in study.files.items()}
        waits = ["-to", "5", "-ts", "20", "-ta", "20", "-td", "20"]
        command = ["storescu", "-v", "-aet", "CT1", "-aec", "TRIAGED", *waits, "127.0.0.1", str(self._port)]
        run = subprocess.run(
            [*command, *map(str, wanted)], env=DCMTK_ENVIRONMENT, capture_output=True, text=True, timeout=600
        )
        now, sending = time.monotonic(), ""
        for path, answer in _SENT.findall(run.stdout + run.stderr):
            sending = path or sending
            if answer == "Success":
                study.acknowledged.setdefault(names[sending], now)
        self.refusals += not study.is_acknowledged


def digest_of(part10: bytes) -> str:
    """Return the digest of a file's identity and pixels, however its header is encoded."""
    dataset = dcmread(DicomBytesIO(part10))
    return hashlib.sha256(str(dataset.SOPInstanceUID).encode() + dataset.PixelData).hexdigest()


def _template() -> list[bytes]:
    """Return the slices of one study as files."""
    return [encoded(dcmread(DicomBytesIO(each), force=True)) for each in encoded_slices(_TEMPLATE)]
