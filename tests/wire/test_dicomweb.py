"""Programs that are not ours search, take and store by DICOMweb: dicomweb-client, and Orthanc's plugin as a client."""

from __future__ import annotations

import json
import select
import shutil
import socket
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from dicomweb_client.api import DICOMwebClient
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.uid import UID

from tests.browser.serving import served
from tests.web.dicomweb.conftest import open_scene
from tests.web.dicomweb.site import (
    ODD_STUDY,
    RAMP,
    SERIES,
    SLICE,
    STUDY,
    chest,
    odd_files,
    publish,
    receive,
)
from tests.web.scene import Scene
from tests.wire.orthanc import PLUGIN
from tests.wire.peers import orthanc_process
from triaged.web.limits import Limits


@dataclass(frozen=True)
class Site:
    """A running server, and what is in its store."""

    url: str
    scene: Scene
    slices: list[Dataset]
    objects: dict[str, Dataset]

    def client(self) -> DICOMwebClient:
        """Return a client of the server."""
        return DICOMwebClient(f"{self.url}/dicom-web")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> Iterator[Site]:
    """A server on the network of this machine, with a chest, its result objects, and images of odd kinds."""
    folder = tmp_path_factory.mktemp("dicomweb")
    shutil.copyfile(migrated_sqlite, folder / "triaged.db")
    scene = open_scene(folder)
    study, files = chest()
    objects = study.objects()
    receive(scene, files)
    publish(scene, STUDY, objects)
    receive(scene, list(odd_files().values()))
    single = [dcmread(BytesIO(one.part10)) for one in objects if one.name != "sc-multiframe"]
    with served(scene.app()) as url:
        yield Site(
            url, scene, [dcmread(BytesIO(each)) for each in files], {str(one.SOPInstanceUID): one for one in single}
        )
    scene.database.close()


def test_a_client_finds_studies_series_and_instances(site: Site) -> None:
    client = site.client()
    (study,) = [Dataset.from_json(one) for one in client.search_for_studies(search_filters={"PatientName": "Doe*"})]
    assert (study.StudyInstanceUID, study.PatientName) == (STUDY, "Doe^Jane")
    assert client.search_for_studies(search_filters={"PatientID": "nobody"}) == []
    series = [Dataset.from_json(one) for one in client.search_for_series(STUDY, fields=["SeriesDescription"])]
    assert {one.Modality for one in series} == {"CT", "SEG", "SR", "KO", "OT"}
    instances = client.search_for_instances(STUDY, SERIES, limit=7, offset=2)
    assert [Dataset.from_json(one).InstanceNumber for one in instances] == list(range(3, 10))
    assert len(client.search_for_instances(get_remaining=True)) == study.NumberOfStudyRelatedInstances + 8


def test_a_client_takes_a_study_as_it_is(site: Site) -> None:
    client = site.client()
    got = {
        str(one.SOPInstanceUID): one for one in client.retrieve_study(STUDY, media_types=(("application/dicom", "*"),))
    }
    sent = {str(one.SOPInstanceUID): one for one in site.slices} | site.objects
    assert got == sent
    plain = client.retrieve_instance(ODD_STUDY, f"{ODD_STUDY}.4", f"{ODD_STUDY}.4.1")
    np.testing.assert_array_equal(plain.pixel_array[1], RAMP + 7)


def test_a_client_takes_headers_frames_pictures_and_long_values(site: Site) -> None:
    client = site.client()
    metadata = client.retrieve_series_metadata(STUDY, SERIES)
    assert [one["00200032"]["Value"] for one in metadata] == [list(one.ImagePositionPatient) for one in site.slices]
    (frame,) = client.retrieve_instance_frames(STUDY, SERIES, SLICE.format(5), [1])
    assert frame == site.slices[4].PixelData
    colours = client.retrieve_instance_frames(ODD_STUDY, f"{ODD_STUDY}.4", f"{ODD_STUDY}.4.1", [2, 1])
    assert colours == [(RAMP + 7).tobytes(), RAMP.tobytes()]
    picture = client.retrieve_instance_rendered(STUDY, SERIES, SLICE.format(5), media_types=("image/png",))
    assert Image.open(BytesIO(picture)).size == (80, 60)
    (model,) = [client.retrieve_instance_metadata(ODD_STUDY, f"{ODD_STUDY}.8", f"{ODD_STUDY}.8.1")]
    (value,) = client.retrieve_bulkdata(model["00420011"]["BulkDataURI"])
    assert len(value) == 8000


def test_a_client_stores_and_takes_back(site: Site) -> None:
    client = site.client()
    images = []
    for number, one in enumerate(site.slices[:3]):
        copy = dcmread(BytesIO(_bytes_of(one)))
        copy.StudyInstanceUID, copy.SeriesInstanceUID, copy.PatientID = "1.2.3.50", "1.2.3.50.1", "P-50"
        copy.SOPInstanceUID = copy.file_meta.MediaStorageSOPInstanceUID = UID(f"1.2.3.50.1.{number}")
        images.append(copy)
    answer = client.store_instances(images, "1.2.3.50")
    assert len(answer.ReferencedSOPSequence) == 3
    got = client.retrieve_study("1.2.3.50", media_types=(("application/dicom", "*"),))
    assert got == images


