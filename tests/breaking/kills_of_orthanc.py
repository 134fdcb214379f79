"""The same senders and kills as in `kills`, with Orthanc as the receiver: what it acknowledged and lost, to compare.

Orthanc runs with its defaults, storage on the same disk. Its promises are its own, so nothing here is "broken": figures
only. Knows Orthanc's REST interface.
"""

from __future__ import annotations

import hashlib
import time
import urllib.error
from pathlib import Path

from tests.breaking.hospital import Hospital
from tests.breaking.plain_store import data_set
from tests.breaking.senders import Address
from tests.breaking.trial import Trial
from tests.ports import free_port
from tests.programs import Orthanc


def kills_of_orthanc(trial: Trial, folder: Path, most: int) -> None:
    """Kill Orthanc at random while the hospital sends to it, and count what is missing at the end."""
    place = folder / "orthanc"
    place.mkdir(parents=True)
    receiver = Orthanc(place, free_port(), free_port())
    receiver.start()
    hospital = Hospital(trial, Address(receiver.dicom_port, "ORTHANC"), folder / "sent", sends_altered=False)
    try:
        trial.begin()
        hospital.start()
        for _ in range(most):
            if not trial.left_s:
                break
            time.sleep(trial.random.uniform(0.3, 3.0))
            _kill(receiver)
            receiver.start()
            trial.count("kills")
        hospital.finish(within_s=60)
        must = hospital.ledger.everything()
        kept = _kept(receiver)
    finally:
        receiver.stop()
    missing = [each for each in must if each.sop_uid not in kept]
    other = [each for each in must if each.sop_uid in kept and kept[each.sop_uid] != each.digest]
    trial.note("acknowledged instances missing in Orthanc", len(missing))
    trial.note("acknowledged instances with other content in Orthanc", len(other))


def _kill(receiver: Orthanc) -> None:
    assert receiver.process is not None
    receiver.process.kill()
    receiver.process.wait()
    receiver.process = None


def _kept(receiver: Orthanc) -> dict[str, str]:
    """Return the digest of the data set of every instance that it gives, by SOP Instance UID."""
    found: dict[str, str] = {}
    for each in receiver.instances():
        try:
            content = receiver.file(each["ID"])
        except urllib.error.HTTPError:
            continue  # its index names a file that is not there
        found[str(each["MainDicomTags"]["SOPInstanceUID"])] = hashlib.sha256(data_set(content)).hexdigest()
    return found
