"""Senders as hospitals have them: DCMTK's storescu, pynetdicom, and a plain socket that stops in the middle.

Each tries once to send some instances, and writes into the ledger what was answered to each. Must not know who
receives, nor what is done to the receiver meanwhile.
"""

from __future__ import annotations

import logging
import random
import re
import socket
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pynetdicom.ae import ApplicationEntity
from pynetdicom.presentation import build_context

from tests.breaking.ledger import Ledger
from tests.breaking.small_scans import SmallInstance
from tests.wire.peers import CT_IMAGE, DCMTK_ENVIRONMENT, EXPLICIT, RawPeer, p_data

_TIMEOUT_S = 15
_SENDING = re.compile(r"Sending file: (?P<path>.+)\n")
_ANSWER = re.compile(r"Received Store Response \((?P<status>.+)\)")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a receiver listens."""

    port: int
    ae_title: str = "TRIAGED"


class Sender(Protocol):
    """Sends once what is not acknowledged; whether that worked is in the ledger."""

    def send(self, instances: Sequence[SmallInstance], to: Address, ledger: Ledger) -> None:
        """Open one association for these instances."""


@dataclass(slots=True)
class Storescu:
    """DCMTK's storescu in a process of its own; now and then it is killed in mid-sending."""

    random: random.Random
    killed_of: int = 8
    """One in so many is killed."""

    def send(self, instances: Sequence[SmallInstance], to: Address, ledger: Ledger) -> None:
        """Run the program to its end, or to an early one, and read what was answered from what it prints."""
        command = ["storescu", "-v", "-aet", "DCMTK", "-aec", to.ae_title, "-to", "5", "-ta", "10", "-td", "10"]
        command += ["127.0.0.1", str(to.port), *(str(each.path) for each in instances)]
        process = subprocess.Popen(
            command, env=DCMTK_ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        end_s = self.random.uniform(0.02, 0.2) if self.random.randrange(self.killed_of) == 0 else _TIMEOUT_S * 2
        end = threading.Timer(end_s, process.kill)
        end.start()
        try:
            printed, _ = process.communicate()
        finally:
            end.cancel()
        self._read(printed, instances, ledger)

    def _read(self, printed: str, instances: Sequence[SmallInstance], ledger: Ledger) -> None:
        by_path = {str(each.path): each for each in instances}
        beginnings = list(_SENDING.finditer(printed))
        ends = [each.start() for each in beginnings[1:]]
        for beginning, end in zip(beginnings, [*ends, len(printed)], strict=False):
            answer = _ANSWER.search(printed, beginning.end(), end)
            if answer is None:
                ledger.refused("no answer")
            elif answer["status"] == "Success":
                ledger.acknowledged(by_path[beginning["path"]])
            else:
                ledger.refused(answer["status"])
        if not beginnings:
            ledger.refused("no association")


@dataclass(slots=True)
class Pynetdicom:
    """pynetdicom's requestor; now and then it aborts in the middle, or sends an instance twice."""

    random: random.Random
    aborts_of: int = 8

    def send(self, instances: Sequence[SmallInstance], to: Address, ledger: Ledger) -> None:
        """Send over one association."""
        if not _listens(to.port):  # pynetdicom would leave its socket open
            ledger.refused("no association")
            return
        entity = ApplicationEntity("PYNETDICOM")
        entity.connection_timeout, entity.acse_timeout = 5, _TIMEOUT_S
        entity.dimse_timeout = entity.network_timeout = _TIMEOUT_S
        association = entity.associate(
            "127.0.0.1", to.port, [build_context(CT_IMAGE, [EXPLICIT])], ae_title=to.ae_title
        )
        if not association.is_established:
            ledger.refused("no association")
            return
        aborts_at = (
            self.random.randrange(len(instances)) if self.random.randrange(self.aborts_of) == 0 else len(instances)
        )
        try:
            for each in instances[:aborts_at]:
                for _ in range(2 if self.random.randrange(20) == 0 else 1):
                    self._store(association, each, ledger)
        finally:
            if aborts_at < len(instances):
                association.abort()
            elif association.is_established:
                association.release()

    def _store(self, association: object, instance: SmallInstance, ledger: Ledger) -> None:
        try:
            status = association.send_c_store(instance.path)  # type: ignore[attr-defined]
        except (RuntimeError, ValueError):  # the association is gone
            ledger.refused("no answer")
            return
        if "Status" not in status:
            ledger.refused("no answer")
        elif status.Status == 0:
            ledger.acknowledged(instance)
        else:
            ledger.refused(f"0x{status.Status:04X}")


@dataclass(slots=True)
class PlainSocket:
    """Sends byte by byte what it wants; now and then the connection is cut within a data set."""

    random: random.Random
    cuts_of: int = 8

    def send(self, instances: Sequence[SmallInstance], to: Address, ledger: Ledger) -> None:
        """Send over one connection, which is closed without a release."""
        cut_at = self.random.randrange(len(instances)) if self.random.randrange(self.cuts_of) == 0 else len(instances)
        try:
            with RawPeer(to.port, called=to.ae_title) as peer:
                if not peer.is_accepted:
                    ledger.refused("no association")
                    return
                for each in instances[:cut_at]:
                    self._store(peer, each, ledger)
                if cut_at < len(instances):
                    self._cut(peer, instances[cut_at])
        except (OSError, AssertionError, IndexError):  # the receiver died under it: there is no answer
            ledger.refused("no answer")

    def _store(self, peer: RawPeer, instance: SmallInstance, ledger: Ledger) -> None:
        status = peer.store(instance.encoded, sop_instance_uid=instance.sop_uid)
        if status == 0:
            ledger.acknowledged(instance)
        else:
            ledger.refused(f"0x{status:04X}")

    def _cut(self, peer: RawPeer, instance: SmallInstance) -> None:
        peer.socket.sendall(peer.command(sop_instance_uid=instance.sop_uid))
        length = self.random.randrange(len(instance.encoded))
        peer.socket.sendall(p_data(1, b"\0" + instance.encoded[:length]))


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), _TIMEOUT_S).close()
    except OSError:
        return False
    return True


def every_kind(seeded: random.Random) -> list[Sender]:
    """Return one sender of each kind, each with randomness of its own."""
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)  # what it says of each lost association is in the ledger
    kinds: list[type[Storescu] | type[Pynetdicom] | type[PlainSocket]] = [Storescu, Pynetdicom, PlainSocket]
    return [kind(random.Random(seeded.random())) for kind in kinds]
