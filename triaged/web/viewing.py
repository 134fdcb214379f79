"""Opens a study in the site's viewer: OHIF at the slice that shows most, Weasis, or an address of the site's own.

Knows no pages. Which slice shows most is looked up when the viewer is opened, not when a page is drawn.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

from triaged.errors import UnreadableStudy
from triaged.store.studies.history import History
from triaged.study.uids import is_valid_uid
from triaged.web import ohif
from triaged.web.dicomweb.origins import origin_of
from triaged.web.dicomweb.paths import BASE as DICOM_WEB
from triaged.web.options import ViewerKind, WebOptions
from triaged.web.slices import Slices

_HERE: Final = (ViewerKind.OHIF, ViewerKind.WEASIS)


def viewer_link(options: WebOptions, study_uid: str, accession_number: str) -> str:
    """Return where a page's button leads; empty where there is no viewer, or its files have not been fetched."""
    match options.viewer:
        case ViewerKind.URL:
            return site_address(options.viewer_url, study_uid, accession_number)
        case ViewerKind.OHIF if not ohif.is_there(options.viewer_path):
            return ""
        case ViewerKind.OHIF | ViewerKind.WEASIS:
            return f"/studies/{quote(study_uid, safe='')}/viewer"


def missing(options: WebOptions) -> list[str]:
    """Return what an operator is told where the viewer that is asked for is not there."""
    if options.viewer is not ViewerKind.OHIF or ohif.is_there(options.viewer_path):
        return []
    return [f"web.viewer is ohif, and its files are not in {options.viewer_path}: run {ohif.FETCH}"]


def site_address(template: str, study_uid: str, accession_number: str) -> str:
    """Return where the site's viewer shows a study; empty where the template is, or asks for what the study lacks."""
    accession_number = accession_number.strip()
    if not template or ("{accession_number}" in template and not accession_number):
        return ""
    address = template.replace("{study_instance_uid}", quote(study_uid, safe=""))
    return address.replace("{accession_number}", quote(accession_number, safe="", errors="replace"))


def router(options: WebOptions, history: History, slices: Slices) -> APIRouter:
    """Return the route that opens a study in the viewer, where that is one that takes studies from here."""
    routes = APIRouter(include_in_schema=False)
    if options.viewer not in _HERE:
        return routes

    @routes.get("/studies/{uid}/viewer")
    def opened(request: Request, uid: str) -> Response:
        if not is_valid_uid(uid) or not history.instances(uid):
            raise HTTPException(HTTPStatus.NOT_FOUND, "No study with this Study Instance UID is on the worklist.")
        if options.viewer is ViewerKind.WEASIS:
            return _to(weasis_address(origin_of(request, options.access.origin), uid))
        return _to(ohif.address(uid, _most_affected(history, slices, uid)))

    if options.viewer is ViewerKind.OHIF:
        routes.include_router(ohif.router(options.viewer_path))
    return routes


def weasis_address(origin: str, study_uid: str) -> str:
    """Return the link by which an installed Weasis takes a study by DICOMweb."""
    command = f'$dicom:rs --url "{origin}{DICOM_WEB}" -r "studyUID={study_uid}"'
    return f"weasis://{quote(command, safe='')}"


def _to(address: str) -> Response:
    return RedirectResponse(address, HTTPStatus.SEE_OTHER)


def _most_affected(history: History, slices: Slices, uid: str) -> str:
    """Return the instance with the most lesion on it, of the series that was read; empty where there is none."""
    try:
        listed = slices.described(uid)["slices"]
    except UnreadableStudy:
        return ""
    most = max(listed, key=lambda one: one["lesion"], default=None)
    if most is None or not most["lesion"]:
        return ""
    chosen = {decision.series_uid for decision in history.series_decisions(uid) if decision.chosen}
    found = (
        one.sop_instance_uid.value
        for one in history.instances(uid)
        if one.series_uid.value in chosen and one.image.instance_number == most["number"]
    )
    return next(found, "")
