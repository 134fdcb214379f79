"""What others wrote, as it leaves: part of `tests.breaking.doors`. No text may become a segment, a field or a message.

Delimiters of HL7 and MLLP, of JSON and of DICOM, control and escape characters and overlong values stand in every text
that a sender can write. Read back by python-hl7, a strict JSON reader, and dciodvfy, which know nothing of ours.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import hl7
from fastapi.testclient import TestClient
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset

from tests.breaking.door_keys import keys
from tests.breaking.doors_clinic import STUDY, clinic_of, routes_of
from tests.breaking.doors_markup import PAYLOADS, hostile
from tests.breaking.trial import Trial
from tests.notify.changes import NOW, push
from tests.results.ct_study import put
from tests.results.every_kind import every_kind, sent
from tests.store.making import at, study_uid
from tests.wire.judges import complaints
from tests.wire.peers import DCMTK_PATH, dcmtk
from tests.wire.receivers import HttpServer, MllpServer, http, mllp
from triaged.notify.connection import Address
from triaged.notify.mllp import MllpSubscriber
from triaged.notify.oru import Ends
from triaged.notify.webhook import WebhookSubscriber
from triaged.results.identity import OPTIONAL, REQUIRED
from triaged.results.instance import ResultObject
from triaged.steps.ports import Sent
from triaged.study.assessment import Failed, Reason, ReasonCode
from triaged.study.notification import Notification, Scored
from triaged.study.records import Patient

DELIMITERS = (
    "a|b^c~d\\e&f",
    "x\rOBX|9|CWE|CLASS||N",
    "x\r\nPID|1||OTHER",
    "\x0bMSH|^~\\&|EVIL|||||ORU^R01|1|P|2.5.1\r\x1c\r",
    "\x1c\r\x0bMSH|^~\\&|EVIL",
    "\\.br\\\\X0D\\\\F\\",
    "\x85\u2028\u2029\x0c\x1e\x1d",
    '"},{"class":"E0","x":"',
    "\\\\",
    "\\u0022\\",
    "a=b=c=d^^^^^^^^",
    "\x1b$B;3ED\x1b(B",
    "\x00\x07\x1b[2J\x7f",
    "\ud800",
    "9" * 1000,
    "\N{GRINNING FACE}" * 70,
)
"""What would be structure, if it were not escaped."""
_TEXTS = {
    "PatientName": "PN", "PatientID": "LO", "AccessionNumber": "SH", "StudyDescription": "LO", "StudyID": "SH",
    "PatientBirthDate": "DA", "PatientSex": "CS", "ReferringPhysicianName": "PN", "StudyDate": "DA", "StudyTime": "TM",
    "SeriesDescription": "LO", "BodyPartExamined": "CS", "Manufacturer": "LO", "ManufacturerModelName": "LO",
    "InstitutionName": "LO", "PatientAge": "AS", "PatientComments": "LT", "IssuerOfPatientID": "LO",
}  # fmt: skip
"""What result objects copy or may copy from the images, and more."""
_COPIED = {f"{tag_for_keyword(keyword):08X}": keyword for keyword in (*REQUIRED, *OPTIONAL)}
_NAMES = [*(f"<{keyword}>" for keyword in _COPIED.values()), *(f"(0x{tag[:4]},0x{tag[4:]})".lower() for tag in _COPIED)]
"""How dciodvfy names what is copied as it is."""
_SUM = "Dicom dataset contains invalid data values for Value Representations"
"""What it says besides where any value is invalid; each has a line of its own."""


def outgoing(trial: Trial, folder: Path, texts: tuple[str, ...] = (*DELIMITERS, *PAYLOADS)) -> None:
    """Let everything leave with each of these texts in it."""
    _hl7(trial, texts)
    _webhook(trial, texts)
    _api(trial, folder, texts)
    _objects(trial, folder, texts)


def _notification(text: str) -> Notification:
    """Return a notification whose every text that is not ours is this one."""
    failed = Failed(Reason(ReasonCode.CORRUPT, text))
    return push(patient=Patient(*[text] * 8), reason=text, result=Scored(2, NOW, text, failed))


def _hl7(trial: Trial, texts: tuple[str, ...]) -> None:
    """Send each over MLLP: one message in one frame, with the segments and fields of a plain one."""
    with mllp(MllpServer()) as ris:
        address = Address(*ris.address)
        subscriber = MllpSubscriber(address, Ends("TRIAGED", "CLINIC", "RIS", "HOSPITAL"), 10)
        for text in ("plain", *texts):
            ris.released.set()
            said = subscriber.push(_notification(text), now=NOW)
            trial.expect(said == Sent(), f"HL7 with {text[:20]!r}: expected to be acknowledged, found {said}")
    wanted = _shape(ris.messages[0])
    trial.count("HL7 messages", len(ris.messages))
    trial.expect(len(ris.messages) == len(texts) + 1, f"expected {len(texts) + 1} messages, found {len(ris.messages)}")
    for text, message in zip(texts, ris.messages[1:], strict=False):
        trial.expect(_shape(message) == wanted, f"HL7 with {text[:20]!r}: expected its own fields, found others")
        given = [each for each in str(message) if ord(each) < 32 and each != "\r"]
        trial.expect(not given, f"HL7 with {text[:20]!r}: expected no control characters, found {len(given)}")


def _shape(message: hl7.Message) -> list[tuple[str, int]]:
    """Return the segments in their order, each with how many fields it has; those of a name or date may be empty."""
    return [(str(segment[0]), len(segment) if str(segment[0]) != "PID" else len([*segment][:4])) for segment in message]


def _webhook(trial: Trial, texts: tuple[str, ...]) -> None:
    """Post each as JSON: one value, the same text."""
    with http(HttpServer()) as pager:
        subscriber = WebhookSubscriber(Address(*pager.address), "/", 10, names_patient=True)
        for text in texts:
            subscriber.push(_notification(text), now=NOW)
    trial.count("webhooks", len(pager.posts))
    for text, post in zip(texts, pager.posts, strict=True):
        said = _strict(post.body.decode("ascii"))
        trial.expect(said["patient"]["patient_name"] == text, f"webhook with {text[:20]!r}: expected the same text")
        trial.expect(said["reason"] == text, f"webhook with {text[:20]!r}: expected the same reason")
        trial.expect(post.headers["Content-Type"] == "application/json", "webhook: expected to be called JSON")


def _strict(text: str) -> Any:
    """Parse JSON as RFC 8259 has it: no NaN, no infinity, and nothing twice."""

    def number(name: str) -> float:
        raise ValueError(f"expected a number, found {name}")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError("expected every name once")
        return dict(pairs)

    return json.loads(text, parse_constant=number, object_pairs_hook=once)


def _api(trial: Trial, folder: Path, texts: tuple[str, ...]) -> None:
    """Ask for everything that answers in JSON, of studies whose every text is one of these."""
    with clinic_of(folder) as scene:
        for number, text in enumerate(texts, 100):
            hostile(scene, number, text)
        scene.now = at(400)
        app = scene.app(access=next(key.access for key in keys(scene) if str(key) == "open, administrator"))
        with closing(TestClient(app, client=("127.0.0.1", 1))) as client:
            for path in _asked_for(routes_of(app), len(texts)):
                answer = client.get(path)
                kind = answer.headers.get("content-type", "").partition(";")[0]
                if not kind.endswith("json"):
                    continue
                trial.count("answers in JSON")
                safe = answer.headers.get("x-content-type-options") == "nosniff"
                trial.expect(answer.status_code < 500 and safe, f"{path}: expected a safe answer, found {answer}")
                try:
                    _strict(answer.content.decode("utf-8"))
                except ValueError as error:
                    trial.expect(False, f"{path}: expected JSON, found {type(error).__name__}: {error}")


def _asked_for(routes: list[str], studies: int) -> Iterator[str]:
    for path in routes:
        if "events" in path:
            continue
        yield path
        if STUDY in path:
            yield from (path.replace(STUDY, study_uid(number).value) for number in range(100, 100 + studies))
    yield from ("/api/worklist?limit=1000", "/api/workitems?limit=1000&includefield=all")


def _objects(trial: Trial, folder: Path, texts: tuple[str, ...]) -> None:
    """Write every kind of object over images with these texts: dciodvfy and DCMTK find what they find in plain ones.

    What identifies is copied byte for byte (docs/conformance.md), so that an archive files it under the same patient;
    all else, every attribute, item and number of values, has to be what it is for a plain name.
    """
    if shutil.which("dciodvfy") is None or shutil.which("dcm2json", path=DCMTK_PATH) is None:
        trial.note("result objects judged", "dciodvfy or DCMTK is not installed")
        return
    plain = _objects_over("Plain")
    wanted, known = [_shape_of(one, folder) for one in plain], {*complaints(plain, folder)}
    for text in texts:
        for one, shape in zip(_objects_over(text), wanted, strict=True):
            what = f"{one.name} over {text[:20]!r}"
            found = [line for line in complaints([one], folder) if line not in known and not _is_of_a_copy(line)]
            trial.count("result objects judged")
            trial.expect(not found, f"{what}: expected no error, found {found[:3]}")
            trial.expect(_shape_of(one, folder) == shape, f"{what}: expected the attributes of a plain one")


def _is_of_a_copy(line: str) -> bool:
    return line.endswith(_SUM) or any(name in line for name in _NAMES)


def _objects_over(text: str) -> tuple[ResultObject, ...]:
    return every_kind(sent(lambda header: _write(header, text)))


def _shape_of(one: ResultObject, folder: Path) -> list[str]:
    """Return path, representation and number of values of every attribute, as DCMTK reads them."""
    path, short = folder / "one.dcm", folder / "short.dcm"
    path.write_bytes(one.part10)
    dcmtk("dcmconv", "+te", path, short)
    dcmtk("dcmodify", "-nb", "-q", "-imt", "-ea", "PixelData", short)
    return list(_attributes(json.loads(dcmtk("dcm2json", short).stdout), ""))


def _attributes(item: dict[str, Any], where: str) -> Iterator[str]:
    for tag, element in item.items():
        values = element.get("Value", [])
        if tag not in _COPIED:
            yield f"{where}{tag} {element.get('vr')} {len(values)}"
        for number, value in enumerate(values):
            if element.get("vr") == "SQ":
                yield from _attributes(value, f"{where}{tag}[{number}].")


def _write(header: Dataset, text: str) -> None:
    """Put a text into every attribute that a sender can write, as its bytes in UTF-8."""
    header.SpecificCharacterSet = "ISO_IR 192"
    content = text.encode("utf-8", "replace")[:60_000]
    for keyword in _TEXTS:
        put(header, keyword, content + b" " * (len(content) % 2))
