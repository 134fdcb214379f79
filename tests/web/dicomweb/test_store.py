"""STOW-RS: what is stored is durable before the answer, each part for itself; the standard's codes say why not."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from pydicom import Dataset, dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from tests.web.dicomweb.site import ALL_STORED, BASE, ODD_STUDY, RAMP, STUDY, odd_files, odd_image, part10, parts
from tests.web.scene import Scene
from tests.web.visiting import ACCOUNTS, sign_in, visit
from triaged.errors import TryLater
from triaged.results.instance import ResultObject
from triaged.spool.files import Spool
from triaged.steps.intake import Intake
from triaged.store.studies.arrivals import Arrivals

RELATED = 'multipart/related; type="application/dicom"; boundary=frontier'
SYNTAX, CLASS, ROOM, OTHER_STUDY, NO_DICOM, DUPLICATE = 0xC122, 0x0122, 0xA700, 0xA900, 0xC000, 0x0111


@pytest.fixture
def empty(scene: Scene) -> Iterator[TestClient]:
    """A program that talks to an empty store."""
    with TestClient(scene.app()) as program:
        yield program


def image(number: int, **says: object) -> bytes:
    """Return an image of the odd study; it is of `number` whose series and instance it is."""
    return part10(odd_image(number, RAMP, **says), ExplicitVRLittleEndian)


def body(*files: bytes, kind: str = "application/dicom", end: bytes = b"--\r\n") -> bytes:
    """Return files as the parts of a body."""
    divided = [f"--frontier\r\nContent-Type: {kind}\r\n\r\n".encode() + content + b"\r\n" for content in files]
    return b"".join(divided) + b"--frontier" + end


def store(client: TestClient, *files: bytes, path: str = "studies", **more: object) -> Response:
    """Store files."""
    return client.post(f"{BASE}/{path}", content=body(*files), headers={"Content-Type": RELATED}, **more)  # type: ignore[arg-type]


def told(response: Response) -> Dataset:
    """Return the answer as pydicom reads it."""
    assert response.headers["Content-Type"] == "application/dicom+json"
    return Dataset.from_json(response.json())


def reasons(response: Response) -> list[int]:
    """Return why parts were refused."""
    found = told(response)
    failed = [*found.get("FailedSOPSequence", []), *found.get("OtherFailuresSequence", [])]
    return [one.FailureReason for one in failed]


def test_what_is_stored_comes_back_as_it_was_sent(empty: TestClient, scene: Scene) -> None:
    files = odd_files()
    response = store(empty, *files.values())
    assert response.status_code == 200
    answer = told(response)
    assert answer.RetrieveURL == f"http://testserver{BASE}/studies/{ODD_STUDY}"
    assert [one.ReferencedSOPInstanceUID for one in answer.ReferencedSOPSequence] == [
        str(dcmread(BytesIO(content)).SOPInstanceUID) for content in files.values()
    ]
    for one, sent in zip(answer.ReferencedSOPSequence, files.values(), strict=True):
        ((_, got),) = parts(empty.get(one.RetrieveURL, headers={"Accept": ALL_STORED}))
        if dcmread(BytesIO(sent)).file_meta.TransferSyntaxUID not in ("1.2.840.10008.1.2", "1.2.840.10008.1.2.2"):
            assert dcmread(BytesIO(got)) == dcmread(BytesIO(sent))
    entry = scene.worklist.entry(ODD_STUDY)
    assert entry is not None
    assert entry.instances == len(files)


def test_file_and_row_are_there_before_the_answer(
    empty: TestClient, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row is written when the file is durable, and a row that cannot be written is no success."""

    def away(*_: object, **__: object) -> None:
        raise TryLater("the database is away")

    monkeypatch.setattr(Arrivals, "admit", away)
    response = store(empty, image(1))
    assert (response.status_code, reasons(response)) == (503, [ROOM])
    assert int(response.headers["Retry-After"]) > 0
    monkeypatch.undo()
    assert store(empty, image(1)).status_code == 200
    (kept,) = scene.studies.instances(ODD_STUDY)
    assert dcmread(scene.spool.absolute(kept.path)) == dcmread(BytesIO(image(1)))


