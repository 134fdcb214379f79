"""Puts together what answers DICOMweb; the only place here that opens the store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter

from triaged.spool.files import Spool
from triaged.steps.intake import Intake
from triaged.store.studies.catalogue import Catalogue
from triaged.store.tables.database import Database
from triaged.web.dicomweb.held import Held
from triaged.web.dicomweb.receiving import storing_router
from triaged.web.dicomweb.retrieve import Retrieve
from triaged.web.dicomweb.router import DicomWeb, router
from triaged.web.dicomweb.search import Search
from triaged.web.dicomweb.trail import Trail


def service(
    database: Database, spool: Spool, intake: Intake | None, clock: Callable[[], datetime], *, origin: str | None
) -> APIRouter:
    """Return the routes of DICOMweb over a store, with those that store where there is an intake.

    `origin` is where browsers see them, if a proxy hides it.
    """
    catalogue = Catalogue(database)
    held = Held(catalogue, spool)
    routes = router(DicomWeb(held, Search(catalogue, held), Retrieve(held), Trail(), origin))
    if intake is not None:
        routes.include_router(storing_router(intake, clock, origin=origin))
    return routes
