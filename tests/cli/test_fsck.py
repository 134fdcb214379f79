"""`triaged fsck` on a site."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from tests.cli.site import Site
from tests.steps.test_intake import a_slice
from triaged.dicom.part10 import file_meta
from triaged.spool.root import MARKER

EXPLICIT, CT_IMAGE = "1.2.840.10008.1.2.1", "1.2.840.10008.5.1.4.1.1.2"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    site.configure()
    return site


def left_by_a_crash(site: Site, age_s: float = 7200) -> Path:
    path = site.folder / "spool/1.2.3/1.2.3.4/1.2.3.4.5.dcm"
    path.parent.mkdir(parents=True)
    meta = file_meta(
        sop_class_uid=CT_IMAGE, sop_instance_uid="1.2.3.4.5", transfer_syntax_uid=EXPLICIT, source_ae_title="CT1"
    )
    path.write_bytes(meta + a_slice())
    os.utime(path, (time.time() - age_s,) * 2)
    return path


def test_a_new_site_agrees(site: Site) -> None:
    ended = site.run("fsck")
    assert (ended.code, ended.out) == (0, "Spool and database agree.\n")


def test_a_file_without_a_row_is_reported_adopted_and_agrees_then(site: Site) -> None:
    left_by_a_crash(site)
    reported = site.run("fsck")
    assert reported.code == 1
    assert "instance without a row" in reported.out
    assert "1 file, 1 of them not repaired." in reported.out
    adopted = site.run("fsck", "--repair", "adopt", "--json")
    assert adopted.code == 0
    assert json.loads(adopted.out)["files"][0]["repaired"] == "admitted: new"
    assert json.loads(site.run("fsck", "--digests", "--json").out) == {"agree": True, "files": []}


def test_a_young_file_may_still_be_on_its_way(site: Site) -> None:
    left_by_a_crash(site, age_s=5)
    assert site.run("fsck").code == 0
    assert site.run("fsck", "--older-than-s", "0").code == 1


def test_a_spool_that_is_away_is_not_compared(site: Site) -> None:
    site.run("fsck")
    (site.folder / "spool").rename(site.folder / "away")
    ended = site.run("fsck", "--repair", "adopt", "--repair", "remove")
    assert ended.code == 1
    assert "expected the spool" in ended.err
    assert not (site.folder / "spool").exists()


def test_a_person_may_say_that_another_folder_is_the_spool_now(site: Site) -> None:
    left_by_a_crash(site)
    site.run("fsck", "--repair", "adopt")
    (site.folder / "spool").rename(site.folder / "lost")
    ended = site.run("fsck", "--accept-root")
    assert ended.code == 1
    assert "file is missing or too short" in ended.out
    assert (site.folder / "spool" / MARKER).is_file()
