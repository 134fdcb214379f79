"""The files of the OHIF viewer, where a site has fetched them, with a first page and a configuration of ours.

Knows no studies: the viewer asks for them by DICOMweb, as whoever is signed in. Nothing of it is loaded from elsewhere.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse, HTMLResponse
from starlette.exceptions import HTTPException

BASE: Final = "/viewer"
FETCH: Final = "deploy/setup viewer"
"""What fetches the files."""
_VERSION: Final = "version.txt"
_PROGRAM: Final = re.compile(r'src="/(app\.bundle\.[0-9a-f]+\.js)"')
_A_YEAR: Final = {"Cache-Control": "private, max-age=31536000, immutable"}
_HASHED: Final = re.compile(r"[0-9a-f]{16}")
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>OHIF · triaged</title>
<link rel="icon" href="/static/icon.svg">
<link rel="stylesheet" href="{base}/app.bundle.css">
<script src="/static/ohif.js"></script>
<script defer src="{base}/{program}"></script>
</head>
<body>
<noscript>The viewer needs JavaScript.</noscript>
<div id="react-portal"></div>
<div id="root"></div>
</body>
</html>
"""


def is_there(folder: Path) -> bool:
    """Tell whether the viewer's files have been fetched."""
    return (folder / _VERSION).is_file()


def address(study_uid: str, sop_instance_uid: str = "") -> str:
    """Return where the viewer shows a study, at an instance where one is given."""
    asked = {"StudyInstanceUIDs": study_uid}
    if sop_instance_uid:
        asked["initialSopInstanceUID"] = sop_instance_uid
    return f"{BASE}/viewer?{urlencode(asked)}"


def router(folder: Path) -> APIRouter:
    """Return the routes below `/viewer`; a path that is no file is one of the viewer's own pages."""
    routes = APIRouter(prefix=BASE, include_in_schema=False)
    root = folder.resolve()

    @routes.get("/{path:path}")
    def file(path: str) -> Response:
        if not is_there(root):
            raise HTTPException(HTTPStatus.NOT_FOUND, f"The viewer's files are not here. Run {FETCH} first.")
        wanted = (root / path).resolve()
        if wanted.is_relative_to(root) and wanted.is_file() and wanted.name != "index.html":
            return FileResponse(wanted, headers=_A_YEAR if _HASHED.search(wanted.name) else None)
        if "." in path.rpartition("/")[2]:
            raise HTTPException(HTTPStatus.NOT_FOUND, "The viewer has no such file.")
        return HTMLResponse(_page(root))

    return routes


def _page(root: Path) -> str:
    """Return the viewer's first page: what its own one loads, without scripts in the page itself."""
    program = _PROGRAM.search((root / "index.html").read_text(encoding="utf-8"))
    if program is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"The viewer's files are not those of {FETCH}.")
    return _PAGE.format(base=BASE, program=program[1])
