"""Sends spoiled images of every kind and has them scored: `python -m tests.breaking.inputs --seed 7 --minutes 10`.

What was answered with Success has its digest in the store and its bytes in the spool; every study ends on the list with
a score or a reason, or the instance in quarantine with one; no answer takes longer than 10 s; memory stays under its
number; and nothing raises that is not foreseen. Receiver and worker are driven in this process, as their roles do it.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import structlog
from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import UID, JPEG2000Lossless, JPEGLosslessSV1, JPEGLSLossless, RLELossless
from sqlalchemy import text

from tests.breaking.mutations import MUTATIONS, deflated
from tests.breaking.seeds import encoded
from tests.breaking.trial import Trial, run_alone
from tests.dicom.factory import ct_slice, enhanced_ct
from triaged.errors import TryLater, UnreadableStudy
from triaged.exams.ct.choice import is_whole
from triaged.exams.ct.engines import load_engine
from triaged.exams.ct.examination import ChestCt
from triaged.exams.ct.options import CtOptions
from triaged.exams.ct.viewing import view
from triaged.spool.files import Spool
from triaged.steps.analyse import Analyst
from triaged.steps.assemble import Assembler
from triaged.steps.intake import Intake, Offer
from triaged.steps.options import AnalyseOptions
from triaged.steps.ranking_policy import ranking_policy
from triaged.store.studies.arrivals import Arrivals
from triaged.store.studies.claims import Claims
from triaged.store.studies.completion import Completion
from triaged.store.studies.outcomes import Outcomes
from triaged.store.studies.publications import Publications
from triaged.store.studies.reception import Reception
from triaged.store.tables.database import migrate, open_database
from triaged.study.completeness import CompletionOptions
from triaged.study.records import Admission
from triaged.triage.scheme import TriageOptions

NATIVE = ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99")
COMPRESSED = (RLELossless, JPEG2000Lossless, JPEGLSLossless)
LONGEST_ANSWER_S = 10.0
MOST_MEMORY_MIB = 1024
SLICES = 8
_INTEROP = Path(__file__).parents[3] / "shared" / "data" / "interop"
_row, _column = np.mgrid[:64, :64]
_DISC = np.where((_row - 32) ** 2 + (_column - 32) ** 2 < 24**2, 40 + _row % 11, -1000).astype(np.int16)


class House:
    """Receiver, clock and worker over one folder; only the trial moves the time."""

    def __init__(self, folder: Path) -> None:
        self.now = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
        self.root = folder / "spool"
        self.database = open_database(f"sqlite:///{folder / 'triaged.db'}")
        migrate(self.database)
        spool, triage, options = Spool(self.root, reserve_mb=0), TriageOptions(), CtOptions()
        placing = ranking_policy(triage)
        self.intake = Intake(
            Reception(self.database), Arrivals(self.database), spool, ranking_policy=placing, receiver="receiver"
        )
        self.assembler = Assembler(
            Completion(self.database),
            Claims(self.database),
            is_whole=is_whole,
            options=CompletionOptions(),
            ranking_policy=placing,
        )
        engine, pipeline = load_engine("threshold", folder, options, "0" * 12, device="cpu", threads=1)
        self.analyst = Analyst(
            Claims(self.database),
            Outcomes(self.database),
            Publications(self.database),
            spool,
            (ChestCt(engine, pipeline),),
            worker="worker",
            triage=triage,
            options=AnalyseOptions(),
            destinations={},
        )

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Read the database by plain SQL."""
        with self.database.read() as connection:
            return [tuple(row) for row in connection.execute(text(query))]


