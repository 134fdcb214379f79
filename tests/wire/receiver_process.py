"""Our receiver as a process that a test can kill; it prints its port: `… -m tests.wire.receiver_process FOLDER URL`."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from tests.wire.peers import clock, place
from triaged.dimse.scp import Receiver, ScpOptions
from triaged.steps.intake import Intake
from triaged.store.database import open_database
from triaged.store.spool import Spool
from triaged.store.studies import Studies


def main() -> None:
    """Receive until killed."""
    folder, url = Path(sys.argv[1]), sys.argv[2]
    studies = Studies(open_database(url))
    studies.close_orphans("receiver-1", now=clock())
    intake = Intake(studies, Spool(folder / "spool", 0), place_pending=place, receiver="receiver-1")
    receiver = Receiver(ScpOptions("TRIAGED", "127.0.0.1", 0), intake, clock=clock)
    sys.stdout.write(f"{receiver.start()}\n")
    sys.stdout.flush()
    threading.Event().wait()


if __name__ == "__main__":
    main()
