"""A child process in the place of `triaged.daemon.second_reader`, which does what the name of its engine says."""

from __future__ import annotations

import os
import signal
import sys
import time

from triaged.daemon.second_reader import end_with


def _answer(why: str, *, counts: bool = True) -> None:
    import pickle

    from triaged.study.second import Broken

    sys.stdin.buffer.read()
    sys.stdout.buffer.write(pickle.dumps(Broken(why, counts=counts)))


if __name__ == "__main__":
    end_with(int(sys.argv[1]))
    match sys.argv[2]:
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "exits":
            sys.exit(5)
        case "breaks":
            _answer("ValueError in a.py, line 7")
        case "away":
            _answer("expected to read a file", counts=False)
        case "slow":
            time.sleep(1)
            _answer("came")
        case "large":
            _answer("x" * 5_000_000)
        case "works":
            ends = time.monotonic() + 120
            while time.monotonic() < ends:
                pass
