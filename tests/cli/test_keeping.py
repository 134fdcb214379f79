"""`triaged backup`, `verify` and `restore` on a site, and on another machine's."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.site import Site
from tests.steps.ward import Ward


@pytest.fixture
def site(tmp_path: Path, migrated_sqlite: Path) -> Site:
    site = Site(tmp_path / "here")
    site.folder.mkdir()
    site.configure()
    shutil.copyfile(migrated_sqlite, site.folder / "triaged.db")
    with site.scene() as scene:
        ward = Ward(scene.database, scene.spool)
        ward.finished(1)
        ward.receive(2)
        ward.score(2)
    return site


def test_a_site_moves_to_another_machine(site: Site, tmp_path: Path) -> None:
    folder = str(tmp_path / "back-up")
    made = site.run("backup", folder, "--copy")
    assert made.code == 0, made.err
    assert made.out.startswith("13 files, ")
    verified = site.run("verify", folder)
    assert (verified.code, verified.out) == (0, "13 files, 0 of them damaged or gone.\n")
    there = Site(tmp_path / "there")
    there.folder.mkdir()
    refused = there.run("restore", folder)
    assert refused.code == 2
    assert "expected the configuration of the new place" in refused.err
    there.configure()
    restored = there.run("restore", folder)
    assert restored.code == 0, restored.err
    assert "Nothing is sent before `triaged restore --resume`" in restored.out
    assert there.run("fsck", "--digests").code == 0
    lists = [json.loads(each.run("worklist", "--json").out) for each in (site, there)]
    assert lists[0] == lists[1] != []
    assert there.run("outbox", "resume").out == "What waits is sent again.\n"
    assert there.run("restore", "--resume").out == "Nothing was on hold.\n"


def test_damage_ends_with_1_and_names_the_file(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "back-up"
    site.run("backup", str(folder), "--copy")
    image = next(folder.glob("spool/*/*.1/*.dcm"))
    image.write_bytes(b"rot")
    ended = site.run("verify", str(folder))
    assert ended.code == 1
    assert f"damaged or gone: {image.relative_to(folder)}" in ended.out


def test_a_folder_in_use_is_refused_in_one_line(site: Site, tmp_path: Path) -> None:
    ended = site.run("backup", str(site.folder))
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("triaged: expected an empty folder, found ")


def test_without_a_folder_the_spool_is_read(site: Site) -> None:
    ended = site.run("verify")
    assert (ended.code, ended.out) == (0, "Spool and database agree.\n")