def _bytes_of(image: Dataset) -> bytes:
    content = BytesIO()
    image.save_as(content, enforce_file_format=True)
    return content.getvalue()


@pytest.fixture
def archive(site: Site, tmp_path: Path) -> Iterator[str]:
    """Where an Orthanc answers that knows our server."""
    if not PLUGIN.exists():
        pytest.skip("Orthanc's DICOMweb plugin is not installed")
    settings = {
        "Plugins": [str(PLUGIN)],
        "DicomModalities": {},
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/", "Servers": {"triaged": {"Url": f"{site.url}/dicom-web/"}}},
    }
    with orthanc_process(tmp_path, settings) as there:
        yield there.url


def test_orthanc_finds_and_takes_a_study_with_all_that_is_in_it(site: Site, archive: str) -> None:
    found = _post(f"{archive}/dicom-web/servers/triaged/qido", {"Uri": "/studies", "Arguments": {"00100020": "P-1"}})
    assert [one["0020000D"]["Value"] for one in found] == [STUDY]
    _post(f"{archive}/dicom-web/servers/triaged/retrieve", {"Resources": [{"Study": STUDY}], "Synchronous": True})
    kept = {_tags(archive, one)["SOPInstanceUID"] for one in _get(f"{archive}/instances")}
    assert kept == {str(one.SOPInstanceUID) for one in site.slices} | set(site.objects)
    one = next(
        each for each in _get(f"{archive}/instances") if _tags(archive, each)["SOPInstanceUID"] == SLICE.format(9)
    )
    with urllib.request.urlopen(f"{archive}/instances/{one}/file", timeout=30) as response:
        assert dcmread(BytesIO(response.read())) == site.slices[8]


def test_orthanc_stores_a_study_of_its_own(site: Site, archive: str) -> None:
    image = dcmread(BytesIO(_bytes_of(site.slices[0])))
    image.StudyInstanceUID, image.SeriesInstanceUID = "1.2.3.60", "1.2.3.60.1"
    image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3.60.1.1")
    request = urllib.request.Request(f"{archive}/instances", _bytes_of(image), method="POST")
    with urllib.request.urlopen(request, timeout=30) as response:
        identifier = json.loads(response.read())["ID"]
    _post(f"{archive}/dicom-web/servers/triaged/stow", {"Resources": [identifier], "Synchronous": True})
    (kept,) = site.scene.studies.instances("1.2.3.60")
    assert dcmread(site.scene.spool.absolute(kept.path)) == image


def test_an_upload_that_stands_still_is_ended_and_one_that_goes_on_is_not(site: Site) -> None:
    """A whole request is owed within half a second here; instances may take as long as they come at some rate."""
    limits = Limits(request_s=0.5, reading_s=2.0, least_bytes=1024)
    image = dcmread(BytesIO(_bytes_of(site.slices[0])))
    image.StudyInstanceUID, image.EncapsulatedDocument = "1.2.3.70", b"a long way " * 3000
    body = b"--b\r\nContent-Type: application/dicom\r\n\r\n" + _bytes_of(image) + b"\r\n--b--\r\n"
    with served(site.scene.app(), limits) as url:
        with _begun(url, len(body)) as slow:
            began = time.monotonic()
            for start in range(0, len(body), 4096):
                slow.sendall(body[start : start + 4096])
                assert not select.select([slow], [], [], 0.2)[0] or start + 4096 >= len(body)
            assert time.monotonic() - began > 4 * limits.request_s
            assert slow.recv(4096).startswith(b"HTTP/1.1 200")
        with _begun(url, len(body)) as silent:
            silent.sendall(body[: len(body) // 2])
            silent.settimeout(20)
            assert silent.recv(4096) == b""
    assert len(site.scene.studies.instances("1.2.3.70")) == 1


@contextmanager
def _begun(url: str, length: int) -> Iterator[socket.socket]:
    """Send the head of a request that stores so many bytes, in a body whose boundary is `b`."""
    where = urlsplit(url)
    head = (
        f"POST /dicom-web/studies HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Length: {length}\r\n"
        'Content-Type: multipart/related; type="application/dicom"; boundary=b\r\n\r\n'
    )
    with socket.create_connection((where.hostname, where.port)) as connection:
        connection.sendall(head.encode())
        yield connection


def _post(url: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(url, json.dumps(body).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=60) as response:
        content = response.read()
    return json.loads(content) if content else None


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as response:
        return json.loads(response.read())


def _tags(archive: str, identifier: str) -> Any:
    return _get(f"{archive}/instances/{identifier}/simplified-tags")
