"""The web role's process: the worklist page and the REST interface."""

from __future__ import annotations

import resource
import threading
from dataclasses import replace
from functools import partial

from triaged.config.settings import Config
from triaged.daemon.administering import administration, models, quarantine
from triaged.daemon.comparing import is_same_image
from triaged.daemon.configuring import FileOfThisDaemon
from triaged.daemon.examinations import purposes, thumbnails, viewers
from triaged.daemon.handover import notices
from triaged.daemon.own_receiver import receiver_problems
from triaged.daemon.pools import as_of, pool_called, taken_by
from triaged.daemon.progress import Progress
from triaged.daemon.pulsing import Watch
from triaged.daemon.rooms import Rooms, clock, policy, steady_clock
from triaged.daemon.security import certificate_warnings
from triaged.daemon.versions import REJECTED
from triaged.steps.acting import Readers
from triaged.steps.intake import Intake
from triaged.steps.pausing import Gate
from triaged.store.listing.actions import Actions
from triaged.store.people.accounts import Accounts
from triaged.store.roles.pauses import Pauses
from triaged.store.studies.arrivals import Arrivals
from triaged.store.studies.reception import Reception
from triaged.study.process import host_of, stable_part
from triaged.web.admin_page import Administered
from triaged.web.app import create_app
from triaged.web.health import Surroundings
from triaged.web.limits import Limits
from triaged.web.metrics_server import serving
from triaged.web.pools import Pools
from triaged.web.server import run
from triaged.web.viewing import missing

_ANSWER_S = 20.0
"""How long the event loop may be busy with one thing: everything slow runs in threads of its own."""
_MANY = 2**20


def show(rooms: Rooms, name: str, stop: threading.Event, progress: Progress) -> None:
    """Serve the pages until `stop` is set."""
    config = rooms.config
    limits = Limits.within(_descriptors())
    access = config.access.options(config.web)
    chosen = config.web.options(config.dicom, config.triage, access)
    sites = {each.name: each.title for each in config.ruled().sites}
    groups = {each.name: each.group for each in config.sites if each.group}
    chosen = replace(chosen, sites=sites, group_of_site=groups)
    options = replace(chosen, limits=limits, purposes=purposes(config))
    watch = Watch(rooms)
    watch.start(stop)
    app = create_app(
        rooms.database,
        rooms.spool,
        Accounts(rooms.database),
        Readers(Actions(rooms.database), ranking_policy=policy(config)),
        viewers=viewers(),
        thumbnails=thumbnails(),
        options=options,
        clock=clock,
        session_clock=steady_clock(),
        surroundings=Surroundings(
            receiver=partial(receiver_problems, config.dicom),
            roles=watch.seen,
            notices=lambda: [*notices(), *certificate_warnings(config, now=clock()), *missing(options)],
            host=host_of(name),
            name=stable_part(name),
            tells_of_audit=config.audit.syslog is not None,
            recipients={each.name for each in config.destinations} | {each.name for each in config.pushes},
            pools=_pools(config),
            sites=config.ruled().sites,
            config_accepted=lambda: not any(each.startswith(REJECTED) for each in notices()),
        ),
        intake=_intake(rooms, name),
        administered=_administered(rooms, name),
    )
    with serving(app.state.metrics, config.metrics.host, config.metrics.port):
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


def _pools(config: Config) -> Pools:
    """Return the pools of workers, with what the workers of each take."""
    takes = {pool.name: taken_by(as_of(config, pool)) for pool in config.workers}
    return Pools(takes, partial(pool_called, config))


def _administered(rooms: Rooms, name: str) -> Administered:
    """Return what the administrator's page acts with and shows."""
    config = rooms.config
    return Administered(
        administration(rooms, name),
        quarantine(rooms, name),
        frozenset({*(each.name for each in config.destinations), *(each.name for each in config.pushes)}),
        models(config),
        [rule.name for rule in config.rules],
        FileOfThisDaemon(rooms),
        notices,
        config.triage.options(),
        config.ruled().sites,
    )


def _intake(rooms: Rooms, name: str) -> Intake:
    """Return what takes in instances that are stored by DICOMweb, as the receiver does."""
    return Intake(
        Reception(rooms.database),
        Arrivals(rooms.database),
        rooms.spool,
        ranking_policy=policy(rooms.config),
        receiver=name,
        is_same_image=is_same_image,
        rules=rooms.config.ruled(),
        gate=Gate(Pauses(rooms.database)).receives,
    )


def _descriptors() -> int:
    """Return how many descriptors this process may open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MANY if soft == resource.RLIM_INFINITY else soft
