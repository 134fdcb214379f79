"""Tiles: the values and labels of slices as a browser gets them, against the analytic chest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from numpy.typing import NDArray
from pydicom import dcmread

from tests.results.ct_study import SHAPE, CtStudy, ct_study, enhanced_ct_study
from tests.web.scene import Scene
from tests.web.sliced import received, sliced
from triaged.study.records import Patient
from triaged.web.slices import Slices

AT = "/api/studies/1.2.826.0.1.3/slices"
ROE = Patient("Roe^Jane", "P-3", "19560412", "F", "A-3", "20260301", "115900", "CT thorax")
LABELS = {"lung opacity": "lesion", "right lung": "right", "left lung": "left"}


def _list(client: TestClient) -> Any:
    answer = client.get(AT)
    assert answer.status_code == 200, answer.text
    return answer.json()


def _tile(client: TestClient, index: int) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """Return values and labels of a slice; no labels where there are none."""
    answer = client.get(f"{AT}/{index}/tile")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    size = SHAPE[1] * SHAPE[2]
    values = np.frombuffer(answer.content[: 2 * size], "<i2").reshape(SHAPE[1:])
    return values, np.frombuffer(answer.content[2 * size :], np.uint8)


@pytest.mark.parametrize(
    "study", [ct_study("HFS"), ct_study("FFP"), enhanced_ct_study()], ids=["HFS", "FFP", "enhanced"]
)
def test_a_tile_has_the_hu_of_its_slice_and_what_was_found_on_it(study: CtStudy, scene: Scene, tmp_path: Path) -> None:
    sliced(scene, 3, tmp_path / "files", study=study)
    hu = study.volume.voxels[::-1]
    masks = {name: study.reorientation.apply(mask)[::-1] for name, mask in study.source_masks.items()}
    with TestClient(scene.app()) as client:
        found = _list(client)
        for index in (0, 11, 20, SHAPE[0] - 1):
            values, labels = _tile(client, index)
            np.testing.assert_array_equal(values, hu[index])
            for bit, name in enumerate(found["regions"]):
                said = (labels.reshape(SHAPE[1:]) >> bit & 1).astype(bool)
                assert name in LABELS or not said.any()
                if name in LABELS:
                    np.testing.assert_array_equal(said, masks[LABELS[name]][index])
    assert set(LABELS) < set(found["regions"])


def test_a_client_that_cannot_unpack_gets_the_same(scene: Scene, tmp_path: Path) -> None:
    sliced(scene, 3, tmp_path / "files")
    with TestClient(scene.app()) as client:
        packed = client.get(f"{AT}/20/tile", headers={"Accept-Encoding": "gzip"})
        plain = client.get(f"{AT}/20/tile", headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert plain.content == packed.content
    assert len(plain.content) == 3 * SHAPE[1] * SHAPE[2]


def test_values_beyond_16_bits_are_the_nearest_that_there_are(scene: Scene, tmp_path: Path) -> None:
    sliced(scene, 3, tmp_path / "files")
    for one in scene.studies.instances("1.2.826.0.1.3"):
        path = scene.spool.absolute(one.path)
        dataset = dcmread(path)
        stored = dataset.pixel_array.copy()
        stored[0, :2] = 60_000, 0  # unsigned; 60000 - 1024 HU is no int16
        dataset.PixelData = stored.tobytes()
        dataset.save_as(path)
    with TestClient(scene.app()) as client:
        values, _ = _tile(client, 12)
    assert values[0, 0] == 32_767
    assert values[0, 1] == -1024


def test_a_tile_that_is_not_there_is_said_to_be_not_there(scene: Scene, tmp_path: Path) -> None:
    sliced(scene, 3, tmp_path / "files")
    with TestClient(scene.app()) as client:
        for path in (f"{AT}/{SHAPE[0]}/tile", f"{AT}/-1/tile", "/api/studies/1.2.3/slices/0/tile"):
            assert client.get(path).status_code == 404
        assert client.get(f"{AT}/x/tile").status_code == 422


def test_key_slices_are_those_with_most_lesion_in_each_third_of_the_lungs(scene: Scene, tmp_path: Path) -> None:
    sliced(scene, 3, tmp_path / "files")
    with TestClient(scene.app()) as client:
        slices = _list(client)["slices"]
    masks = ct_study().source_masks
    lesion = masks["lesion"].sum(axis=(1, 2))[::-1]
    lungs = (masks["right"] | masks["left"]).sum(axis=(1, 2))[::-1]
    above = lungs.cumsum() - lungs / 2  # of the lungs, up to the middle of each slice
    keys = [index for index, one in enumerate(slices) if one["is_key"]]
    thirds = [int(3 * above[index] / lungs.sum()) for index in keys]
    assert thirds == [0, 1, 2]
    assert int(lesion.argmax()) in keys


def test_a_study_without_a_result_shows_the_images_that_came(scene: Scene, tmp_path: Path) -> None:
    received(scene, 3, tmp_path / "files", ct_study(), ROE)
    with TestClient(scene.app()) as client:
        found = _list(client)
        values, labels = _tile(client, 4)
    assert (len(found["slices"]), found["has_contour"], found["regions"]) == (SHAPE[0], False, [])
    np.testing.assert_array_equal(values, ct_study().volume.voxels[::-1][4])
    assert labels.size == 0
    assert [one["share"] for one in found["slices"]] == [None] * SHAPE[0]


def test_the_page_of_a_study_without_a_result_has_room_for_its_images(scene: Scene, tmp_path: Path) -> None:
    received(scene, 3, tmp_path / "files", ct_study(), ROE, most=2)
    with TestClient(scene.app()) as client:
        page = client.get("/studies/1.2.826.0.1.3").text
    assert f'data-slices="{AT}"' in page
    assert "data-earlier=" not in page


def test_the_page_names_the_earlier_study_of_the_same_patient(scene: Scene, tmp_path: Path) -> None:
    then = sliced(scene, 2, tmp_path / "then", patient_id="P", date="20260220")
    sliced(scene, 3, tmp_path / "now", minutes=3, patient_id="P")
    with TestClient(scene.app()) as client:
        page = client.get("/studies/1.2.826.0.1.3").text
        assert f'data-earlier="/api/studies/{then}/slices"' in page
        assert "2026-02-20" in page
        assert "data-earlier=" not in client.get(f"/studies/{then}").text


def test_the_study_that_a_reader_comes_to_next_is_opened_with_the_one_that_is_shown(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (2, 3, 4):
        sliced(scene, number, tmp_path / str(number), minutes=3.0 * number)
    asked: list[str] = []
    monkeypatch.setattr(Slices, "open_ahead", lambda _, study_uid: asked.append(study_uid))
    with TestClient(scene.app()) as client:
        order = scene.worklist.order()
        client.get(f"/studies/{order[0]}")
        assert asked == order[:1], "only what is shown, until its first slice has left"
        client.get(f"/api/studies/{order[0]}/slices/first/tile")
        assert asked == order[:2]
        client.get(f"/studies/{order[-1]}")
        client.get(f"/api/studies/{order[-1]}/slices/first/tile")
        assert asked == [*order[:2], order[-1]]