def inputs(trial: Trial, folder: Path) -> None:
    """Send and score studies until the time is over; then look for each acknowledged digest."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    house = House(folder)
    sent: dict[str, bytes] = {}
    number = 0
    before_mib = _peak_mib(restart=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        while trial.left_s:
            number += 1
            sent.update(_send_study(trial, house, number))
            house.now += timedelta(seconds=31)
            _score(trial, house)
    trial.count("studies sent", number)
    trial.highest("memory MiB", _peak_mib() - before_mib)
    trial.expect(_peak_mib() - before_mib < MOST_MEMORY_MIB, f"expected less than {MOST_MEMORY_MIB} MiB")
    _all_there(trial, house, sent)
    house.database.close()


def _send_study(trial: Trial, house: House, number: int) -> Iterator[tuple[str, bytes]]:
    """Send one study with some instances spoiled, and yield the digest of what was acknowledged, with what it was."""
    sender = house.intake.open_association(peer="192.0.2.1", calling_ae_title="CT", now=house.now)
    for content, syntax in _study(trial, number):
        offer = Offer("1.2.840.10008.5.1.4.1.1.2", f"1.2.3.{number}.{trial.random.randrange(10**9)}", syntax)
        begun = time.monotonic()
        try:
            pieces = (content[at : at + 16384] for at in range(0, len(content), 16384))
            admission = house.intake.receive(offer, pieces, sender, clock=lambda: house.now)
        except Exception as error:  # noqa: BLE001 whatever it is, it is what the trial looks for
            _keep(trial, house, content, f"receiving raised {error!r}")
            continue
        trial.count(f"answered {admission.value}")
        trial.highest("longest answer s", time.monotonic() - begun)
        trial.expect(time.monotonic() - begun < LONGEST_ANSWER_S, f"expected an answer in 10 s for study {number}")
        if admission is not Admission.OWN:
            yield hashlib.sha256(content).hexdigest(), b""
    house.intake.close_association(sender, now=house.now)


def _study(trial: Trial, number: int) -> Iterator[tuple[bytes, str]]:
    """Yield the encoded instances of a study, one to all of them spoiled."""
    chance = trial.random
    syntax = chance.choice([*NATIVE, *COMPRESSED, "bomb", "enhanced", "real"])
    images = list(_images(number, syntax, trial))
    count = min(chance.choice((1, 1, 2, SLICES)), len(images))
    spoiled = set(chance.sample(range(len(images)), count))
    for index, (image, uid) in enumerate(images):
        content = image if isinstance(image, bytes) else encoded(image, uid)
        if index in spoiled and content:
            for _ in range(chance.choice((1, 1, 3))):
                mutation = chance.choice(MUTATIONS)
                trial.count(f"spoiled: {mutation.__name__}")
                content = mutation(content, chance).ljust(8, b"\0")
        yield content, uid


def _images(number: int, syntax: str, trial: Trial) -> Iterator[tuple[Dataset | bytes, str]]:
    chance = trial.random
    if syntax == "enhanced":
        yield _named(enhanced_ct(), number, 0), NATIVE[0]
        return
    if syntax == "real":
        paths = sorted(_INTEROP.glob("*_testImages/**/*.dcm"))
        path = chance.choice(paths) if paths else None
        if path is not None:
            yield _data_set_of(path)
            return
    for index in range(SLICES):
        image = _named(ct_slice(index, _DISC), number, index)
        if syntax in COMPRESSED:
            image.PixelRepresentation = 0
            image.compress(UID(syntax), generate_instance_uid=False)
            yield image, syntax
        elif syntax == "bomb":
            yield _bomb(image, index, trial)
        elif syntax == NATIVE[3]:
            yield deflated(encoded(image, NATIVE[0])), syntax
        else:
            yield image, syntax if syntax in NATIVE else NATIVE[0]


def _bomb(image: Dataset, index: int, trial: Trial) -> tuple[Dataset | bytes, str]:
    """Return an instance that announces or unpacks to much more than it is."""
    kind = trial.random.choice(("deflate", "jpeg", "j2k", "jpeg-ls", "rle", "frames", "rows"))
    trial.count(f"bomb: {kind}")
    if index != SLICES // 2:
        return image, NATIVE[0]
    if kind == "deflate":
        return deflated(encoded(image, NATIVE[0]), 200 << 20), NATIVE[3]
    if kind in ("frames", "rows"):
        image.NumberOfFrames = 1_000_000_000 if kind == "frames" else 1
        image.Rows = 65535 if kind == "rows" else image.Rows
        return image, NATIVE[0]
    syntax = {"jpeg": JPEGLosslessSV1, "j2k": JPEG2000Lossless, "jpeg-ls": JPEGLSLossless, "rle": RLELossless}[kind]
    frame = b"\xff\xd8\xff\xc3\x00\x0b\x10" + b"\xff" * 4 + b"\x01\x01\x11\x00\xff\xda\x00\x08\x01\x01\x00\x01\x00\x00"
    if kind != "jpeg":
        image.compress(UID(syntax), generate_instance_uid=False)
        frame = next(iter(generate_frames(image.PixelData, number_of_frames=1)))
        marker = {"j2k": b"\xff\x51", "jpeg-ls": b"\xff\xf7"}.get(kind)
        if marker is None:
            image.Rows = image.Columns = 65535
        else:
            at = frame.index(marker) + (6 if kind == "j2k" else 5)
            frame = frame[:at] + b"\x7f\xff\xff\xff" + frame[at + 4 :]
    image.PixelData = encapsulate([frame])
    image["PixelData"].VR = "OB"
    image["PixelData"].is_undefined_length = True
    return image, syntax


def _named(image: Dataset, study: int, index: int) -> Dataset:
    image.StudyInstanceUID, image.SeriesInstanceUID = f"1.2.3.{study}", f"1.2.3.{study}.1"
    image.SOPInstanceUID = f"1.2.3.{study}.1.{index + 1}"
    return image


def _data_set_of(path: Path) -> tuple[bytes, str]:
    meta = dcmread(path, specific_tags=[], stop_before_pixels=True, force=True).file_meta
    length = int(meta.get("FileMetaInformationGroupLength", 0))
    return path.read_bytes()[144 + length :], str(meta.get("TransferSyntaxUID", NATIVE[1]))


def _score(trial: Trial, house: House) -> None:
    """Complete what waits, score it, and look at its slices as a reader does."""
    house.assembler.tick(now=house.now)
    while (claim := house.analyst.claim(clock=lambda: house.now)) is not None:
        begun = time.monotonic()
        try:
            house.analyst.analyse(claim, clock=lambda: house.now)
        except Exception as error:  # noqa: BLE001
            trial.expect(False, f"expected a score or a reason, found {error!r} for {claim.study_uid}")
            _keep(trial, house, b"", f"analysing raised {error!r}")
            house.analyst.put_back(claim, "trial", clock=lambda: house.now)
        trial.highest("longest analysis s", time.monotonic() - begun)
        for series in claim.series:
            try:
                shown = view([house.root / instance.path for instance in series.instances], None)
                shown.described(), shown.jpeg(0)
            except (UnreadableStudy, TryLater):
                trial.count("series not shown, with a reason")
            except Exception as error:  # noqa: BLE001
                trial.expect(False, f"expected slices or a reason, found {error!r} for {claim.study_uid}")
    waiting = house.rows("SELECT study_uid, state FROM study WHERE state IN ('READY', 'ANALYSING', 'RECEIVING')")
    trial.expect(not waiting, f"expected every study to end, found {waiting[:3]}")


def _keep(trial: Trial, house: House, content: bytes, what: str) -> None:
    path = house.root.parent / f"broken-{hashlib.sha256(content).hexdigest()[:12]}"
    path.write_bytes(content)
    trial.expect(False, f"{what}; the input is in {path}")


def _all_there(trial: Trial, house: House, sent: dict[str, bytes]) -> None:
    """Expect the digest of everything that was acknowledged, and a file with that content."""
    known = {
        str(sha256): str(path)
        for table in ("instance", "quarantine", "conflict")
        for sha256, path in house.rows(f"SELECT sha256, path FROM {table}")
    }
    lost = [digest for digest in sent if digest not in known or not (house.root / known[digest]).is_file()]
    trial.note("acknowledged digests", float(len(sent)))
    trial.expect(not lost, f"expected every acknowledged digest in the store, found {len(lost)} without: {lost[:3]}")
    states = house.rows("SELECT state, count(*) FROM study GROUP BY state")
    for state, count in states:
        trial.note(f"studies {state}", float(str(count)))
    unsaid = house.rows(
        "SELECT study_uid FROM study WHERE state IN ('FAILED', 'OUT_OF_SCOPE') AND reason NOT LIKE '%:%'"
    )
    trial.expect(not unsaid, f"expected a reason for each study without a score, found none for {unsaid[:3]}")


def _peak_mib(*, restart: bool = False) -> float:
    if restart:
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def _main(trial: Trial, folder: Path, _: argparse.Namespace) -> None:
    inputs(trial, folder)


if __name__ == "__main__":
    sys.exit(run_alone("inputs", _main))