def test_below_the_reserve_nothing_is_taken_and_later_it_may_be(
    empty: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_spool: Spool) -> None:
        raise TryLater("expected at least 10 MiB free for the spool, found 1 MiB")

    monkeypatch.setattr(Spool, "check_reserve", full)
    response = store(empty, image(1), image(2))
    assert (response.status_code, reasons(response)) == (503, [ROOM, ROOM])
    assert "Retry-After" in response.headers


def test_each_part_is_judged_for_itself(empty: TestClient) -> None:
    unknown = image(2).replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.9\0")
    directory = image(3).replace(b"1.2.840.10008.5.1.4.1.1.7\0", b"1.2.840.10008.1.3.10\0\0\0\0\0\0")
    response = store(empty, image(1), unknown, b"GIF89a", directory, b"", image(4, StudyInstanceUID=""))
    assert response.status_code == 202
    answer = told(response)
    assert [one.ReferencedSOPInstanceUID for one in answer.ReferencedSOPSequence] == [f"{ODD_STUDY}.1.1"]
    assert sorted(reasons(response)) == sorted([SYNTAX, NO_DICOM, CLASS, NO_DICOM, NO_DICOM])


def test_where_no_part_is_stored_it_is_a_conflict(empty: TestClient) -> None:
    response = store(empty, b"not DICOM")
    assert (response.status_code, reasons(response)) == (409, [NO_DICOM])


def test_an_instance_of_another_study_than_the_path_names_is_not_kept(empty: TestClient, scene: Scene) -> None:
    other = image(2, StudyInstanceUID="1.2.3.4")
    response = store(empty, image(1), other, path=f"studies/{ODD_STUDY}")
    assert (response.status_code, reasons(response)) == (202, [OTHER_STUDY])
    assert scene.worklist.entry("1.2.3.4") is None
    assert not (scene.spool.absolute(f"{ODD_STUDY}/x").parent.parent / "1.2.3.4").exists()


def test_the_same_again_is_stored_and_other_content_is_not(empty: TestClient, scene: Scene) -> None:
    assert [store(empty, image(1)).status_code for _ in range(2)] == [200, 200]
    response = store(empty, image(1, PatientComments="other"))
    assert (response.status_code, reasons(response)) == (409, [DUPLICATE])
    assert len(scene.studies.conflicts()) == 1


def test_our_own_object_coming_back_is_known(
    empty: TestClient, scene: Scene, chest_objects: tuple[ResultObject, ...]
) -> None:
    assert store(empty, chest_objects[0].part10).status_code == 200
    assert scene.worklist.entry(STUDY) is None


def test_a_deflated_file_is_stored_as_it_is(empty: TestClient) -> None:
    sent = part10(odd_image(1, RAMP), DeflatedExplicitVRLittleEndian)
    (one,) = told(store(empty, sent)).ReferencedSOPSequence
    ((headers, content),) = parts(empty.get(one.RetrieveURL, headers={"Accept": ALL_STORED}))
    assert headers["content-type"].endswith("1.2.840.10008.1.2.1.99")
    assert dcmread(BytesIO(content)) == dcmread(BytesIO(sent))


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_a_body_may_come_in_pieces_of_any_size(empty: TestClient, size: int) -> None:
    whole = body(image(1), image(2))

    def pieces() -> Iterator[bytes]:
        yield from (whole[start : start + size] for start in range(0, len(whole), size))

    response = empty.post(f"{BASE}/studies", content=pieces(), headers={"Content-Type": RELATED})
    assert response.status_code == 200


@pytest.mark.parametrize("end", [b"", b"\r\nContent-Type: application/dicom\r\n\r\nDIC"])
def test_a_body_without_its_end_is_refused_and_what_came_whole_is_kept(
    empty: TestClient, scene: Scene, end: bytes
) -> None:
    content = body(image(1), end=end)
    response = empty.post(f"{BASE}/studies", content=content, headers={"Content-Type": RELATED})
    assert response.status_code == 400
    assert [one.sop_instance_uid.value for one in scene.studies.instances(ODD_STUDY)] == [f"{ODD_STUDY}.1.1"]


