"""WADO-RS over real files: what comes back is what was sent, read by pydicom and Python's mail parser."""

from __future__ import annotations

import io
import json
import shutil
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from pydicom import Dataset, dcmread

from tests.web.dicomweb.conftest import open_scene
from tests.web.dicomweb.site import (
    ALL_STORED,
    BASE,
    BITS,
    COLOURS,
    LONG_VALUE,
    ODD_STUDY,
    RAMP,
    SERIES,
    SLICE,
    STUDY,
    odd_path,
    parts,
)
from triaged.results.instance import ResultObject

EXPLICIT = "1.2.840.10008.1.2.1"
STUDY_PATH = f"{BASE}/studies/{STUDY}"
SLICE_PATH = f"{STUDY_PATH}/series/{SERIES}/instances/{SLICE.format(3)}"


def read(content: bytes) -> Dataset:
    return dcmread(BytesIO(content))


def test_a_study_is_the_slices_as_they_came_and_our_current_objects(
    client: TestClient,
    chest_files: list[bytes],
    chest_objects: tuple[ResultObject, ...],
    superseded: tuple[ResultObject, ...],
) -> None:
    found = {
        str(read(content).SOPInstanceUID): content
        for _, content in parts(client.get(STUDY_PATH, headers={"Accept": ALL_STORED}))
    }
    for sent in chest_files:
        got = found.pop(str(read(sent).SOPInstanceUID))
        assert got[-1000:] == sent[-1000:]
        assert read(got) == read(sent)
    current = {one.sop_instance_uid: one.part10 for one in chest_objects if one.name != "sc-multiframe"}
    assert found == current
    assert not found.keys() & {one.sop_instance_uid for one in superseded}


def test_a_superseded_object_is_not_there(client: TestClient, superseded: tuple[ResultObject, ...]) -> None:
    one = superseded[0]
    path = f"{STUDY_PATH}/series/{one.series_instance_uid}/instances/{one.sop_instance_uid}"
    assert client.get(path, headers={"Accept": ALL_STORED}).status_code == 404


@pytest.mark.parametrize("name", ["rle", "jls", "implicit", "big", "colours", "bits"])
def test_without_a_transfer_syntax_an_instance_comes_in_explicit_vr_little_endian(
    client: TestClient, odd: dict[str, bytes], name: str
) -> None:
    ((headers, content),) = parts(
        client.get(odd_path(name), headers={"Accept": 'multipart/related; type="application/dicom"'})
    )
    assert headers["content-type"] == f"application/dicom; transfer-syntax={EXPLICIT}"
    got, sent = read(content), read(odd[name])
    assert got.file_meta.TransferSyntaxUID == EXPLICIT
    np.testing.assert_array_equal(got.pixel_array, sent.pixel_array)
    for element in got:
        if element.keyword not in ("PixelData", "PlanarConfiguration"):
            assert element.value == sent[element.tag].value


@pytest.mark.parametrize(
    ("name", "accept", "syntax"),
    [
        ("rle", ALL_STORED, "1.2.840.10008.1.2.5"),
        (
            "rle",
            'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.5',
            "1.2.840.10008.1.2.5",
        ),
        ("implicit", ALL_STORED, EXPLICIT),
        ("jls", "*/*", EXPLICIT),
        (
            "jls",
            'image/png, multipart/related; type="application/dicom"; transfer-syntax=*; q=0.5',
            "1.2.840.10008.1.2.4.80",
        ),
        (
            "jls",
            'multipart/related; type="application/dicom"; q=0.2, '
            'multipart/related; type="application/dicom"; transfer-syntax=*; q=0.5',
            "1.2.840.10008.1.2.4.80",
        ),
    ],
)
def test_the_accepted_form_that_is_wanted_most_is_sent(client: TestClient, name: str, accept: str, syntax: str) -> None:
    ((headers, content),) = parts(client.get(odd_path(name), headers={"Accept": accept}))
    assert headers["content-type"].endswith(f"transfer-syntax={syntax}")
    assert read(content).file_meta.TransferSyntaxUID == syntax


