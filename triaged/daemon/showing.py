"""The web role's process: the worklist page and the REST interface."""

from __future__ import annotations

import threading

from triaged.daemon.examinations import VIEWERS
from triaged.daemon.rooms import Rooms, clock, readers
from triaged.web.app import WebOptions, create_app
from triaged.web.server import run


def show(rooms: Rooms, stop: threading.Event) -> None:
    """Serve the pages until `stop` is set.

    Raises:
        ConfigError: the address cannot be listened on.
    """
    config = rooms.config
    worth = config.triage.worth()
    options = WebOptions(
        address=f"{config.dicom.ae_title} on port {config.dicom.port}",
        scheme=config.triage.scheme.value,
        identification_threshold=config.triage.identification_threshold,
        refresh_s=config.web.refresh_s,
        access=config.access.options(config.web),
        viewer_url=config.web.viewer_url or "",
        discipline=config.triage.discipline,
        worth="" if worth is None else worth.said(),
    )
    app = create_app(
        rooms.worklist,
        rooms.studies,
        rooms.outbox,
        rooms.spool,
        rooms.peers,
        rooms.accounts,
        readers(rooms),
        viewers=VIEWERS,
        options=options,
        clock=clock,
    )
    run(app, host=config.web.host, port=config.web.port, stop=stop)
