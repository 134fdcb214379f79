"""Peers are hostile: whatever they do, a sender beside them waits 5 s at most, is never refused, and loses nothing.

A receiver as `triaged serve` starts it, with TLS besides. Every PDU is sent in every state, whole and spoiled, and the
answer has to be that of PS3.8; then hostile peers come from several addresses, and from the one that senders call from.
Beside them DCMTK's storescu and pynetdicom, with and without TLS, go on sending. In the end all that was acknowledged
is there, memory stayed under its number, and threads and descriptors are back.
"""

from __future__ import annotations

import argparse
import itertools
import random
import re
import sys
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.breaking.hostile_peers import HOSTILES, Hostile
from tests.breaking.lone_receiver import Receiver, lone_receiver
from tests.breaking.protocol_states import PDUS, STATES, Heard, heard_after, spoiled
from tests.breaking.steady_senders import Secured, Senders
from tests.breaking.trial import Trial, run_alone
from tests.programs import until

_ADDRESSES = ("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4")
_MOST_LOG_LINES_PER_MINUTE = 1500
_OF_THE_DATABASE = 24
"""Descriptors of the connections to SQLite that the pool keeps once it has needed them."""


def peers(trial: Trial, folder: Path, receivers: int = 1) -> None:
    """Let hostile peers come, some at a time, until the time is over."""
    with lone_receiver(folder, receivers) as (receiver, shown, authority):
        calm_threads, calm_descriptors = sum(receiver.status("Threads")), receiver.descriptors()
        senders = Senders(trial, folder, receiver.port, Secured(receiver.tls_port, shown, authority.ca_file))
        with senders.sending():
            _every_state(trial, receiver.port)
            while trial.left_s:
                attack(trial, (receiver.port, receiver.port, receiver.tls_port))
        until(
            lambda: (
                sum(receiver.status("Threads")) <= calm_threads + receivers
                and receiver.descriptors() <= calm_descriptors + receivers * _OF_THE_DATABASE
            ),
            within_s=75,
            what="threads and descriptors to come back",
        )
        _check(trial, receiver, senders)


def _every_state(trial: Trial, port: int) -> None:
    """Send every PDU in every state, whole and, as long as half of the time is left, spoiled; hear the answer."""
    for state in STATES:
        for pdu in PDUS:
            with state.reach("127.0.0.5", port, "STATES") as peer:
                heard = heard_after(peer, pdu.content, is_last=False)
            trial.count("PDUs in a state, answered")
            allowed = state.may_hear(pdu)
            trial.expect(heard in allowed, f"{state.name}: {pdu.name}: expected {_names(allowed)}, found {heard.name}")
    trial.say(f"every PDU in each of {len(STATES)} states")
    for state, pdu in itertools.product(STATES, PDUS):
        for content in spoiled(pdu, trial.random) if trial.elapsed_s < trial.seconds / 2 else ():
            with state.reach("127.0.0.5", port, "STATES") as peer:
                heard = heard_after(peer, content, is_last=True)
            trial.count("spoiled PDUs in a state, answered")
            allowed = state.may_hear(pdu) | {Heard.ABORT, Heard.END}
            trial.expect(
                heard in allowed, f"{state.name}: spoiled {pdu.name}: expected {_names(allowed)}, found {heard.name}"
            )


def _names(of: Iterable[Heard]) -> str:
    return " or ".join(sorted(each.name for each in of))


def attack(trial: Trial, ports: Sequence[int]) -> None:
    """Let three kinds of hostile peers come at once, from one address or another, each to one of the ports."""
    chosen = trial.random.sample(HOSTILES, 3)
    attacks = []
    for hostile in chosen:
        address, port = trial.random.choice(_ADDRESSES), trial.random.choice(ports)
        randomness = random.Random(trial.random.random())
        attacks.append(threading.Thread(target=_come, args=(trial, hostile, address, port, randomness)))
    trial.say(", ".join(hostile.__name__ for hostile in chosen))
    for each in attacks:
        each.start()
    for each in attacks:
        each.join()


def _come(trial: Trial, hostile: Hostile, address: str, port: int, randomness: random.Random) -> None:
    try:
        trial.count(hostile.__name__, hostile(address, port, randomness))
    except Exception as error:  # noqa: BLE001 in a thread of its own it would be overlooked
        trial.expect(False, f"expected {hostile.__name__} to come, found {error!r}")


def _check(trial: Trial, receiver: Receiver, senders: Senders) -> None:
    trial.expect(receiver.process.poll() is None, "expected the receiver to live, found it ended")
    missing = senders.acknowledged - receiver.stored()
    trial.expect(not missing, f"expected all that was acknowledged in database and spool, found {len(missing)} missing")
    highest = max(receiver.status("VmHWM")) / 1024
    trial.note("highest memory (MiB)", round(highest))
    trial.expect(highest < documented_mib(), f"expected at most {documented_mib()} MiB, found {highest:.0f}")
    if senders.waits:
        trial.note("median wait (s)", round(sorted(senders.waits)[len(senders.waits) // 2], 2))
    lines = (receiver.folder / "log").read_text(errors="replace").splitlines()
    trial.note("log lines", len(lines))
    most = _MOST_LOG_LINES_PER_MINUTE * max(1.0, trial.elapsed_s / 60)
    trial.expect(len(lines) <= most, f"expected at most {most:.0f} log lines, found {len(lines)}")
    trial.expect(not any("role died" in line for line in lines), "expected no receiver to die, found one that did")
    trial.expect(not any("because of a bug" in line for line in lines), "expected no bug in the log, found one")


def documented_mib() -> int:
    """The memory that operators are told of."""
    text = (Path(__file__).parents[2] / "docs/architecture.md").read_text(encoding="utf-8")
    found = re.search(r"The receiver takes at most (\d+) MiB", text)
    assert found is not None
    return int(found[1])


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--peer", choices=("orthanc",), help="do the same to another receiver instead, to compare")
    parser.add_argument("--receivers", type=int, default=1, help="how many share the ports (default: %(default)s)")


def _alone(trial: Trial, folder: Path, options: argparse.Namespace) -> None:
    if options.peer == "orthanc":
        from tests.breaking.peers_of_orthanc import peers_of_orthanc

        peers_of_orthanc(trial, folder)
    else:
        peers(trial, folder, options.receivers)


if __name__ == "__main__":
    sys.exit(run_alone("peers", _alone, more_options=_options))
