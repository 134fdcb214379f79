"""The audit trail of a role: that it started and stopped, and the errand that tells the site's audit repository."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from triaged.config.monitoring import SyslogSection
from triaged.config.settings import Config
from triaged.daemon.rooms import Rooms, clock
from triaged.notify.connection import Address, client_context
from triaged.notify.syslog import SyslogRepository
from triaged.steps.errand import DeliveryOptions
from triaged.steps.telling import AuditTeller
from triaged.steps.trail import Trail
from triaged.store.trail.audits import Audits
from triaged.study.audit import AuditEvent
from triaged.study.process import stable_part


@contextmanager
def audited(rooms: Rooms, name: str, role: str) -> Iterator[Trail]:
    """Write down that a role started, and at the end that it stopped; one that is killed leaves no second row."""
    trail = Trail(Audits(rooms.database), stable_part(name), clock)
    trail.record(AuditEvent.STARTED, target=role, detail=name)
    try:
        yield trail
    finally:
        trail.record(AuditEvent.STOPPED, target=role, detail=name)


def audit_errands(rooms: Rooms, options: DeliveryOptions) -> list[Callable[[], bool]]:
    """Return the work of telling the site's audit repository; none where the settings name no repository.

    Raises:
        ConfigError: its certificates cannot be read.
    """
    section = rooms.config.audit.syslog
    if section is None:
        return []
    repository = repository_of(section, rooms.config)
    teller = AuditTeller(Audits(rooms.database), repository, options=options)
    return [partial(teller.run_next, clock=clock)]


def repository_of(section: SyslogSection, config: Config) -> SyslogRepository:
    """Return the site's audit repository; `ConfigError` where certificates cannot be read."""
    context = client_context(section.ca_file, section.certificate, section.key)
    address = Address(section.host, section.port, context)
    return SyslogRepository(address, config.delivery.timeout_s, section.site_id, config.dicom.ae_title)
