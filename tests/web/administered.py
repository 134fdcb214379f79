"""What administrators of a test's clinic act with; its destinations answer as they are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from triaged.errors import ActionRefused, ConfigError
from triaged.steps.administering import Administration, Ledgers
from triaged.steps.negotiate import Destination
from triaged.steps.ports import Outgoing, Peer, SendOutcome, Sent
from triaged.steps.quarantine import Quarantine
from triaged.steps.ranking_policy import ranking_policy
from triaged.steps.replay import Replayed
from triaged.steps.trail import Trail
from triaged.store.couriers.notifications import Notifications
from triaged.store.couriers.outbox import Outbox
from triaged.store.listing.rankings import Rankings
from triaged.store.roles.pauses import Pauses
from triaged.store.studies.completion import Completion
from triaged.store.studies.quarantines import Quarantines
from triaged.store.trail.audits import Audits
from triaged.triage.scheme import Scheme, TriageOptions
from triaged.web.admin_page import Administered, Model

if TYPE_CHECKING:
    from tests.web.scene import Scene

PACS = Peer("pacs", "PACS", "127.0.0.1", 104)


@dataclass
class Answers:
    """A destination; what it was sent is kept."""

    to_echo: SendOutcome = field(default_factory=Sent)
    to_store: SendOutcome = field(default_factory=Sent)
    stored: list[bytes] = field(default_factory=list)

    def echo(self, peer: Peer) -> SendOutcome:
        """Answer C-ECHO."""
        return self.to_echo

    def send(self, objects: Sequence[Outgoing], peer: Peer) -> Sequence[SendOutcome]:
        """Answer C-STORE."""
        self.stored += [each.path.read_bytes() for each in objects]
        return [self.to_store] * len(objects)


@dataclass
class File:
    """A configuration file; what was done to it is kept."""

    content: str = "workers: 1\n"
    done: list[str] = field(default_factory=list)
    outcome: Sequence[Replayed] = ()

    def text(self) -> str:
        """Return the text."""
        return self.content

    def tried(self, text: str) -> Sequence[Replayed]:
        """Accept what has workers."""
        if "workers" not in text:
            raise ConfigError("config.yaml:1: expected workers, found none")
        return self.outcome

    def roll_back(self, number: int) -> None:
        """Know version 1 alone."""
        if number != 1:
            raise ActionRefused(f"expected the number of a version of the configuration, found {number}")
        self.done.append("rolled back")

    def read_again(self) -> None:
        """Take note."""
        self.done.append("read again")


def administered(scene: Scene, tester: Answers | None = None, file: File | None = None) -> Administered:
    """Return what the pages of this scene act with."""
    database = scene.database
    quarantine = Quarantine(Quarantines(database), scene.spool, scene.intake, lambda: scene.now)
    administration = Administration(
        Ledgers(Completion(database), Outbox(database), Notifications(database), Pauses(database), Rankings(database)),
        quarantine,
        scene.spool,
        tester or Answers(),
        Trail(Audits(database), "web", lambda: scene.now),
        file or File(),
        ranking_policy=ranking_policy(TriageOptions(scheme=Scheme.COMBINED)),
        destinations={"pacs": Destination(PACS, {})},
        subscribers=frozenset({"ris"}),
        clock=lambda: scene.now,
    )
    models = [Model("models.ct", "ct-test", "1.0.0", "ab" * 32, "cpu")]
    return Administered(
        administration, quarantine, frozenset({"pacs", "ris"}), models, ["trials", "children"], file or File()
    )