def test_one_instance_can_be_had_without_parts(client: TestClient, chest_files: list[bytes]) -> None:
    response = client.get(SLICE_PATH, headers={"Accept": "application/dicom"})
    assert response.headers["Content-Type"].startswith("application/dicom;")
    assert read(response.content) == read(chest_files[2])
    assert client.get(STUDY_PATH, headers={"Accept": "application/dicom"}).status_code == 406


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        (SLICE_PATH, "application/dicom+xml"),
        (SLICE_PATH, 'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.80'),
        (SLICE_PATH, 'multipart/related; type="application/dicom"; q=0'),
        (STUDY_PATH, 'multipart/related; type="image/jpeg"'),
        (f"{SLICE_PATH}/metadata", "application/dicom+xml"),
        (f"{SLICE_PATH}/metadata", 'multipart/related; type="application/dicom+xml"'),
        (f"{SLICE_PATH}/frames/1", 'multipart/related; type="image/jls"'),
        (f"{SLICE_PATH}/rendered", "image/gif"),
        (f"{SLICE_PATH}/rendered", "text/html"),
    ],
)
def test_what_cannot_be_had_is_not_acceptable(client: TestClient, path: str, accept: str) -> None:
    response = client.get(path, headers={"Accept": accept})
    assert response.status_code == 406
    assert response.json()["detail"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{BASE}/studies/1.2.3", 404),
        (f"{BASE}/studies/not-a-uid", 400),
        (f"{BASE}/studies/1.02.3/metadata", 400),
        (f"{BASE}/studies/{'1.' * 40}1", 400),
        (f"{STUDY_PATH}/series/1.2.3", 404),
        (f"{STUDY_PATH}/series/{SERIES}/instances/1.2.3/frames/1", 404),
        (f"{BASE}/studies/{ODD_STUDY}/series/{SERIES}/instances/{SLICE.format(3)}", 404),
        (f"{SLICE_PATH}/frames/2", 404),
        (f"{SLICE_PATH}/frames/1,2", 404),
        (f"{SLICE_PATH}/frames/0", 400),
        (f"{SLICE_PATH}/frames/-1", 400),
        (f"{SLICE_PATH}/frames/1,,1", 400),
        (f"{SLICE_PATH}/frames/one", 400),
        (f"{SLICE_PATH}/frames/99999999999", 400),
        (f"{SLICE_PATH}/bulkdata/nonsense", 400),
        (f"{SLICE_PATH}/bulkdata/00420011", 404),
        (f"{SLICE_PATH}/bulkdata/7FE00010/1", 400),
        (f"{SLICE_PATH}/rendered?window=40", 400),
        (f"{SLICE_PATH}/rendered?window=40,0", 400),
        (f"{SLICE_PATH}/rendered?window=nan,400", 400),
        (f"{SLICE_PATH}/rendered?window=40,400,cubic", 400),
        (f"{SLICE_PATH}/rendered?viewport=0,10", 400),
        (f"{SLICE_PATH}/rendered?viewport=100000,100000", 400),
        (f"{SLICE_PATH}/rendered?viewport=10,10,70,70,5,5", 400),
        (f"{SLICE_PATH}/rendered?quality=101", 400),
        (f"{SLICE_PATH}/frames/7/rendered", 404),
        (f"{BASE}/nothing", 404),
    ],
)
def test_what_is_not_there_or_asked_wrongly_has_the_status_of_the_standard(
    client: TestClient, path: str, status: int
) -> None:
    response = client.get(path)
    assert response.status_code == status
    assert response.json()["detail"]


def test_metadata_are_the_header_in_the_json_model(client: TestClient, chest_files: list[bytes]) -> None:
    """pydicom's own reading of the model, against the file that was sent."""
    response = client.get(f"{SLICE_PATH}/metadata", headers={"Accept": "application/dicom+json"})
    assert response.headers["Content-Type"] == "application/dicom+json"
    (model,) = response.json()
    assert list(model) == sorted(model)
    pixels = model.pop("7FE00010")
    assert pixels == {"vr": "OW", "BulkDataURI": f"http://testserver{SLICE_PATH}/bulkdata/7FE00010"}
    assert model.pop("00083002") == {"vr": "UI", "Value": [EXPLICIT]}
    sent = read(chest_files[2])
    del sent["PixelData"]
    assert Dataset.from_json(json.dumps(model)) == sent


@pytest.mark.parametrize("name", ["seg", "sr", "text", "kos", "sc-1-summary"])
def test_metadata_of_our_objects_are_what_pydicom_makes_of_them(
    client: TestClient, chest_objects: tuple[ResultObject, ...], name: str
) -> None:
    (one,) = [each for each in chest_objects if each.name == name]
    path = f"{STUDY_PATH}/series/{one.series_instance_uid}/instances/{one.sop_instance_uid}/metadata"
    (model,) = client.get(path).json()
    sent = read(one.part10)
    model.pop("7FE00010", None)
    model.pop("00083002")
    sent.pop("PixelData", None)
    expected = sent.to_json_dict(bulk_data_threshold=10**9)
    if "00080005" in expected:
        expected["00080005"] = {"vr": "CS", "Value": ["ISO_IR 192"]}
    assert model == expected


