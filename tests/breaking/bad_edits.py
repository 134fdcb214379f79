"""Breaks the configuration of a running daemon in every way that is known, under four senders: only words change.

`python -m tests.breaking.bad_edits --files 500`. Each broken file is rejected with its reason; the same roles go on
with the version that was there, every acknowledged instance is kept, and the list keeps its order. At the end the
daemon is killed and started with a broken file: it runs with the last good version.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from tests.breaking.reloads import LongAssociation, block_style, nothing_lost, verdicts
from tests.breaking.site import Site, wait_for
from tests.breaking.steady_senders import Senders
from tests.breaking.trial import Trial, run_alone
from tests.config.broken import Broken, some_ways

_READY_S = 120.0
_VERDICT_S = 60.0
_ROLES = ("receiver", "worker", "courier", "clock", "web")
_REASON = "SELECT verdict, reason FROM configuration ORDER BY id DESC LIMIT 1"
_ORDER = (
    "SELECT study_uid, triage_class FROM study WHERE state IN ('TRIAGED', 'OUT_OF_SCOPE', 'FAILED') ORDER BY sort_key"
)


def bad_edits(trial: Trial, folder: Path, files: int) -> None:
    """Write so many broken files, one after the other, in the place of the sound one."""
    site = Site(folder, trial.seed)
    (folder / "sent").mkdir()
    site.start()
    try:
        site.health.start()
        site.wait_ready(within_s=_READY_S)
        wait_for(lambda: verdicts(site), within_s=_READY_S, what="the first configuration to be kept")
        site.modality.start()
        wait_for(lambda: len(_order(site)) >= 2, within_s=_READY_S, what="two studies to have a place")
        roles, order = _roles(site), _order(site)
        trial.begin()
        senders = Senders(trial, folder / "sent", site.dicom_port, within_s=_READY_S)
        long = LongAssociation(trial, folder / "sent", site.dicom_port)
        with senders.sending(), long.sending():
            for broken in some_ways(block_style(site.settings), trial.random, files):
                if not trial.left_s:
                    break
                _edit(trial, site, broken)
        site.modality.stop()
        acknowledged = senders.acknowledged | long.acknowledged
        acknowledged |= {each.sop_uid for each in site.modality.ledger.everything()}
        trial.note("acknowledged instances", float(len(acknowledged)))
        nothing_lost(trial, site, acknowledged)
        trial.expect(roles == _roles(site), f"expected the roles {roles} from first to last, found {_roles(site)}")
        _demand_order(trial, order, _order(site))
        _starts_all_the_same(trial, site)
    finally:
        site.end()


def _edit(trial: Trial, site: Site, broken: Broken) -> None:
    before, started = len(verdicts(site)), time.monotonic()
    site.config.write_bytes(broken.content)
    try:
        wait_for(lambda: len(verdicts(site)) > before, within_s=_VERDICT_S, what="a verdict")
    except TimeoutError as error:
        trial.expect(False, f"{broken.kind}, line {broken.line}: {error}")
        return
    verdict, reason = site.store.rows(_REASON)[0]
    said = f"{broken.kind}, line {broken.line}: {verdict}: {reason}"
    trial.expect(verdict == "rejected", f"expected a broken file to be rejected, found {said}")
    trial.expect(f"{site.config}:" in str(reason), f"expected file and line, found {said}")
    trial.highest("longest until a verdict (s)", round(time.monotonic() - started, 1))
    trial.count("files rejected")


def _roles(site: Site) -> dict[str, int]:
    return {"supervisor": site.supervisor_pid(), **{role: site.role_pid(role) for role in _ROLES}}


def _order(site: Site) -> list[tuple[str, str]]:
    return [(str(uid), str(triage_class)) for uid, triage_class in site.store.rows(_ORDER)]


def _demand_order(trial: Trial, before: list[tuple[str, str]], after: list[tuple[str, str]]) -> None:
    still = [each for each in after if each in before]
    trial.note("studies with a place at the end", float(len(after)))
    trial.expect(still == before, f"expected the order {before}, found {still}")


def _starts_all_the_same(trial: Trial, site: Site) -> None:
    """Kill the daemon while its file is broken, and start it: it runs with the version that was there."""
    site.config.write_text("workers: many\n")
    site.kill()
    site.start_process()
    site.wait_ready(within_s=_READY_S)
    trial.expect("configuration rejected" in site.health.in_words(), "expected health to say that the file is broken")


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--files", type=int, default=500, help="how many broken files (default: %(default)s)")


def _alone(trial: Trial, folder: Path, options: argparse.Namespace) -> None:
    bad_edits(trial, folder, options.files)


if __name__ == "__main__":
    sys.exit(run_alone("bad_edits", _alone, minutes=40, more_options=_options))
