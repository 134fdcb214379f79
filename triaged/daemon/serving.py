"""Runs a whole daemon: chooses the version of the configuration, supervises its roles, and reports to systemd."""

from __future__ import annotations

import threading

import structlog

from triaged.config.settings import Config
from triaged.daemon.addresses import demand_free_addresses
from triaged.daemon.checks import demand_usable_database
from triaged.daemon.doors import Doors
from triaged.daemon.life import Life
from triaged.daemon.recording import Recorder
from triaged.daemon.rooms import clock
from triaged.daemon.security import demand_credentials
from triaged.daemon.signals import stopping_on_signals
from triaged.daemon.supervisor import Supervisor, members_of
from triaged.daemon.systemd import Systemd
from triaged.daemon.upgrading import upgrade_where_needed
from triaged.daemon.versions import REJECTED, Version, keep, last_good
from triaged.daemon.vouching import Voucher
from triaged.errors import ConfigError, TryLater

log = structlog.get_logger()

_LOOK_S = 0.5
_MORE_TIME_S = 60


def serve(version: Version) -> None:
    """Run every role until SIGINT or SIGTERM; SIGHUP, or a change of the file, has the configuration read again.

    Where roles cannot run with a version that never ran, the last one that did takes its place.

    Raises:
        ConfigError: they cannot, and none ever ran.
    """
    systemd, reload = Systemd.of_this_process(), threading.Event()
    with stopping_on_signals(reload) as stop:
        try:
            _run(version, stop, reload, systemd)
        except ConfigError as error:
            kept = None if version.rejected else last_good(version.path, f"{version.path}: {error}")
            if kept is None or kept.text == version.text:
                raise
            _run(kept, stop, reload, systemd)
    log.info("all roles ended")


def _run(version: Version, stop: threading.Event, reload: threading.Event, systemd: Systemd) -> None:
    config, notices = version.config, []
    if version.rejected:
        log.error("configuration rejected, running with the last good one", why=version.rejected)
        notices = [f"{REJECTED}, running with the last good one: {version.rejected}"]
    demand_free_addresses(config)
    demand_credentials(config)
    demand_usable_database(config)
    _upgrade(config)
    was_kept = last_good(version.path, "")
    on_trial = was_kept is None or was_kept.text != version.text
    doors, recorder, voucher = Doors(), Recorder(config.database.url), Voucher(config.database.url)
    doors.open(config.dicom)
    supervisor = Supervisor(version, members_of(config), on_trial=on_trial, notices=notices, doors=doors)
    ended = threading.Event()
    try:
        supervisor.start()
        life = Life(version, supervisor, doors, recorder, reload=reload, stop=ended)
        _supervise(supervisor, life, voucher, stop, systemd)
    finally:
        ended.set()
        if stop.is_set():
            systemd.stopping()
        supervisor.stop()
        doors.close()
        recorder.close()
        voucher.close()


def _upgrade(config: Config) -> None:
    """Bring the database to this version's schema before any role looks at it; where it is away, roles wait for it."""
    try:
        upgrade_where_needed(config, clock=clock)
    except TryLater as later:
        log.warning("the database cannot be looked at yet", why=str(later))


def _supervise(supervisor: Supervisor, life: Life, voucher: Voucher, stop: threading.Event, systemd: Systemd) -> None:
    is_ready = False
    while not stop.wait(_LOOK_S):
        try:
            supervisor.check()
        except ConfigError as error:
            if not life.failed(str(error)):
                raise
        life.step()
        voucher.vouch(supervisor.computing_in_silence())
        systemd.alive()
        if supervisor.all_serve and not is_ready:
            is_ready = True
            log.info("all roles serve")
            if not life.version.rejected:
                keep(life.version)
            systemd.ready()
        elif not is_ready:
            systemd.starting(_MORE_TIME_S)
        systemd.status(_status(supervisor, life))


def _status(supervisor: Supervisor, life: Life) -> str:
    waiting = supervisor.waiting_for()
    words = f"waiting for {', '.join(waiting)}" if waiting else f"receiving as {life.version.config.dicom.ae_title}"
    return "; ".join([words, *supervisor.notices])
