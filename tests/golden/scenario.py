"""The story of which the golden files tell: a morning with a study of every kind. Knows rooms by `wiring` alone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.exams.pipelines.bodies import Ball
from tests.golden.scans import CHILD, LITTLE_LUNG, ONE_LUNG, Scan, diseased, encoded_slices
from tests.golden.wiring import START, Clinic, Found, every_flag

END = START + timedelta(hours=2, minutes=18, seconds=24)
"""When the morning is over."""
NEVER_STORED = ("hl7.txt", "webhook.json")
"""Files of what was told on the way, of which the store keeps only that it was told."""
STAT, HIGH = {"RequestedProcedurePriority": "STAT"}, {"RequestedProcedurePriority": "HIGH"}
BALL, LARGE = Ball((72.0, 0.0, 0.0), 40.0), Ball((-72.0, 10.0, 0.0), 66.0, hu=-250)

THRESHOLD = {
    1: Scan(1, 1, name="Müller^Jörg^^Dr."),
    2: Scan(2, 2, diseased(BALL)),
    3: Scan(3, 3, diseased(BALL, LARGE)),
    4: Scan(4, 4, ONE_LUNG, attributes={"SliceThickness": 6.0}),
    5: Scan(5, 5, CHILD, attributes={"ContrastBolusAgent": "Iomeprol", "PatientAge": "012Y"}),
    6: Scan(6, 2, diseased(Ball((72.0, 0.0, 0.0), 50.0))),
    7: Scan(7, 7, LITTLE_LUNG),
    8: Scan(8, 8, diseased(BALL), missing=(5,)),
    9: Scan(9, 9, count=4),
    10: Scan(10, 10, attributes={"Modality": "MR", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.4"}),
}
"""Studies that the thresholding engine reads, or refuses."""

FAKE = {
    11: (Scan(11, 11, name="García López^José"), Found(0.31, 0.80, 0.9)),
    12: (Scan(12, 12), Found(0.60, 0.12, 0.9)),
    13: (Scan(13, 13, name="山田^太郎"), Found(0.30, 0.10, 0.9)),
    14: (Scan(14, 14), Found(0.05, 0.004, 0.9)),
    15: (Scan(15, 15), Found(0.10, 0.30, 0.2)),
    16: (Scan(16, 16), Found(0.0, 0.0, 0.2)),
    17: (Scan(17, 17, attributes=STAT), Found(0.0, 0.02, 0.2)),
    18: (Scan(18, 18, attributes=HIGH), Found(0.02, 0.0, 0.2)),
    19: (Scan(19, 19), Found(0.10, 0.10, 0.2, every_flag())),
    20: (Scan(20, 20), Found(0.40, 0.0, 0.9, ("thick-slices",), single=True)),
    21: (Scan(21, 13, name="山田^太郎"), Found(0.52, 0.10, 0.9)),
    22: (Scan(22, 13, name="山田^太郎"), Found(0.53, 0.10, 0.9)),
    23: (Scan(23, 13, name="山田^太郎"), Found(0.20, 0.10, 0.9)),
    24: (Scan(24, 24), Found(0.10, 0.10, 0.9)),
    25: (Scan(25, 25), Found(0.10, 0.10, 0.9)),
}
"""Studies with what the engine that reads nothing says of them: each class, each flag, and three follow-ups."""

GAVE_UP, NO_ANSWER, SLICES, ANALYSIS, FOLLOW_UP = Scan(26, 26), Scan(27, 27), Scan(28, 28), Scan(29, 29), Scan(30, 11)
SCANS = {scan.number: scan for scan in (*THRESHOLD.values(), *(scan for scan, _ in FAKE.values()))} | {
    scan.number: scan for scan in (GAVE_UP, NO_ANSWER, SLICES, ANALYSIS)
}

FOUND = Found(0.31, 0.62, 0.9)
"""What is found in the study that comes afterwards."""


def uid(number: int) -> str:
    """Return the Study Instance UID of a study."""
    return Scan(number, number).uid


def play(folder: Path) -> Clinic:
    """Let the morning happen."""
    clinic = Clinic(folder)
    clinic.keep()
    for scan in THRESHOLD.values():
        _whole(clinic, scan)
        clinic.score("threshold")
    _tell(clinic)
    for scan, found in FAKE.values():
        _whole(clinic, scan)
        clinic.score("fake", found)
    _tell(clinic)
    _again(clinic)
    _read(clinic)
    _give_up(clinic)
    _deliver(clinic)
    _wait(clinic)
    clinic.keep()
    assert clinic.now == END
    return clinic


def follow_up(clinic: Clinic, found: Found = FOUND) -> str:
    """Let one more study come, of a patient with an earlier result; return its Study Instance UID."""
    clinic.later(60)
    clinic.send(encoded_slices(FOLLOW_UP))
    clinic.later(31)
    clinic.assemble()
    clinic.act(FOLLOW_UP.uid, "PINNED")  # so that it is claimed before the one that waits
    clinic.score("fake", found)
    return FOLLOW_UP.uid


def _whole(clinic: Clinic, scan: Scan) -> None:
    clinic.later(240)
    clinic.send(encoded_slices(scan))
    clinic.later(31)
    clinic.assemble()


def _tell(clinic: Clinic) -> None:
    clinic.push("ris")
    clinic.push("hook")


def _again(clinic: Clinic) -> None:
    """Have one study read again with another result, and let a late slice come to another; refuse one push."""
    clinic.later(60)
    clinic.requeue(uid(24))
    clinic.score("fake", Found(0.55, 0.10, 0.9))
    clinic.later(60)
    late = encoded_slices(Scan(25, 25, count=13))[12].replace(
        b"1.2.826.0.1.3680043.8.498.25.1.13", b"1.2.826.0.1.3680043.8.498.25.1.14"
    )
    late = late.replace(b"\\60.0", b"\\70.0")
    clinic.send([late])
    clinic.later(31)
    clinic.assemble()
    clinic.score("fake", Found(0.28, 0.10, 0.9))
    clinic.refuse_pushes("hook")
    changed = encoded_slices(Scan(11, 11, diseased(BALL), name="García López^José"))[6]
    clinic.send([changed, b"no data set at all"])


def _read(clinic: Clinic) -> None:
    """Let readers take, finish and move studies."""
    for number, kind, detail in (
        (16, "DONE", ""),
        (14, "PINNED", "asked for by the ward"),
        (15, "RAISED", ""),
        (13, "LOWERED", ""),
        (12, "READING", ""),
        (18, "RAISED", ""),
        (23, "DONE", ""),
    ):
        clinic.later(10)
        clinic.act(uid(number), kind, detail=detail)
    clinic.later(10)
    clinic.undo(uid(18))
    clinic.act(uid(23), "REOPENED", person="Dr. Doe")


def _give_up(clinic: Clinic) -> None:
    """Let one study break the worker until it is given up; the page without a source is not made."""
    _whole(clinic, GAVE_UP)
    for _ in range(4):
        clinic.later(120)
        clinic.score("fake", None)


def _deliver(clinic: Clinic) -> None:
    """Deliver some objects, have some refused, one given up, and ask for commitment."""
    clinic.deliver("pacs", most=40)
    clinic.refuse_next("pacs", final=True)
    clinic.refuse_next("pacs", final=False)
    clinic.deliver("archive", most=12)
    clinic.ask_commitment()
    clinic.asked_commitment([f"{uid(1)}.1.1", "1.2.3.4.5"])
    clinic.refuse_next("archive", final=False)
    clinic.refuse_next("archive", final=False, attempts=1)


def _wait(clinic: Clinic) -> None:
    """Leave one study in a worker's hands, one that waits for it, and one whose slices are still coming."""
    for scan in (NO_ANSWER, ANALYSIS):
        _whole(clinic, scan)
        if scan is NO_ANSWER:
            clinic.claim()
    clinic.send(encoded_slices(SLICES)[:6])
    clinic.later(5)
