"""The clock of the machine steps, an hour or a day, back or forward, and is put right again.

At the moment of the step studies wait, a worker of another machine dies with a study in its hands, an object waits for
a destination that does not answer, and a person is signed in. All of it has to go on within a minute, and again after
the clock is right.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from tests.breaking.fault import HEALED_S, Fault, Truth
from tests.breaking.site import Site, demand, run, stopped, wait_for
from tests.ports import free_port
from tests.wire.peers import DCMTK_ENVIRONMENT

HOUR, DAY = 3600, 86400
_SOURCE = Path(__file__).parents[1] / "wall_clock.c"
_HELD = "SELECT study_uid, worker FROM study WHERE state = 'ANALYSING'"


def _preload(site: Site) -> None:
    """Let the daemon have a clock that can be set."""
    demand("cc")
    library, offset = site.folder / "wall_clock.so", site.folder / "offset"
    run("cc", "-O1", "-shared", "-fPIC", "-o", library, _SOURCE)
    offset.write_bytes(bytes(8))
    site.environment |= {"LD_PRELOAD": str(library), "WALL_CLOCK_OFFSET_FILE": str(offset)}


def _prepare(site: Site) -> None:
    """Preload the clock, name a destination that does not answer yet, and ask people to sign in."""
    demand("storescp")
    _preload(site)
    port = free_port()
    site.servers["destination"] = port
    destination = {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": port, "objects": ["sr"]}
    site.settings |= {"destinations": [destination], "access": {"mode": "accounts"}}
    site.settings["worker"] |= {"lease_s": 15}
    site.write_config()
    command = [sys.executable, "-m", "triaged.cli", "user", "add", site.person.name, "--role", "reader"]
    password = site.person.password.encode() + b"\n"
    subprocess.run([*command, "--config", site.config], input=password, check=True, capture_output=True, timeout=60)


def _stepped(seconds: int) -> Callable[[Site], AbstractContextManager[None]]:
    @contextmanager
    def inject(site: Site) -> Iterator[None]:
        held = _die_with_a_study(site)
        _step(site, seconds)
        _go_on(site, held, f"after the step of {seconds} s")
        yield
        held = _die_with_a_study(site)
        _step(site, 0)
        _go_on(site, held, "after the clock was right again")

    return inject


@contextmanager
def _back_for_a_moment(site: Site) -> Iterator[None]:
    _step(site, -HOUR)
    yield
    _step(site, 0)


def _step(site: Site, seconds: int) -> None:
    with (site.folder / "offset").open("r+b") as file:
        file.write(struct.pack("<q", seconds))


def _die_with_a_study(site: Site) -> str:
    """Let a worker of another machine, which nobody replaces, die with a study in its hands; return the study."""
    command = [sys.executable, "-m", "triaged.cli", "serve", "--role", "worker", "--config", str(site.config)]
    log = site.log_folder / f"other-worker-{time.monotonic_ns()}.log"
    with log.open("ab") as file:
        worker = subprocess.Popen(command, stdout=file, stderr=file, env=os.environ | site.environment)
    try:
        wait_for(lambda: "working" in log.read_text(), within_s=60, what="a worker of another machine")
        with stopped([site.role_pid("worker")]):  # shorter than the supervisor's patience
            wait_for(lambda: "analysis started" in log.read_text(), within_s=8, what="a study for it")
            worker.kill()
        held = [uid for uid, holder in site.store.rows(_HELD) if f"-{worker.pid}@" in holder]
        if not held:
            raise TimeoutError("expected the worker to die before its study was done")
        return str(held[0])
    finally:
        worker.kill()
        worker.wait(20)


def _go_on(site: Site, held: str, when: str) -> None:
    """Expect of everything that was under way that it goes on within a minute."""
    began = time.monotonic()
    with _destination(site) as received:
        for what, condition in {
            "a new study done": lambda: site.first_done(since=began),
            "the study of the worker that died done": lambda: site.state_of(held) in ("TRIAGED", "OUT_OF_SCOPE"),
            "the object that waited at its destination": lambda: any(received.iterdir()),
        }.items():
            left_s = max(0.5, began + HEALED_S - time.monotonic())
            with suppress(TimeoutError):
                wait_for(condition, within_s=left_s, what=what)
                continue
            site.broken.append(f"{when}: expected {what} within {HEALED_S:.0f} s")


@contextmanager
def _destination(site: Site) -> Iterator[Path]:
    """Let the destination answer for a while; return the folder of what it gets."""
    folder = site.folder / f"destination-{time.monotonic_ns()}"
    folder.mkdir()
    command = ["storescp", "-aet", "PACS", "-od", str(folder), str(site.servers["destination"])]
    server = subprocess.Popen(command, env=DCMTK_ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield folder
    finally:
        server.terminate()
        server.wait(20)


def _session_went_on(site: Site) -> list[str]:
    """A step back ends no session; one forward may, as the time without activity seems long."""
    return [] if site.person.sign_ins == 1 else [f"expected one sign-in, found {site.person.sign_ins}"]


FAULTS = [
    Fault("clock one hour back", _stepped(-HOUR), Truth.READY, _prepare, hold_s=10, afterwards=_session_went_on),
    Fault("clock one hour forward", _stepped(HOUR), Truth.READY, _prepare, hold_s=10),
    Fault("clock one day back", _stepped(-DAY), Truth.READY, _prepare, hold_s=10, afterwards=_session_went_on),
    Fault("clock one day forward", _stepped(DAY), Truth.READY, _prepare, hold_s=10),
]

SHORT = Fault("clock one hour back, and right again", _back_for_a_moment, Truth.READY, _preload, hold_s=4)
