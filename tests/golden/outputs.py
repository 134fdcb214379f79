"""Writes down everything that others see of a clinic, as texts by file name; knows rooms by `wiring` alone."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from fastapi.testclient import TestClient
from PIL import Image
from pydicom import Dataset

from tests.golden.scenario import SCANS, follow_up, play, uid
from tests.golden.wiring import Clinic

EXPECTED = Path(__file__).parent / "expected"
PAGES = (4, 6, 11, 21, 24, 26)
"""Studies whose page is kept whole; of the others a digest is."""
WHOLE = {
    2: "sr text sc sc-multiframe seg",
    4: "sr",
    6: "text",
    8: "sr text sc",
    19: "sr text",
    21: "sr text",
    24: "text",
}
"""Studies and kinds of objects whose data sets are kept whole; of all others a digest is."""
BULK = ("PixelData",)
SCHEMES = ("severity", "identification", "combined")
DISCIPLINES = ("fifo", "strict", "strict_cap", "accumulating")
WIDTH = 150

Files = dict[str, str]


def outputs(folder: Path) -> Files:
    """Return every file that the scenario gives, with what happens to it afterwards."""
    clinic = play(folder)
    try:
        return seen(clinic) | afterwards(clinic)
    finally:
        clinic.close()


def seen(clinic: Clinic) -> Files:
    """Return what can be read of a clinic without changing it."""
    return (
        _of_the_web(clinic)
        | _objects(clinic)
        | {
            "history.json": said({number: clinic.history(uid(number)) for number in SCANS}),
            "order.json": said(_order(clinic)),
            "hl7.txt": "\n".join(clinic.told.hl7),
            "webhook.json": said(clinic.told.bodies),
            "cfind.json": said(_found(clinic)),
            "commands.txt": "\n".join(_commands(clinic)),
        }
    )


def afterwards(clinic: Clinic) -> Files:
    """Go on with a clinic, and return what comes of it: what is due, a follow-up, and every other order."""
    clinic.told.hl7, clinic.told.bodies, clinic.pacs.took = [], [], []
    clinic.later(1200)
    told = {name: clinic.push(name) for name in ("ris", "hook", "away")}
    sent = {name: clinic.deliver(name) for name in ("pacs", "archive")}
    clinic.ask_commitment()
    files = {
        "after/due.json": said({"told": told, "sent": sent, "bodies": clinic.told.bodies, "took": clinic.pacs.took}),
        "after/due_hl7.txt": "\n".join(clinic.told.hl7),
    }
    files["after/follow_up.json"] = study(clinic, follow_up(clinic))
    orders = {}
    for scheme, discipline in (
        *((scheme, "head_start") for scheme in SCHEMES),
        *(("combined", each) for each in DISCIPLINES),
    ):
        clinic.rerank_all(scheme, discipline)
        orders[f"{scheme} {discipline}"] = _order(clinic)
    return files | {"after/orders.json": said(orders)}


def study(clinic: Clinic, new: str) -> str:
    """Return what is known of one study, with its report as text."""
    objects = clinic.objects(new)
    return said(
        {
            "history": clinic.history(new),
            "published": clinic.published(new),
            "objects": {kind: data_set(each) for kind, _, _, each in objects if kind == "text"},
            "digests": [(kind, instance, _digest(each)) for kind, instance, _, each in objects],
        }
    )


def _order(clinic: Clinic) -> list[str]:
    """Return number, key and class of every study in the order of the keys."""
    rows = clinic.rows("SELECT study_uid, sort_key, lane, triage_class, effective_at, reason FROM study")
    return [
        " | ".join(str(value) for value in row.values()) for row in sorted(rows, key=lambda row: str(row["sort_key"]))
    ]


def _of_the_web(clinic: Clinic) -> Files:
    files, answers, digests = {}, {}, {}
    with TestClient(clinic.app(), cookies={"triaged-browser": "ab" * 32}) as client:
        for path in ("worklist", "version", "status", "openapi.json", "workitems", "worklist?limit=3&offset=2"):
            answers[path] = _answer(client, f"/api/{path}")
        answers["health"] = _answer(client, "/health")
        for number in SCANS:
            answers[f"worklist/{number}"] = _answer(client, f"/api/worklist/{uid(number)}")
            answers[f"slices/{number}"] = _answer(client, f"/api/studies/{uid(number)}/slices")
            page = client.get(f"/studies/{uid(number)}").text
            if number in PAGES:
                files[f"pages/{number}.html"] = page
            digests[number] = _digest_of(page)
            digests |= _pictures(client, clinic, number)
        steps = answers["workitems"]["body"]
        instance = steps[3]["00080018"]["Value"][0]
        answers["workitem"] = _answer(client, f"/api/workitems/{instance}")
        answers["workitems?one"] = _answer(client, "/api/workitems?ScheduledProcedureStepPriority=STAT&limit=2")
        files["pages/worklist.html"] = client.get("/").text
        files["pages/done.html"] = client.get("/?show=done").text
        files["pages/status.html"] = client.get("/status").text
    openapi, workitems = answers.pop("openapi.json"), answers.pop("workitems")
    named = {"api.json": answers, "openapi.json": openapi, "workitems.json": workitems, "pages.json": digests}
    return files | {name: said(value) for name, value in named.items()}


def _answer(client: TestClient, path: str) -> dict[str, Any]:
    response = client.get(path)
    headers = {name: value for name, value in response.headers.items() if name in ("content-type", "x-total-count")}
    return {"status": response.status_code, "headers": headers, "body": response.json() if response.content else None}


def _pictures(client: TestClient, clinic: Clinic, number: int) -> dict[Any, Any]:
    """Return digests of what the pages show as pictures: of their pixels, since encoders differ."""
    told: dict[Any, Any] = {}
    for kind, instance, _, _ in clinic.objects(uid(number)):
        if kind == "sc":
            told[f"{number} {instance}"] = _pixels(
                client.get(f"/studies/{uid(number)}/pictures/{instance}.png").content
            )
    for index in (5, 6):
        slices = f"/api/studies/{uid(number)}/slices/{index}"
        for name in (f"{slices}.jpg", f"{slices}/contour.png"):
            response = client.get(name)
            told[name] = _pixels(response.content) if response.status_code == 200 else response.status_code
    return told


def _pixels(content: bytes) -> str:
    pixels = np.asarray(Image.open(io.BytesIO(content)).convert("RGBA"))
    return f"{pixels.shape} {hashlib.sha256(pixels.tobytes()).hexdigest()}"


def _objects(clinic: Clinic) -> Files:
    files, told = {}, {}
    for number in SCANS:
        objects = clinic.objects(uid(number))
        told[number] = {
            "published": clinic.published(uid(number)),
            "objects": [(kind, instance, syntax, _digest(each)) for kind, instance, syntax, each in objects],
        }
        for kind in WHOLE.get(number, "").split():
            files[f"objects/{number}-{kind}.json"] = said(
                [data_set(each) for one, _, _, each in objects if one == kind]
            )
    return files | {"objects.json": said(told)}


def data_set(dataset: Dataset) -> dict[str, Any]:
    """Return a data set with its file meta information as DICOM JSON, bulk data as a digest."""
    told = {**dataset.file_meta.to_json_dict(), **dataset.to_json_dict()}
    for keyword in BULK:
        if keyword in dataset:
            tag = f"{dataset[keyword].tag:08X}"
            told[tag] = {"vr": dataset[keyword].VR, "sha256": hashlib.sha256(dataset[keyword].value).hexdigest()}
    return told


def _digest(dataset: Dataset) -> str:
    return _digest_of(json.dumps(data_set(dataset), sort_keys=True))


def _digest_of(content: str) -> str:
    return hashlib.sha256(content.encode("utf-8")).hexdigest()


def _found(clinic: Clinic) -> Any:
    everything = clinic.find(
        SOPInstanceUID="",
        ProcedureStepState="",
        ScheduledProcedureStepPriority="",
        ProcedureStepLabel="",
        PatientName="",
        PatientID="",
        PatientBirthDate="",
        PatientSex="",
        AccessionNumber="",
        StudyInstanceUID="",
        WorklistLabel="",
        CommentsOnTheScheduledProcedureStep="",
        ScheduledProcedureStepStartDateTime="",
    )
    high = clinic.find(ScheduledProcedureStepPriority="HIGH", SOPInstanceUID="")
    return {"all": [each.to_json_dict() for each in everything], "high": [each.to_json_dict() for each in high]}


def _commands(clinic: Clinic) -> list[str]:
    told = []
    for arguments in (("worklist",), ("worklist", "--json"), ("status",), ("status", "--json")):
        told.append(f"$ triaged {' '.join(arguments)}\n{clinic.command(*arguments)}")
    return told


def said(value: Any) -> str:
    """Return JSON in which whatever fits stands on one line, so that a difference shows by itself."""
    return "\n".join(_said(value, "")) + "\n"


def _said(value: Any, indent: str) -> list[str]:
    flat = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(flat) <= WIDTH or not isinstance(value, dict | list | tuple):
        return [flat]
    inner, lines = f"{indent} ", []
    if isinstance(value, dict):
        opened, closed, items = "{", "}", [(f"{json.dumps(str(key))}: ", each) for key, each in value.items()]
    else:
        opened, closed, items = "[", "]", [("", each) for each in value]
    for number, (name, each) in enumerate(items):
        first, *rest = _said(each, inner)
        part = [f"{inner}{name}{first}", *rest]
        part[-1] += "," if number + 1 < len(items) else ""
        lines += part
    return [opened, *lines, f"{indent}{closed}"]
