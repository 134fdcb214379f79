"""Receivers of changes as the settings name them, and the work of telling each; for the courier and the check."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from triaged.config.notifying import PushSection
from triaged.config.settings import Config
from triaged.daemon.rooms import Rooms, clock
from triaged.errors import ConfigError
from triaged.notify.connection import Address, verifying
from triaged.notify.mllp import MllpSubscriber
from triaged.notify.webhook import WebhookSubscriber
from triaged.steps.errand import DeliveryOptions
from triaged.steps.notify import Notifier, Subscriber
from triaged.store.couriers.notifications import Notifications


def receiver_of(section: PushSection, config: Config) -> Subscriber:
    """Return what tells a receiver; `ConfigError` where its secret or its certificates cannot be read."""
    address = Address(*section.where(), verifying(section.ca_file) if section.is_encrypted() else None)
    timeout_s, names_patient = config.delivery.timeout_s, section.names_patient()
    if section.kind == "hl7":
        return MllpSubscriber(address, section.options(), timeout_s, names_patient)
    secret = b"" if section.secret_file is None else _secret(section.secret_file)
    return WebhookSubscriber(address, section.target(), timeout_s, secret, names_patient)


def push_errands(rooms: Rooms, name: str, options: DeliveryOptions) -> list[Callable[[], bool]]:
    """Let the receivers of the settings, and no others, be notified; return the work for each; see `receiver_of`."""
    sections = rooms.config.pushes
    receivers = {section.name: receiver_of(section, rooms.config) for section in sections}
    pushes = Notifications(rooms.database)
    pushes.subscribe({section.name: section.occasions() for section in sections})
    notifiers = [Notifier(pushes, each, name=to, options=options, courier=name) for to, each in receivers.items()]
    return [partial(notifier.run_next, clock=clock) for notifier in notifiers]


def _secret(path: Path) -> bytes:
    try:
        secret = path.read_bytes().strip()
    except OSError as error:
        raise ConfigError(f"secret_file: expected a readable file, found {path}: {error.strerror}") from None
    if not secret:
        raise ConfigError(f"secret_file: expected a secret, found {path} empty")
    return secret
