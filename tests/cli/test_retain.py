"""`triaged retain` on a site."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from tests.cli.site import Site
from tests.steps.ward import SLICES, Ward, uid


@pytest.fixture
def site(tmp_path: Path, migrated_sqlite: Path) -> Site:
    """A site with one study that was done two days before the tests' present, and one that was not sent."""
    site = Site(tmp_path)
    site.configure(retention={"images_days": 1})
    shutil.copyfile(migrated_sqlite, tmp_path / "triaged.db")
    with site.scene() as scene:
        ward = Ward(scene.database, scene.spool)
        ward.finished(1)
        ward.now += timedelta(minutes=1)
        ward.receive(2)
        ward.score(2)
        ward.read(2)
    return site


def test_without_a_rule_it_says_so(site: Site) -> None:
    site.configure()
    assert site.run("retain", "--dry-run").out.startswith("Nothing is deleted: no rule of retention applies")


def test_a_dry_run_says_what_would_go_and_deletes_nothing(site: Site) -> None:
    ended = site.run("retain", "--dry-run")
    assert ended.code == 0
    assert "older than 1 day, retention.images_days" in ended.out
    assert "1: a destination does not have all of its results" in ended.out
    assert "Nothing was deleted." in ended.out
    said = json.loads(site.run("retain", "--dry-run", "--json").out)
    (rule,) = said["rules"]
    assert (said["deleted"], rule["of"], rule["files"]) == (0, [uid(1)], SLICES)
    assert rule["size_bytes"] == sum(
        path.stat().st_size for path in site.folder.glob(f"spool/{uid(1)}/{uid(1)}.1/*.dcm")
    ) - (SLICES * meta_bytes(site))


def test_without_dry_run_it_deletes(site: Site) -> None:
    assert "Deleted: files of 1." in site.run("retain").out
    assert not list(site.folder.glob(f"spool/{uid(1)}/{uid(1)}.1/*.dcm"))
    assert len(list(site.folder.glob(f"spool/{uid(2)}/*.1/*.dcm"))) == SLICES
    assert site.run("fsck").code == 0


def meta_bytes(site: Site) -> int:
    """Return the length of preamble and file meta information, which rows do not count."""
    one = next(site.folder.glob(f"spool/{uid(1)}/{uid(1)}.1/*.dcm")).read_bytes()
    return 144 + int.from_bytes(one[140:144], "little")
