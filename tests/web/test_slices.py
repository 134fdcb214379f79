"""Scrolling through a study: what the pictures show, against the analytic chest, and what is kept in memory."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from tests.results.ct_study import SHAPE, SPACING_MM, ct_study
from tests.store.making import PATIENT
from tests.web.scene import Scene
from tests.web.sliced import radiographed, received, sliced
from triaged.exams.xray.viewing import XrayView
from triaged.exams.xray.viewing import view as xray_view
from triaged.store.studies.history import History
from triaged.web import slices as web_slices

AT = "/api/studies/1.2.826.0.1.3/slices"


@pytest.fixture
def viewer(scene: Scene, tmp_path: Path) -> Iterator[TestClient]:
    """A browser before the store with the analytic study."""
    sliced(scene, 3, tmp_path / "files")
    with TestClient(scene.app()) as client:
        yield client


def _list(viewer: TestClient) -> Any:
    answer = viewer.get(AT)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_list_names_every_slice_from_head_to_feet_and_where_lesion_is(viewer: TestClient) -> None:
    found = _list(viewer)
    assert (found["rows"], found["columns"]) == SHAPE[1:]
    assert (found["row_mm"], found["column_mm"]) == SPACING_MM[1:]
    heights = [one["position_mm"] for one in found["slices"]]
    np.testing.assert_allclose(np.diff(heights), -SPACING_MM[0], atol=1e-3)
    lesion = ct_study().source_masks["lesion"].sum(axis=(1, 2))[::-1]
    assert [one["lesion"] for one in found["slices"]] == lesion.tolist()


def test_the_list_says_how_much_of_the_lungs_is_affected_on_each_slice(viewer: TestClient) -> None:
    masks = ct_study().source_masks
    lungs = (masks["right"] | masks["left"]).sum(axis=(1, 2))[::-1]
    lesion = masks["lesion"].sum(axis=(1, 2))[::-1]
    found = _list(viewer)
    for one, part, all_of_it in zip(found["slices"], lesion, lungs, strict=True):
        assert one["share"] == (pytest.approx(part / all_of_it) if all_of_it else None)
    first, last = np.flatnonzero(lesion * SPACING_MM[1] * SPACING_MM[2] >= 200.0)[[0, -1]] + 1
    enough = (lesion * SPACING_MM[1] * SPACING_MM[2] >= 200.0).tolist()
    assert [one["is_affected"] for one in found["slices"]] == enough
    assert found["affected"] == f"slices {first}\u2013{last} of {SHAPE[0]}, most on {lesion.argmax() + 1}"


def test_the_slice_that_is_shown_first_is_the_one_with_most_lesion_and_says_which_it_is(viewer: TestClient) -> None:
    most = int(ct_study().source_masks["lesion"][::-1].sum(axis=(1, 2)).argmax())
    answer = viewer.get(f"{AT}/first/tile")
    assert answer.headers["content-location"] == f"{AT}/{most}/tile"
    assert answer.content == viewer.get(f"{AT}/{most}/tile").content
    assert _list(viewer)["first"] == most


def test_of_a_study_without_outlines_the_slice_in_the_middle_is_shown_first(scene: Scene, tmp_path: Path) -> None:
    received(scene, 3, tmp_path / "files", ct_study(), PATIENT)
    with TestClient(scene.app()) as client:
        answer = client.get(f"{AT}/first/tile")
    assert answer.headers["content-location"] == f"{AT}/{SHAPE[0] // 2}/tile"


def test_a_slice_is_shown_in_the_lung_window(viewer: TestClient) -> None:
    index = 15
    answer = viewer.get(f"{AT}/{index}.jpg")
    assert answer.headers["content-type"] == "image/jpeg"
    grey = np.asarray(Image.open(io.BytesIO(answer.content)), np.float64)
    hu = ct_study().volume.voxels[::-1][index].astype(np.float64)
    expected = np.clip((hu + 1350.0) / 1500.0, 0, 1) * 255.0  # centre -600 HU, width 1500 HU
    assert np.abs(grey - expected).mean() < 4.0  # lossy


def test_the_contour_is_the_rim_of_the_lesion_and_everything_else_is_transparent(viewer: TestClient) -> None:
    lesion = ct_study().source_masks["lesion"][::-1]
    largest = int(lesion.sum(axis=(1, 2)).argmax())
    answer = viewer.get(f"{AT}/{largest}/contour.png")
    assert answer.headers["content-type"] == "image/png"
    picture = np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGBA"))
    drawn = picture[..., 3] > 0
    region = lesion[largest]
    assert drawn.any()
    assert not (drawn & ~region).any()
    rows, columns = np.nonzero(region)
    assert drawn[rows.min()].any()
    assert drawn[:, columns.max()].any()
    assert not drawn[rows.min() + 2 : rows.max() - 1, (columns.min() + columns.max()) // 2].any()
    assert (picture[drawn][:, :3] == (255, 210, 0)).all()


@pytest.mark.parametrize("size", [(1300, 1100), (1024, 1536)])
def test_an_x_ray_of_more_pixels_than_its_tile_comes_in_parts_that_have_them_all(
    scene: Scene, tmp_path: Path, size: tuple[int, int]
) -> None:
    rows, columns = size
    radiographed(scene, 3, tmp_path, rows, columns)
    with TestClient(scene.app()) as client:
        found = _list(client)
        whole, side = found["whole"], found["whole"]["side"]
        assert (whole["rows"], whole["columns"]) == size
        assert max(found["rows"], found["columns"]) == 1024
        counts = -(-rows // side), -(-columns // side)
        parts = [
            [
                np.frombuffer(client.get(f"{AT}/0/parts/{row}/{column}").content, np.uint8).reshape(
                    min(side, rows - row * side), -1
                )
                for column in range(counts[1])
            ]
            for row in range(counts[0])
        ]
        beyond = [
            client.get(f"{AT}/0/parts/{place}").status_code for place in (f"{counts[0]}/0", f"0/{counts[1]}", "-1/0")
        ]
        tile = np.frombuffer(client.get(f"{AT}/0/tile").content, "<i2").reshape(found["rows"], found["columns"])
    together = np.block(parts).astype(float)
    assert together.shape == size
    assert (together[:, 1::2].mean(axis=0) - together[:, ::2].mean(axis=0) > 10).all(), (
        "every second column is brighter"
    )
    shrunk = np.asarray(
        Image.fromarray(together.astype(np.float32)).resize(tile.shape[::-1], Image.Resampling.BILINEAR)
    )
    assert np.abs(shrunk - tile).mean() < 1.5
    assert beyond == [404, 404, 404]


def test_a_ct_has_no_parts_since_a_tile_has_every_pixel(viewer: TestClient) -> None:
    assert _list(viewer)["whole"] is None
    assert viewer.get(f"{AT}/0/parts/0/0").status_code == 404


def test_large_x_rays_are_kept_open_as_far_as_there_is_memory_for_them(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_slices, "MOST_HELD_BYTES", 5 * 2**20)
    opened: list[str] = []

    def counted(instances: Sequence[Path], segmentation: Path | None) -> XrayView:
        opened.append(instances[0].name)
        return xray_view(instances, segmentation)

    uids = []
    for number in (3, 4, 5):
        folder = tmp_path / str(number)
        folder.mkdir()
        uids.append(radiographed(scene, number, folder, 1300, 1100))
    shown = web_slices.Slices(History(scene.database), scene.spool, [counted])
    for uid in (uids[0], uids[1], uids[0], uids[1], uids[2], uids[1]):
        shown.described(uid)
    assert len(opened) == 3, "two of 2.3 MB each fit, and a third one closes the one that was used longest ago"
    shown.described(uids[0])
    assert len(opened) == 4


def test_a_slice_without_lesion_has_no_contour(viewer: TestClient) -> None:
    assert viewer.get(f"{AT}/0/contour.png").status_code == 204


@pytest.mark.parametrize(
    "path", [f"{AT}/{SHAPE[0]}.jpg", f"{AT}/-1.jpg", f"{AT}/{SHAPE[0]}/contour.png", "/api/studies/1.2.3/slices"]
)
def test_what_is_not_there_is_said_to_be_not_there(viewer: TestClient, path: str) -> None:
    answer = viewer.get(path)
    assert answer.status_code == 404
    assert "slice" in answer.json()["detail"] or "result" in answer.json()["detail"]


def test_a_damaged_slice_costs_that_slice_alone(scene: Scene, tmp_path: Path) -> None:
    sliced(scene, 3, tmp_path / "files")
    for one in scene.studies.instances("1.2.826.0.1.3")[:1]:
        path = scene.spool.absolute(one.path)
        path.write_bytes(path.read_bytes()[:-50])
    with TestClient(scene.app()) as client:
        statuses = [client.get(f"{AT}/{index}.jpg").status_code for index in range(SHAPE[0])]
    assert sorted(statuses) == [200] * (SHAPE[0] - 1) + [404]


def test_a_study_whose_files_are_gone_says_so(filled: Scene) -> None:
    with TestClient(filled.app()) as client:
        for number in (5, 9):
            answer = client.get(f"/api/studies/1.2.826.0.1.{number}/slices")
            assert answer.status_code == 404
            assert "No such file" in answer.json()["detail"]