def test_metadata_of_a_series_are_of_its_instances_alone(client: TestClient) -> None:
    found = client.get(f"{STUDY_PATH}/series/{SERIES}/metadata").json()
    assert [one["00200013"]["Value"] for one in found] == [[number] for number in range(1, 31)]


def test_a_long_value_is_where_its_address_says(client: TestClient) -> None:
    (model,) = client.get(f"{odd_path('bulk')}/metadata").json()
    uri = model["00420011"]["BulkDataURI"]
    ((headers, content),) = parts(client.get(uri))
    assert (headers["content-type"], content) == ("application/octet-stream", LONG_VALUE)
    assert client.get(uri, headers={"Accept": "application/octet-stream"}).content == LONG_VALUE
    pixels = parts(client.get(model["7FE00010"]["BulkDataURI"]))
    assert [content for _, content in pixels] == [RAMP.tobytes()]


def test_frames_come_in_the_order_they_are_asked_for(client: TestClient) -> None:
    found = parts(client.get(f"{odd_path('colours')}/frames/2,1,2"))
    assert [content for _, content in found] == [COLOURS[index].tobytes() for index in (1, 0, 1)]
    assert [headers["content-location"][-8:] for headers, _ in found] == ["frames/2", "frames/1", "frames/2"]


def test_frames_of_single_bits_that_begin_within_a_byte_are_packed_anew(client: TestClient) -> None:
    for number in (1, 2, 3):
        ((_, content),) = parts(client.get(f"{odd_path('bits')}/frames/{number}"))
        bits = np.unpackbits(np.frombuffer(content, np.uint8), bitorder="little")[:25]
        np.testing.assert_array_equal(bits.astype(bool), BITS[number - 1].reshape(-1))


@pytest.mark.parametrize("name", ["implicit", "big"])
def test_native_frames_have_the_low_byte_first(client: TestClient, name: str) -> None:
    ((headers, content),) = parts(
        client.get(
            f"{odd_path(name)}/frames/1",
            headers={"Accept": 'multipart/related; type="application/octet-stream"; transfer-syntax=*'},
        )
    )
    assert headers["content-type"] == f"application/octet-stream; transfer-syntax={EXPLICIT}"
    assert content == RAMP.tobytes()


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ('multipart/related; type="image/jls"', "image/jls; transfer-syntax=1.2.840.10008.1.2.4.80"),
        (
            'multipart/related; type="image/jls"; transfer-syntax=1.2.840.10008.1.2.4.80',
            "image/jls; transfer-syntax=1.2.840.10008.1.2.4.80",
        ),
        ('multipart/related; type="image/*"; transfer-syntax=*', "image/jls; transfer-syntax=1.2.840.10008.1.2.4.80"),
        (
            'multipart/related; type="application/octet-stream"; transfer-syntax=*',
            "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.4.80",
        ),
        ('multipart/related; type="application/octet-stream"', f"application/octet-stream; transfer-syntax={EXPLICIT}"),
        ("*/*", f"application/octet-stream; transfer-syntax={EXPLICIT}"),
        ("application/octet-stream", f"application/octet-stream; transfer-syntax={EXPLICIT}"),
    ],
)
def test_compressed_frames_come_as_stored_or_decoded(
    client: TestClient, odd: dict[str, bytes], accept: str, kind: str
) -> None:
    response = client.get(f"{odd_path('jls')}/frames/2", headers={"Accept": accept})
    single = not response.headers["Content-Type"].startswith("multipart")
    headers, content = (
        ({"content-type": response.headers["Content-Type"]}, response.content) if single else parts(response)[0]
    )
    assert headers["content-type"] == kind
    if EXPLICIT + ";" in kind + ";":
        assert content == (RAMP + 7).tobytes()
    else:
        assert content[:2] == b"\xff\xd8"
        assert content.rstrip(b"\0") in odd["jls"]


