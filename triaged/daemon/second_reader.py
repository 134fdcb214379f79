"""Reads one study by a second engine in a process of its own, which may die of it: `python -m` this module.

It gets the settings, the engine's name and the claim on standard input, and answers on standard output. It opens no
database and keeps nothing. It reads with the lowest priority of all processes of the daemon, and ends with its parent.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # imported late: whoever starts this may stop it at once, and end
    from triaged.config.settings import Config
    from triaged.steps.advise import Advice
    from triaged.study.second import Broken, SecondClaim

_PR_SET_PDEATHSIG = 1
_LOWEST_PRIORITY = 19


def main(parent: int, engine: str, configuration: str) -> None:
    """Answer one request; `configuration` is the SHA-256 that stands in every line of the log."""
    end_with(parent)
    answer = os.dup(1)
    os.dup2(2, 1)  # what libraries print is no answer
    from triaged.daemon.logs import configure_logging
    from triaged.daemon.memory import limit_memory
    from triaged.daemon.roles import Role

    limit_memory(Role.ADVISER, "auto")
    config, claim = pickle.load(sys.stdin.buffer)
    if claim is not None:
        os.nice(_LOWEST_PRIORITY)
    logging, hide = config.logging, config.secrets.hide
    configure_logging(logging.level, logging.style, Role.ADVISER.value, configuration=configuration, hide=hide)
    found = read(config, engine, claim)
    with os.fdopen(answer, "wb") as stream:
        pickle.dump(found, stream)


def read(config: Config, engine: str, claim: SecondClaim | None) -> Advice | Broken | None:
    """Return what a second engine finds, or why it finds nothing; without a claim only try whether it can be used."""
    import structlog

    from triaged.daemon.examinations import second_examination
    from triaged.daemon.spools import files_in
    from triaged.daemon.tracebacks import described
    from triaged.errors import ModelRefused, TryLater
    from triaged.steps.advise import advise
    from triaged.study.second import Broken

    try:
        examination = second_examination(config, engine)
        if claim is None:
            return None
        return advise(examination, claim, config.triage.options(), files_in(config.storage))
    except TryLater as later:
        return Broken(str(later), counts=False)
    except ModelRefused as refused:
        return Broken(str(refused))
    except Exception as error:  # noqa: BLE001 - a bug must end a reading, not the adviser
        structlog.get_logger().exception("second engine failed", engine=engine)
        return Broken(described(error))


def end_with(parent: int) -> None:
    """End by SIGKILL when the parent does (prctl(2)); at once where it is gone already."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