def test_an_instance_that_is_cut_within_a_body_is_not_kept(empty: TestClient, scene: Scene) -> None:
    whole = body(image(1))
    response = empty.post(f"{BASE}/studies", content=whole[: len(whole) // 2], headers={"Content-Type": RELATED})
    assert response.status_code == 400
    assert scene.worklist.entry(ODD_STUDY) is None


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ('multipart/related; type="application/dicom"', 400),
        ('multipart/related; type="application/dicom"; boundary=other', 400),
        ('multipart/related; type="application/dicom+xml"; boundary=frontier', 415),
        ('multipart/related; type="application/dicom+json"; boundary=frontier', 415),
        ("application/json", 403),
        ("text/plain", 403),
    ],
)
def test_other_bodies_are_refused(empty: TestClient, kind: str, status: int) -> None:
    response = empty.post(f"{BASE}/studies", content=body(image(1)), headers={"Content-Type": kind})
    assert response.status_code == status
    assert response.json()["detail"]


def test_one_instance_can_come_without_parts(empty: TestClient) -> None:
    response = empty.post(f"{BASE}/studies", content=image(1), headers={"Content-Type": "application/dicom"})
    assert response.status_code == 200


def test_an_answer_in_another_form_cannot_be_had_and_nothing_is_stored(empty: TestClient, scene: Scene) -> None:
    headers = {"Content-Type": RELATED, "Accept": "application/dicom+xml"}
    assert empty.post(f"{BASE}/studies", content=body(image(1)), headers=headers).status_code == 406
    assert (
        empty.post(f"{BASE}/studies/1.a", content=body(image(1)), headers={"Content-Type": RELATED}).status_code == 400
    )
    assert scene.worklist.entry(ODD_STUDY) is None


def test_more_than_one_answer_can_tell_of_is_too_much(empty: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("triaged.web.dicomweb.storing.MOST_PARTS", 2)
    assert store(empty, b"a", b"b", b"c").status_code == 413


def test_when_others_store_already_one_comes_again(empty: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threading.BoundedSemaphore.acquire", lambda *_, **__: False)
    response = store(empty, image(1))
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")


def test_a_study_waits_for_no_delivery_that_has_ended(empty: TestClient, scene: Scene) -> None:
    store(empty, image(1), image(2))
    (candidate,) = scene.studies.receiving(now=scene.now)
    assert candidate.open_associations == 0
    assert candidate.last_association_closed_at is not None


def test_the_end_of_a_delivery_is_recorded_when_the_store_is_back(
    empty: TestClient, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise TryLater("the database is away")

    monkeypatch.setattr(Intake, "close_association", away)
    assert store(empty, image(1)).status_code == 200
    monkeypatch.undo()
    store(empty, b"nothing")
    (candidate,) = scene.studies.receiving(now=scene.now)
    assert candidate.open_associations == 0


def test_the_history_of_a_study_says_who_sent_it(scene: Scene) -> None:
    with visit(scene, ACCOUNTS) as client:
        assert store(client, image(1)).status_code == 401
        sign_in(client)
        assert store(client, image(1), image(2)).status_code == 200
        assert "2 instances from 10.0.0.1, account Doe" in client.get(f"/studies/{ODD_STUDY}").text


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_what_another_site_sends_is_refused(empty: TestClient, headers: dict[str, str]) -> None:
    response = empty.post(f"{BASE}/studies", content=body(image(1)), headers={"Content-Type": RELATED, **headers})
    assert response.status_code == 403


def test_hostile_identifiers_become_no_path(empty: TestClient, scene: Scene) -> None:
    uid = f"{ODD_STUDY}.1.1".encode()
    sent = image(1).replace(uid, b"../../../../escaped/<b>alert"[: len(uid)].ljust(len(uid), b"x"))
    response = store(empty, sent)
    assert response.status_code == 200
    assert not list(scene.spool.absolute("x").parents[1].rglob("escaped*"))
