"""The life of the configuration in a running daemon: considered when the file may have changed, taken, or rejected.

A version is taken once every role serves with it; where one cannot, the version before stays. What became of it is said
in the log, as a notice, and kept in the store.
"""

from __future__ import annotations

import pwd
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import structlog

from triaged.config.hiding import without_passwords
from triaged.daemon.changes import concerned
from triaged.daemon.considering import Acceptable, Considered, Refused, Unchanged, consider
from triaged.daemon.doors import Doors
from triaged.daemon.logs import configure_logging, log_under
from triaged.daemon.recording import Recorder
from triaged.daemon.rooms import clock
from triaged.daemon.supervisor import Supervisor, members_of
from triaged.daemon.versions import REJECTED, Version, hash_of, keep
from triaged.daemon.watching import watch_folder
from triaged.errors import ConfigError
from triaged.store.roles.configurations import Reading, Verdict

log = structlog.get_logger()

_TRIAL_S = 180.0
"""So long a version is on trial: then it counts as taken, though a role waits, e.g. for the database."""


class Life:
    """What becomes of the file of one daemon; `step` every now and then, after `check` of the supervisor."""

    def __init__(
        self,
        version: Version,
        supervisor: Supervisor,
        doors: Doors,
        recorder: Recorder,
        *,
        reload: threading.Event,
        stop: threading.Event,
    ) -> None:
        self.version = version
        self._supervisor = supervisor
        self._doors = doors
        self._recorder = recorder
        self._reload = reload
        self._changed = threading.Event()
        self._watch = watch_folder(version.path, self._changed, stop)
        self._considering: threading.Thread | None = None
        self._considered: tuple[Considered, str] | None = None
        self._trial: tuple[Acceptable, str, Version] | None = None
        self._tried_since = 0.0
        self._began = False

    def step(self) -> None:
        """Go on with what is at hand: begin to consider, take what was considered, or see how a trial ended."""
        if not self._began:
            if self._supervisor.all_serve:
                self._begin()
        elif self._trial is not None:
            self._see_trial()
        elif self._considering is not None:
            if not self._considering.is_alive():
                self._decide()
        elif self._reload.is_set() or self._changed.is_set():
            self._consider()

    def _begin(self) -> None:
        """Keep what the daemon was started with, and what was rejected for it."""
        self._began = True
        if self.version.rejected:
            self._recorder.add(
                _reading(_text_of(self.version.path), Verdict.REJECTED, "start", why=self.version.rejected)
            )
        self._recorder.add(_reading(self.version.text, Verdict.TAKEN, "start"), unless_in_force=True)
        self._changed.set()  # the file may have changed while the roles started

    def _consider(self) -> None:
        by_signal = self._reload.is_set()
        self._reload.clear()
        self._changed.clear()
        who = "signal" if by_signal else _owner(self.version.path)

        def work() -> None:
            self._considered = consider(self.version.path, self.version), who

        self._considering = threading.Thread(target=work, name="configuration", daemon=True)
        self._considering.start()

    def _decide(self) -> None:
        self._considering = None
        if self._considered is None:
            return  # its thread ended by a bug, which is in the log
        (found, who), self._considered = self._considered, None
        match found:
            case Unchanged():
                self._supervisor.notices = self._standing()
            case Refused():
                self._reject(found, who)
            case Acceptable():
                self._take(found, who)

    def _take(self, found: Acceptable, who: str) -> None:
        config = found.version.config
        try:
            self._doors.open(config.dicom)
        except ConfigError as error:
            where = f"{found.version.path}: dicom.host, dicom.port: {error}"
            self._reject(Refused(found.version.text, where, found.difference), who)
            return
        log.info("configuration accepted, roles are started with it", sections=list(found.changed))
        self._trial, self._tried_since = (found, who, self.version), time.monotonic()
        roles = concerned(found.changed, self.version.config, config)
        self._supervisor.take(found.version, members_of(config), roles)

    def _see_trial(self) -> None:
        assert self._trial is not None
        found, who, before = self._trial
        if problem := self._supervisor.problem():
            self.failed(f"{found.version.path}: {problem}")
        elif self._supervisor.is_tried or time.monotonic() - self._tried_since > _TRIAL_S:
            self._trial = None
            config = found.version.config
            self.version = found.version
            log_under(found.version.sha256)
            self._doors.keep_only(config.dicom)
            self._supervisor.notices = self._standing()
            if config.logging != before.config.logging:
                configure_logging(config.logging.level, config.logging.style, "daemon", hide=config.secrets.hide)
            if not found.later:
                keep(found.version)
            self._taken(found, who)

    def _taken(self, found: Acceptable, who: str) -> None:
        later = f"needs a restart of the daemon: {', '.join(found.later)}" if found.later else ""
        waiting = "" if self._supervisor.is_tried else f"not serving yet: {', '.join(self._supervisor.waiting_for())}"
        reason = "\n".join(filter(None, (later, waiting, found.remarks)))
        verdict = Verdict.PARTLY if found.later else Verdict.TAKEN
        log.info("configuration taken", verdict=verdict.value, by=who, changes=found.difference, remarks=reason)
        self._recorder.add(_reading(found.version.text, verdict, who, difference=found.difference, why=reason))

    def failed(self, why: str) -> bool:
        """Go back to the version before, where one is on trial; tell whether one was."""
        if self._trial is None:
            return False
        found, who, before = self._trial
        self._trial = None
        self._supervisor.give_back()
        roles = concerned(found.changed, found.version.config, before.config)
        self._supervisor.take(before, members_of(before.config), roles)
        self._supervisor.believe()
        self._doors.keep_only(before.config.dicom)
        self._reject(Refused(found.version.text, why, found.difference), who)
        return True

    def _reject(self, found: Refused, who: str) -> None:
        log.error("configuration rejected, running with the last good one", why=without_passwords(found.why), by=who)
        rejected = f"{REJECTED}, running with the last good one: {without_passwords(found.why)}"
        self._supervisor.notices = [*self._standing(), rejected]
        self._recorder.add(
            _reading(found.text, Verdict.REJECTED, who, difference=found.difference, why=without_passwords(found.why))
        )

    def _standing(self) -> Sequence[str]:
        """Return what an operator should know for as long as this version is in force."""
        if self.version.rejected:
            self.version = replace(self.version, rejected="")
        if self.version.pinned is not None:
            return ["the configuration is taken in part: database.url or storage needs a restart of the daemon"]
        return []


def _reading(text: str, verdict: Verdict, who: str, *, difference: str = "", why: str = "") -> Reading:
    return Reading(clock(), hash_of(text), without_passwords(text), who, verdict, difference, without_passwords(why))


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _owner(path: Path) -> str:
    """Return whose the file is: an editor that replaces it makes it that of who edits."""
    try:
        return pwd.getpwuid(path.stat().st_uid).pw_name
    except (OSError, KeyError):
        return "file"