def test_a_picture_is_the_frame_through_the_window_that_is_asked_for(
    client: TestClient, chest_files: list[bytes]
) -> None:
    """-1000 HU is black, 40 HU the middle grey, in a window from -160 to 240."""
    response = client.get(f"{SLICE_PATH}/rendered?window=40,400,linear", headers={"Accept": "image/png"})
    assert response.headers["Content-Type"] == "image/png"
    shown = np.asarray(Image.open(io.BytesIO(response.content)))
    hu = read(chest_files[2]).pixel_array.astype(int) - 1024
    assert shown.shape == hu.shape
    assert set(shown[hu == -1000]) == {0}
    assert set(shown[hu == 40]) == {128}


def test_pictures_of_colours_and_of_inverted_greys_look_as_they_should(client: TestClient) -> None:
    accept = {"Accept": "image/png"}
    colours = Image.open(io.BytesIO(client.get(f"{odd_path('colours')}/frames/2/rendered", headers=accept).content))
    np.testing.assert_array_equal(np.asarray(colours), COLOURS[1])
    inverted = Image.open(io.BytesIO(client.get(f"{odd_path('inverted')}/rendered", headers=accept).content))
    assert [inverted.getpixel(corner) for corner in ((0, 0), (15, 15))] == [255, 0]


@pytest.mark.parametrize(
    ("query", "size"),
    [
        ("", (80, 60)),
        ("?viewport=40,40", (40, 30)),
        ("?viewport=160,160", (160, 120)),
        ("?viewport=10,20,30,0,10,20", (10, 20)),
    ],
)
def test_a_picture_fits_its_viewport(client: TestClient, query: str, size: tuple[int, int]) -> None:
    response = client.get(f"{SLICE_PATH}/rendered{query}")
    assert response.headers["Content-Type"] == "image/jpeg"
    assert Image.open(io.BytesIO(response.content)).size == size


@pytest.mark.parametrize("path", [STUDY_PATH, f"{STUDY_PATH}/series/{SERIES}", SLICE_PATH, odd_path("rle")])
def test_a_thumbnail_stands_for_a_study_a_series_and_an_instance(client: TestClient, path: str) -> None:
    response = client.get(f"{path}/thumbnail")
    assert max(Image.open(io.BytesIO(response.content)).size) == 128
    assert max(Image.open(io.BytesIO(client.get(f"{path}/thumbnail?viewport=64,64").content)).size) == 64


def test_a_report_has_no_picture(client: TestClient, chest_objects: tuple[ResultObject, ...]) -> None:
    (one,) = [each for each in chest_objects if each.name == "sr"]
    path = f"{STUDY_PATH}/series/{one.series_instance_uid}/instances/{one.sop_instance_uid}"
    assert [client.get(f"{path}/{what}").status_code for what in ("rendered", "thumbnail", "frames/1")] == [404] * 3


@pytest.mark.parametrize("what", ["", "/metadata", "/frames/1", "/rendered", "/thumbnail", "/bulkdata/7FE00010"])
def test_who_has_an_answer_already_is_told_so(client: TestClient, what: str) -> None:
    first = client.get(f"{SLICE_PATH}{what}")
    again = client.get(f"{SLICE_PATH}{what}", headers={"If-None-Match": f'"other", {first.headers["ETag"]}'})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert client.get(f"{SLICE_PATH}{what}", headers={"If-None-Match": '"other"'}).status_code == 200


def test_another_form_has_another_name(client: TestClient) -> None:
    names = {client.get(odd_path("jls"), headers={"Accept": each}).headers["ETag"] for each in ("*/*", ALL_STORED)}
    assert len(names) == 2


def test_answers_are_kept_by_no_cache(client: TestClient) -> None:
    assert client.get(SLICE_PATH).headers["Cache-Control"] == "no-store"


def test_a_study_that_lost_a_file_comes_in_part(site_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(site_folder, tmp_path / "site")
    scene = open_scene(tmp_path / "site")
    lost = next(iter(scene.studies.instances(STUDY)))
    scene.spool.absolute(lost.path).unlink()
    with TestClient(scene.app()) as program:
        response = program.get(f"{STUDY_PATH}/series/{SERIES}", headers={"Accept": ALL_STORED})
        assert (response.status_code, len(parts(response))) == (206, 29)
        path = f"{STUDY_PATH}/series/{SERIES}/instances/{lost.sop_instance_uid}"
        assert program.get(path, headers={"Accept": ALL_STORED}).status_code == 410
        known = [one["00080018"]["Value"][0] for one in program.get(f"{STUDY_PATH}/metadata").json()]
        assert lost.sop_instance_uid.value in known
    scene.database.close()
