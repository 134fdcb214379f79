"""The same hostile peers as in `peers`, with Orthanc as the receiver: how its legitimate senders fare, to compare.

Orthanc runs with its defaults. Its promises are its own, so nothing here is "broken": figures only.
"""

from __future__ import annotations

from pathlib import Path

from tests.breaking.peers import attack
from tests.breaking.steady_senders import LONGEST_WAIT_S, Senders
from tests.breaking.trial import Trial
from tests.ports import free_port
from tests.programs import Orthanc


def peers_of_orthanc(trial: Trial, folder: Path) -> None:
    """Let hostile peers come to an Orthanc until the time is over, and count how its senders fared."""
    place = folder / "orthanc"
    place.mkdir(parents=True)
    receiver = Orthanc(place, free_port(), free_port())
    receiver.start()
    assert receiver.process is not None
    sending = Trial("senders to Orthanc", trial.seed, trial.seconds)
    senders = Senders(sending, folder, receiver.dicom_port)
    try:
        trial.begin()
        with senders.sending():
            while trial.left_s:
                attack(trial, (receiver.dicom_port,))
        trial.note("Orthanc lives", "no" if receiver.process.poll() is not None else "yes")
        kept = {str(each["MainDicomTags"]["SOPInstanceUID"]) for each in receiver.instances()}
    finally:
        receiver.stop()
    trial.figures |= sending.figures
    trial.note("instances refused", len(senders.waits) - len(senders.acknowledged))
    trial.note(f"waits of more than {LONGEST_WAIT_S:g} s", sum(wait > LONGEST_WAIT_S for wait in senders.waits))
    trial.note("acknowledged instances missing in Orthanc", len(senders.acknowledged - kept))
