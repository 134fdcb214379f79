"""Our receiver as a process that a test can kill; it prints its port: `… -m tests.wire.receiver_process FOLDER URL`.

It answers at once who asks for storage commitment, from the rows of what it keeps.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from sqlalchemy import text

from tests.store.making import Studies
from tests.wire.peers import FakeCommitments, clock, place
from triaged.dimse.options import ScpOptions
from triaged.dimse.scp import Receiver
from triaged.spool.files import Spool
from triaged.steps.intake import Intake
from triaged.store.tables.database import open_database


def main() -> None:
    """Receive until killed."""
    folder, url = Path(sys.argv[1]), sys.argv[2]
    database = open_database(url)
    studies = Studies(database)

    def kept() -> list[str]:
        with database.read() as connection:
            return list(connection.execute(text("SELECT sop_instance_uid FROM instance")).scalars())

    studies.close_orphans("receiver-1", now=clock())
    intake = Intake(studies, studies, Spool(folder / "spool", 0), ranking_policy=place, receiver="receiver-1")
    receiver = Receiver(ScpOptions("TRIAGED", "127.0.0.1", 0), intake, clock=clock, commitment=FakeCommitments(kept))
    sys.stdout.write(f"{receiver.start()}\n")
    sys.stdout.flush()
    threading.Event().wait()


if __name__ == "__main__":
    main()
