"""Tries every door: `python -m tests.breaking.doors --seed 7 --minutes 10`.

Every route of the web is found from the application itself and asked by nobody, a reader and an administrator, in each
mode of access; then tokens, sessions, redirects, headers of proxies, odd methods and paths, guessed passwords, and
random requests as long as time is left. Names, numbers and texts of the clinic's patients must be in no answer to
nobody, and the tables must be what they were. DICOM's door is tried with DCMTK's tools. What others wrote must be text
on every page, and stay one value in every message and object that leaves. Knows no page.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import structlog

from tests.breaking.door_keys import keys
from tests.breaking.doors_clinic import clinic_of
from tests.breaking.doors_dicom import dicom_doors
from tests.breaking.doors_markup import markup
from tests.breaking.doors_outgoing import outgoing
from tests.breaking.doors_routes import (
    every_route,
    paths_in_other_spellings,
    random_requests,
    strangers_headers_are_not_believed,
)
from tests.breaking.doors_sessions import (
    changes_need_the_own_token,
    guessing_ends_and_keeps_nobody_out,
    redirects_stay_here,
    sessions_are_made_not_taken,
)
from tests.breaking.trial import Trial, run_alone


def doors(trial: Trial, folder: Path) -> None:
    """Try every door of the web, and random ones while time is left."""
    with clinic_of(folder) as scene:
        for key in keys(scene):
            every_route(trial, scene, key)
        paths_in_other_spellings(trial, scene)
        changes_need_the_own_token(trial, scene)
        sessions_are_made_not_taken(trial, scene)
        redirects_stay_here(trial, scene)
        strangers_headers_are_not_believed(trial, scene)
        guessing_ends_and_keeps_nobody_out(trial, scene)
        random_requests(trial, scene)


def main() -> int:
    """Try the doors from the command line."""

    def tried(trial: Trial, folder: Path, _: argparse.Namespace) -> None:
        structlog.configure(logger_factory=structlog.ReturnLoggerFactory())  # the log is judged, not shown
        for part in ("pages", "leaving", "dicom", "doors"):
            (folder / part).mkdir()
        with clinic_of(folder / "pages") as scene:
            markup(trial, scene)
        outgoing(trial, folder / "leaving")
        dicom_doors(trial, folder / "dicom")
        doors(trial, folder / "doors")

    return run_alone("doors", tried)


if __name__ == "__main__":
    sys.exit(main())
