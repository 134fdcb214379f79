"""The web role's process: the worklist page and the REST interface."""

from __future__ import annotations

import resource
import socket
import threading
from dataclasses import replace
from functools import partial

from triaged.daemon.examinations import viewers
from triaged.daemon.handover import notices
from triaged.daemon.own_receiver import receiver_problems
from triaged.daemon.progress import Progress
from triaged.daemon.pulsing import Watch
from triaged.daemon.rooms import Rooms, clock, policy, steady_clock
from triaged.daemon.security import certificate_warnings
from triaged.steps.acting import Readers
from triaged.store.listing.actions import Actions
from triaged.store.people.accounts import Accounts
from triaged.web.app import create_app
from triaged.web.health import Surroundings
from triaged.web.limits import Limits
from triaged.web.server import run

_ANSWER_S = 20.0
"""How long the event loop may be busy with one thing: everything slow runs in threads of its own."""
_MANY = 2**20


def show(rooms: Rooms, stop: threading.Event, progress: Progress) -> None:
    """Serve the pages until `stop` is set."""
    config = rooms.config
    limits = Limits.within(_descriptors())
    access = config.access.options(config.web)
    options = replace(config.web.options(config.dicom, config.triage, access), limits=limits)
    watch = Watch(rooms)
    watch.start(stop)
    app = create_app(
        rooms.database,
        rooms.spool,
        Accounts(rooms.database),
        Readers(Actions(rooms.database), ranking_policy=policy(config)),
        viewers=viewers(),
        options=options,
        clock=clock,
        session_clock=steady_clock(),
        surroundings=Surroundings(
            receiver=partial(receiver_problems, config.dicom),
            roles=watch.seen,
            notices=lambda: [*notices(), *certificate_warnings(config, now=clock())],
            host=socket.gethostname(),
        ),
    )
    run(
        app,
        host=config.web.host,
        port=config.web.port,
        stop=stop,
        limits=limits,
        proxies=access.proxies,
        started=progress.serving,
        getting_on=progress.watch("answering requests", _ANSWER_S),
    )


def _descriptors() -> int:
    """Return how many descriptors this process may open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MANY if soft == resource.RLIM_INFINITY else soft
