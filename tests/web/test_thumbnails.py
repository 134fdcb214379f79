"""The small picture of a study: drawn from the view that its result keeps, and asked for again by its ETag alone."""

from __future__ import annotations

import io

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from tests.web.reading import opened
from tests.web.scene import Scene
from triaged.exams.ct.pictures.coronal import encode_coronal
from triaged.exams.ct.pictures.projection import Direction, Projection
from triaged.exams.ct.pictures.thumbnail import HEIGHT
from triaged.exams.xray.pictures.kept import KeptXray, encode_xray

PATH = "/studies/1.2.826.0.1.3/thumbnail.png"


def _view(affected: float) -> bytes:
    """Return the view of two lungs, of which the left of the picture, the right lung, is affected so far."""
    shape = (120, 160)
    path, share = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    path[20:100, 20:70] = path[20:100, 90:140] = 100.0
    share[20:100, 20:70] = affected
    attenuation = np.full(shape, 3.0, np.float32)
    attenuation[:10] = 0.0
    lung_hu = np.where(path > 0, np.float32(-800.0), np.float32(np.nan)).astype(np.float32)
    return encode_coronal(Projection(Direction.CORONAL, (2.0, 2.0), attenuation, lung_hu, share, path, ()))


def _shown(client: TestClient) -> np.ndarray:
    answer = client.get(PATH)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB"), np.int16)


def test_the_affected_lung_is_coloured_and_the_other_is_grey(filled: Scene, browser: TestClient) -> None:
    filled.keep_view(3, _view(0.8))
    picture = _shown(browser)
    assert picture.shape == (HEIGHT, HEIGHT * 160 // 120, 3)
    colourful = np.ptp(picture, axis=-1) > 30
    middle = picture.shape[1] // 2
    assert colourful[:, :middle].mean() > 0.2
    assert not colourful[:, middle:].any()


def test_an_x_ray_is_shown_in_its_own_shape_with_what_is_affected_in_colour(filled: Scene, browser: TestClient) -> None:
    grey = np.full((80, 100), 0.4, np.float32)
    right, left, affected = (np.zeros(grey.shape, np.bool_) for _ in range(3))
    right[10:70, 10:40], left[10:70, 60:90], affected[40:70, 10:40] = True, True, True
    filled.keep_view(3, encode_xray(KeptXray(grey, right, left, affected, (1.0, 1.0))))
    picture = _shown(browser)
    assert picture.shape == (96, 120, 3)
    colourful = np.ptp(picture, axis=-1) > 30
    assert colourful[50:82, 14:46].all()
    assert colourful.mean() == pytest.approx(affected.mean(), abs=0.02)


def test_a_picture_is_sent_once_and_again_only_when_the_result_is_another(filled: Scene, browser: TestClient) -> None:
    filled.keep_view(3, _view(0.8))
    first = browser.get(PATH)
    assert first.headers["cache-control"] == "private, no-cache"
    again = browser.get(PATH, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    filled.again(3, minutes=40, right=0.1, left=0.1, p=0.3)
    assert browser.get(PATH).status_code == 404, "the new result keeps no view"
    filled.keep_view(3, _view(0.2))
    later = browser.get(PATH, headers={"If-None-Match": first.headers["etag"]})
    assert later.status_code == 200
    assert later.headers["etag"] != first.headers["etag"]


@pytest.mark.parametrize("view", [b"", b"PK no archive", b"\x00" * 5000])
def test_a_damaged_view_is_no_picture_and_costs_nothing_else(filled: Scene, browser: TestClient, view: bytes) -> None:
    filled.keep_view(3, view)
    assert browser.get(PATH).status_code == 404
    assert browser.get("/").status_code == 200


def test_a_view_whose_file_is_gone_is_no_picture(filled: Scene, browser: TestClient) -> None:
    filled.spool.absolute(filled.keep_view(3, _view(0.8))).unlink()
    assert browser.get(PATH).status_code == 404


@pytest.mark.parametrize("uid", ["1.2.3", "1.2.826.0.1.4", "..%2f..%2fx"])
def test_what_has_no_picture_is_not_found_and_asked_for_by_no_row(browser: TestClient, uid: str) -> None:
    assert browser.get(f"/studies/{uid}/thumbnail.png").status_code == 404
    assert not [tag for tag, _ in opened(browser, "/").elements if tag == "img"]


def test_a_row_asks_for_the_picture_by_the_set_of_results_that_it_is_of(filled: Scene, browser: TestClient) -> None:
    filled.keep_view(3, _view(0.8))
    (image,) = (attributes for tag, attributes in opened(browser, "/").elements if tag == "img")
    assert str(image["src"]).startswith(f"{PATH}?of=")
    assert (image["alt"], image["loading"]) == ("", "lazy")
