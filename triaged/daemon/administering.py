"""Builds what administrators act with, for the pages and the command line alike, and says what runs."""

from __future__ import annotations

import hashlib

from triaged.config.settings import Config
from triaged.daemon.comparing import is_same_image
from triaged.daemon.configuring import FileOfThisDaemon
from triaged.daemon.pools import as_of
from triaged.daemon.rooms import Rooms, clock, policy
from triaged.dimse.scu import DimseSender
from triaged.errors import ConfigError
from triaged.exams.ct.pipelines.threshold import BUILT_IN
from triaged.inference.package import read_manifest
from triaged.steps.administering import Administration, Ledgers
from triaged.steps.intake import Intake
from triaged.steps.quarantine import Quarantine
from triaged.steps.trail import Trail
from triaged.store.couriers.notifications import Notifications
from triaged.store.couriers.outbox import Outbox
from triaged.store.listing.rankings import Rankings
from triaged.store.roles.pauses import Pauses
from triaged.store.studies.arrivals import Arrivals
from triaged.store.studies.completion import Completion
from triaged.store.studies.quarantines import Quarantines
from triaged.store.studies.reception import Reception
from triaged.store.trail.audits import Audits
from triaged.study.process import stable_part
from triaged.web.admin_page import Model

_TEST_S = 10.0
"""How long a destination may take to answer a test."""


def quarantine(rooms: Rooms, name: str) -> Quarantine:
    """Return what settles the quarantine."""
    ledgers = Reception(rooms.database), Arrivals(rooms.database)
    placing = policy(rooms.config)
    intake = Intake(
        *ledgers,
        rooms.spool,
        ranking_policy=placing,
        receiver=name,
        is_same_image=is_same_image,
        rules=rooms.config.ruled(),
    )
    return Quarantine(Quarantines(rooms.database), rooms.spool, intake, clock)


def administration(rooms: Rooms, name: str) -> Administration:
    """Return every action of an administrator; `name` is that of this process in what is written down."""
    database, config = rooms.database, rooms.config
    return Administration(
        Ledgers(Completion(database), Outbox(database), Notifications(database), Pauses(database), Rankings(database)),
        quarantine(rooms, name),
        rooms.spool,
        DimseSender(config.dicom.ae_title, timeout_s=_TEST_S, connect_timeout_s=_TEST_S / 2),
        Trail(Audits(database), stable_part(name), clock),
        FileOfThisDaemon(rooms),
        ranking_policy=policy(config),
        destinations={section.name: section.destination() for section in config.destinations},
        subscribers=frozenset(section.name for section in config.pushes),
        clock=clock,
    )


def models(config: Config) -> list[Model]:
    """Return what reads, by the manifests of its packages; a package that cannot be read says so."""
    section = config.models
    named = [("models.ct", section.ct), *(("models.second", name) for name in section.second)]
    named += [("models.cxr", section.cxr)] if section.reads_xrays else []
    return [_model(config, place, name) for place, name in named]


def _model(config: Config, place: str, name: str) -> Model:
    if name in BUILT_IN:
        return Model(place, name, "built in", "", "cpu")
    devices = ", ".join(dict.fromkeys(as_of(config, pool).inference.device for pool in config.workers))
    folder = config.models.folder / name
    try:
        manifest = read_manifest(folder)
        digest = hashlib.sha256((folder / "manifest.yaml").read_bytes()).hexdigest()
    except (ConfigError, OSError):
        return Model(place, name, "cannot be read: triaged check says why", "", devices)
    return Model(place, manifest.name, manifest.version, digest, devices)
