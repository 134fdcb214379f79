"""Runs a whole daemon: chooses the version of the configuration, supervises its roles, and reports to systemd."""

from __future__ import annotations

import threading

import structlog

from triaged.config.settings import Config
from triaged.daemon.checks import demand_free_addresses, demand_usable_database
from triaged.daemon.security import demand_credentials
from triaged.daemon.supervisor import Supervisor, members_of, stopping_on_signals
from triaged.daemon.systemd import Systemd
from triaged.daemon.versions import Version, keep, last_good
from triaged.errors import ConfigError

log = structlog.get_logger()

_LOOK_S = 0.5
_MORE_TIME_S = 60


def serve(version: Version) -> None:
    """Run every role until SIGINT or SIGTERM.

    Where roles cannot run with a version that never ran, the last one that did takes its place.

    Raises:
        ConfigError: they cannot, and none ever ran.
    """
    systemd = Systemd.of_this_process()
    with stopping_on_signals() as stop:
        try:
            _run(version, stop, systemd)
        except ConfigError as error:
            kept = None if version.rejected else last_good(version.path, f"{version.path}: {error}")
            if kept is None or kept.text == version.text:
                raise
            _run(kept, stop, systemd)
    log.info("all roles ended")


def _run(version: Version, stop: threading.Event, systemd: Systemd) -> None:
    config, notices = version.config, []
    if version.rejected:
        log.error("configuration rejected, running with the last good one", why=version.rejected)
        notices = [f"configuration rejected, running with the last good one: {version.rejected}"]
    demand_free_addresses(config)
    demand_credentials(config)
    demand_usable_database(config)
    was_kept = last_good(version.path, "")
    on_trial = was_kept is None or was_kept.text != version.text
    supervisor = Supervisor(version, members_of(config), on_trial=on_trial, notices=notices)
    try:
        supervisor.start()
        _supervise(supervisor, version, stop, systemd)
    finally:
        if stop.is_set():
            systemd.stopping()
        supervisor.stop()


def _supervise(supervisor: Supervisor, version: Version, stop: threading.Event, systemd: Systemd) -> None:
    is_ready = False
    while not stop.wait(_LOOK_S):
        supervisor.check()
        systemd.alive()
        if supervisor.all_serve and not is_ready:
            is_ready = True
            log.info("all roles serve")
            keep(version)
            systemd.ready()
        elif not is_ready:
            systemd.starting(_MORE_TIME_S)
        systemd.status(_status(supervisor, version.config, version.rejected))


def _status(supervisor: Supervisor, config: Config, rejected: str) -> str:
    waiting = supervisor.waiting_for()
    words = f"waiting for {', '.join(waiting)}" if waiting else f"receiving as {config.dicom.ae_title}"
    return f"{words}; configuration rejected: {rejected}" if rejected else words
