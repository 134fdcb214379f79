"""The command line in a process of its own: what leaves it, and how it ends."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path

import pytest

from tests.cli.site import Site, run_apart
from tests.flow.pacs import EVERY_CLASS, IMPLICIT, SC, SC_MULTIFRAME, SEG, TEXT, listening
from tests.ports import free_port


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site on which nothing has run yet."""
    made = Site(tmp_path)
    made.configure()
    return made


def test_help_needs_no_configuration(tmp_path: Path) -> None:
    ended = run_apart("--help", TRIAGED_CONFIG=str(tmp_path / "absent.yaml"))
    assert (ended.code, ended.err) == (0, "")
    assert "worklist" in ended.out


def test_a_mistake_in_the_configuration_is_said_in_one_line_and_ends_with_2(site: Site) -> None:
    site.config.write_text("dicom:\n  prot: 104\n", encoding="utf-8")
    ended = run_apart("worklist", "--config", str(site.config))
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"{site.config}:2: dicom.prot: unknown key; did you mean port?")
    assert len(ended.err.splitlines()) == 1


def test_nothing_but_json_leaves_a_command_that_is_asked_for_json(site: Site, migrated_sqlite: Path) -> None:
    site.fill(migrated_sqlite)
    ended = run_apart("worklist", "--json", TRIAGED_CONFIG=str(site.config))
    assert (ended.code, ended.err) == (0, "")
    assert len(json.loads(ended.out)) == 10


def test_a_check_names_everything_that_is_wrong_and_ends_with_1(site: Site) -> None:
    nobody = free_port()
    site.configure(
        models={"ct": "no-such-model"},
        storage={"path": "spool", "reserve_mb": 10**9},
        destinations=[{"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": nobody}],
    )
    ended = run_apart("check", "--config", str(site.config))
    assert ended.code == 1
    failed = [line for line in ended.out.splitlines() if "FAILED" in line]
    assert [re.split(r" *│ *", line)[2] for line in failed] == [
        "storage",
        "models.ct no-such-model",
        "destination pacs",
    ]
    assert f"no connection to 127.0.0.1 port {nobody}" in ended.out


def _rows(out: str) -> dict[str, tuple[str, str]]:
    """Return the rows of a check: whether it passed and what was found, by what was tried."""
    cells = [re.split(r" *│ *", line) for line in out.splitlines() if line.startswith("│")]
    return {each[2]: (each[1], each[3]) for each in cells}


def _pacs(port: int, **more: object) -> dict[str, object]:
    return {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": port} | more


def test_a_check_says_of_each_object_whether_the_destination_takes_it_and_how(site: Site) -> None:
    without = {uid: ones for uid, ones in EVERY_CLASS.items() if uid not in (SEG, SC_MULTIFRAME)}
    with listening(without | {TEXT: (IMPLICIT,)}) as pacs:
        site.configure(
            destinations=[_pacs(pacs.port, objects=["sc", "sr", "seg", "text"], storage_commitment=True)],
        )
        ended = site.run("check")
    rows = _rows(ended.out)
    assert ended.code == 1
    assert rows["destination pacs: sc"] == (
        "ok",
        "Secondary Capture Image Storage in Explicit VR Little Endian; "
        "Multi-frame True Color Secondary Capture Image Storage is refused",
    )
    assert rows["destination pacs: sr"] == ("ok", "Comprehensive 3D SR Storage in Explicit VR Little Endian")
    assert rows["destination pacs: text"] == ("ok", "Basic Text SR Storage in Implicit VR Little Endian")
    assert rows["destination pacs: seg"][0] == "FAILED"
    assert rows["destination pacs: seg"][1].startswith("Segmentation Storage is refused")
    assert rows["destination pacs: storage commitment"][0] == "ok"


def test_a_check_finds_a_destination_that_could_not_call_with_its_answer(site: Site) -> None:
    with listening(EVERY_CLASS) as pacs:
        site.configure(
            dicom={"host": "127.0.0.1", "port": free_port(), "allowed_calling_ae_titles": ["CT1"]},
            destinations=[_pacs(pacs.port, storage_commitment=True)],
        )
        passed, found = _rows(site.run("check").out)["destination pacs: storage commitment"]
    assert passed == "FAILED"
    assert "expected PACS among dicom.allowed_calling_ae_titles" in found


def test_a_check_remembers_what_the_destination_said_where_there_is_a_store(site: Site, migrated_sqlite: Path) -> None:
    with listening({SC: (IMPLICIT,)}) as pacs:
        site.configure(destinations=[_pacs(pacs.port, objects=["sc"])])
        site.fill(migrated_sqlite)
        assert site.run("check").code == 0
        told = json.loads(site.run("status", "--json").out)["destinations"]["pacs"]
    assert told["accepted"]["Secondary Capture Image Storage"] == ["Implicit VR Little Endian"]
    assert "Multi-frame True Color Secondary Capture Image Storage" in told["refused"]


@pytest.mark.parametrize("section", ["dicom", "web"])
def test_a_taken_port_stops_the_start_with_its_key_and_number(site: Site, section: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        site.configure(**{section: {"host": "127.0.0.1", "port": port}})
        for command in ("serve", "demo"):
            ended = run_apart(command, "--config", str(site.config))
            assert ended.code == 2
            assert f"{section}.port: expected a free address of this machine, found 127.0.0.1:{port}" in ended.err
            assert len(ended.err.splitlines()) == 1
