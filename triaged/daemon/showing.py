"""The web role's process: the worklist page and the REST interface."""

from __future__ import annotations

import threading

from triaged.daemon.examinations import viewers
from triaged.daemon.rooms import Rooms, clock, policy
from triaged.steps.acting import Readers
from triaged.store.listing.actions import Actions
from triaged.store.people.accounts import Accounts
from triaged.web.app import create_app
from triaged.web.server import run


def show(rooms: Rooms, stop: threading.Event) -> None:
    """Serve the pages until `stop` is set."""
    config = rooms.config
    options = config.web.options(config.dicom, config.triage, config.access.options(config.web))
    app = create_app(
        rooms.database,
        rooms.spool,
        Accounts(rooms.database),
        Readers(Actions(rooms.database), ranking_policy=policy(config)),
        viewers=viewers(),
        options=options,
        clock=clock,
    )
    run(app, host=config.web.host, port=config.web.port, stop=stop)
