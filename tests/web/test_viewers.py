"""What "Open in the viewer" opens: OHIF from here, an installed Weasis, or an address of the site's own."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from fastapi.testclient import TestClient

from tests.web.scene import Scene
from tests.web.sliced import sliced
from tests.web.visiting import ACCOUNTS, visit
from triaged.web.options import ViewerKind

PROGRAM = "app.bundle.0123456789abcdef.js"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """What `deploy/setup viewer` leaves behind, as far as the server looks at it."""
    folder = tmp_path / "viewer"
    folder.mkdir()
    (folder / "version.txt").write_text("3.13.2\n")
    (folder / "index.html").write_text(f'<script defer src="/{PROGRAM}"></script><script>window.odd = 1</script>')
    (folder / PROGRAM).write_text("start()")
    (tmp_path / "secret.txt").write_text("secret")
    return folder


def test_without_its_files_there_is_no_button_and_it_is_said_what_to_run(scene: Scene, tmp_path: Path) -> None:
    uid = sliced(scene, 1, tmp_path / "study")
    with TestClient(scene.app(viewer=ViewerKind.OHIF, viewer_path=tmp_path / "nothing")) as client:
        assert "Open in the viewer" not in client.get(f"/studies/{uid}").text
        answer = client.get("/viewer/viewer")
        assert answer.status_code == 404
        assert "deploy/setup viewer" in answer.text


def test_the_button_opens_the_study_in_ohif(scene: Scene, files: Path, tmp_path: Path) -> None:
    uid = sliced(scene, 1, tmp_path / "study")
    with TestClient(scene.app(viewer=ViewerKind.OHIF, viewer_path=files), follow_redirects=False) as client:
        assert f'href="/studies/{uid}/viewer"' in client.get(f"/studies/{uid}").text
        answer = client.get(f"/studies/{uid}/viewer")
        assert answer.status_code == 303
        asked = parse_qs(urlsplit(answer.headers["Location"]).query)
        assert answer.headers["Location"].startswith("/viewer/viewer?")
        assert asked["StudyInstanceUIDs"] == [uid]
        assert client.get("/studies/1.2.3/viewer").status_code == 404


def test_its_first_page_runs_no_script_of_its_own(scene: Scene, files: Path) -> None:
    with TestClient(scene.app(viewer=ViewerKind.OHIF, viewer_path=files)) as client:
        page = client.get("/viewer/viewer?StudyInstanceUIDs=1.2.3")
        assert f'<script defer src="/viewer/{PROGRAM}"></script>' in page.text
        assert "<script>" not in page.text
        assert client.get(f"/viewer/{PROGRAM}").text == "start()"
        assert "immutable" in client.get(f"/viewer/{PROGRAM}").headers["Cache-Control"]
        assert page.headers["Cache-Control"] == "no-store"


def test_only_the_viewer_s_files_are_given_out(scene: Scene, files: Path) -> None:
    with TestClient(scene.app(viewer=ViewerKind.OHIF, viewer_path=files)) as client:
        for path in ("../secret.txt", "%2e%2e/secret.txt", "..%2fsecret.txt", "missing.js", "/etc/passwd.txt"):
            assert client.get(f"/viewer/{path}").status_code == 404


def test_the_policy_is_wider_below_the_viewer_and_nowhere_else(scene: Scene, files: Path) -> None:
    with TestClient(scene.app(viewer=ViewerKind.OHIF, viewer_path=files)) as client:
        policies = {
            path: client.get(path).headers["Content-Security-Policy"]
            for path in ("/viewer/viewer", "/", "/dicom-web/studies", "/static/ohif.js", "/viewerx")
        }
    assert "unsafe-eval" in policies.pop("/viewer/viewer")
    assert all("unsafe" not in policy and "default-src 'none'" in policy for policy in policies.values())


def test_the_viewer_is_for_whom_the_list_is_for(scene: Scene, files: Path) -> None:
    with visit(scene, ACCOUNTS) as client:
        assert client.get("/viewer/viewer").status_code == 303
    with TestClient(scene.app(viewer=ViewerKind.OHIF, viewer_path=files, access=ACCOUNTS)) as client:
        assert client.get(f"/viewer/{PROGRAM}", follow_redirects=False).status_code == 303


def test_weasis_gets_a_link_with_our_dicomweb_in_it(scene: Scene, tmp_path: Path) -> None:
    uid = sliced(scene, 1, tmp_path / "study")
    with TestClient(scene.app(viewer=ViewerKind.WEASIS), follow_redirects=False) as client:
        link = client.get(f"/studies/{uid}/viewer").headers["Location"]
    assert link.startswith("weasis://")
    command = unquote(link.removeprefix("weasis://"))
    assert command == f'$dicom:rs --url "http://testserver/dicom-web" -r "studyUID={uid}"'
