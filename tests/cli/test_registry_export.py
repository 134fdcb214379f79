"""A registry has one row a study, and nothing by which a patient is known: tried with a patient whose all is marked."""

from __future__ import annotations

import csv
import re
import shutil
import stat
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pydicom
import pytest
from sqlalchemy import text

from tests.breaking.marked_patient import MARK, marked_study, marks
from tests.cli.site import Site
from tests.cli.test_quality import brought_up_to_date
from tests.store.making import next_set
from tests.web.scene import OPTIONS, Scene, found
from triaged.steps.intake import Offer
from triaged.steps.registry import COLUMNS
from triaged.store.listing.verdicts import Verdicts
from triaged.store.studies.outcomes import Found, Made
from triaged.store.trail.audits import Audits
from triaged.study.assessment import Assessed, Assessment, Failed, Reason, ReasonCode
from triaged.study.audit import AuditEvent
from triaged.study.ranking import RequestPriority
from triaged.study.uids import StudyUID
from triaged.study.verdict import Verdict
from triaged.triage.ordering import place

NOW = datetime.now(UTC)
DOCUMENT = Path(__file__).parents[2] / "docs" / "registry.md"
_BEFORE_META = 128 + 4 + 12
"""Bytes of preamble, prefix, and of the element that says how long the file meta information is (PS3.10 7.1)."""
DATES = re.compile(r"(19|20)\d{6}|\d{4}-\d{2}-\d{2}|\d{2}:\d{2}")


@pytest.fixture
def site(tmp_path: Path, migrated_sqlite: Path) -> Site:
    """A clinic whose studies came just now, with a verdict."""
    made = Site(tmp_path)
    made.configure()
    made.fill(migrated_sqlite)
    brought_up_to_date(made)
    with made.scene() as scene:
        for person, verdict in (("ann", Verdict.TOO_HIGH), ("ben", Verdict.AGREE)):
            Verdicts(scene.database).say("1.2.826.0.1.3", verdict, person, note="Roe", revision=None, now=NOW)
    return made


def _secret(folder: Path, name: str = "secret", content: str = "0123456789abcdef" * 4) -> Path:
    path = folder / name
    path.write_text(f"{content}\n", encoding="utf-8")
    path.chmod(0o600)
    return path


def _exported(site: Site, *more: str, secret: Path | None = None) -> list[dict[str, str]]:
    out = site.folder / "registry.csv"
    named = str(secret or _secret(site.folder))
    ended = site.run("export", "registry", "--out", str(out), "--secret", named, *more)
    assert ended.code == 0, ended.err
    with out.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_each_study_has_a_row_with_what_was_found_and_how_soon(site: Site) -> None:
    rows = _exported(site)
    assert list(rows[0]) == list(COLUMNS)
    assert len(rows) == 10
    critical = next(row for row in rows if row["class"] == "A")
    assert (critical["severity"], critical["probability"], critical["threshold"]) == ("0.81", "0.97", "0.62")
    assert (critical["engine"], critical["engine_version"], critical["scheme"]) == ("ct-test", "", "combined")
    assert (critical["order_s"], critical["results_s"], critical["verdicts"]) == ("30.0", "", "agree too-high")
    assert (critical["age_band"], critical["sex"], critical["modality"], critical["day"]) == ("65-69", "F", "CT", "0")
    failed = next(row for row in rows if row["outcome"] == "FAILED")
    assert (failed["reason"], failed["class"], failed["severity"]) == ("missing-slices", "U", "")
    waiting = next(row for row in rows if row["outcome"] == "RECEIVING")
    assert (waiting["class"], waiting["order_s"], waiting["images"]) == ("", "", "1")


def test_nothing_by_which_the_clinic_knows_its_patients_is_in_it(site: Site) -> None:
    _exported(site, "--rare", "1")
    written = (site.folder / "registry.csv").read_text(encoding="utf-8")
    secrets = ("Roe", "Ivanova", "García", "山田", "P-3", "A-3", "19560412", "CT thorax", "1.2.826", "115900", "ann")
    assert [secret for secret in secrets if secret in written] == []
    assert not DATES.search(written)
    assert stat.S_IMODE((site.folder / "registry.csv").stat().st_mode) == 0o600
    assert not (site.folder / "registry.csv.part").exists()


def test_one_secret_names_alike_and_another_one_does_not(site: Site) -> None:
    first, again = _exported(site), _exported(site)
    other = _exported(site, secret=_secret(site.folder, "other", "f" * 64))
    assert first == again
    assert {row["study"] for row in first}.isdisjoint(row["study"] for row in other)
    assert {row["patient"] for row in first}.isdisjoint(row["patient"] for row in other)
    assert len({row["study"] for row in first}) == len({row["patient"] for row in first}) == 10
    assert all(re.fullmatch("[0-9a-f]{32}", row[name]) for row in first for name in ("study", "patient"))


def test_studies_of_one_patient_have_one_name_and_days_between_them(site: Site) -> None:
    with site.scene() as scene, scene.database.begin() as connection:
        same = "patient_key = (SELECT patient_key FROM study WHERE id = 1), study_date = '20260315'"
        connection.execute(text(f"UPDATE study SET {same} WHERE id = 3"))
        connection.execute(text("UPDATE study SET study_date = 'unknown' WHERE id = 4"))
    first, _, third, fourth, *_ = _exported(site)
    assert (first["patient"], first["day"], third["day"], fourth["day"]) == (third["patient"], "0", "14", "")
    with site.scene() as scene, scene.database.begin() as connection:
        connection.execute(text("UPDATE study SET patient_birth_date = '19560413' WHERE id = 3"))
    first, _, third, *_ = _exported(site)
    assert first["patient"] != third["patient"], "another birth date is another patient"


def test_what_few_patients_have_is_called_rare(site: Site) -> None:
    with site.scene() as scene, scene.database.begin() as connection:
        connection.execute(text("UPDATE result SET device = '=Common'"))
        connection.execute(text("UPDATE result SET device = 'Miller^Anna' WHERE study_id < 4"))
    devices = [row["device"] for row in _exported(site)]
    assert (devices.count("rare"), devices.count("'=Common")) == (3, 5)
    assert {"Miller^Anna", "'=Common"} <= {row["device"] for row in _exported(site, "--rare", "3")}


def test_only_studies_of_the_period_are_in_it(site: Site) -> None:
    with site.scene() as scene, scene.database.begin() as connection:
        long_ago = (NOW - timedelta(days=400)).isoformat(timespec="microseconds")
        connection.execute(text("UPDATE study SET first_instance_at = :at WHERE id < 4"), {"at": long_ago})
    assert (len(_exported(site)), len(_exported(site, "--since", "500d"))) == (7, 10)


def test_who_exported_it_and_why_stands_in_the_audit_trail(site: Site) -> None:
    _exported(site, "--reason", "thoracic registry, ethics 7/26")
    with site.scene() as scene:
        rows = Audits(scene.database).since(NOW - timedelta(hours=1))
    (row,) = [row for row in rows if row.event is AuditEvent.LIST_EXPORTED]
    assert (row.target, row.reason, row.source) == ("registry", "thoracic registry, ethics 7/26", "command")
    assert row.detail.startswith("10 studies since ")
    assert row.person


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [("short", 0o600, "expected at least 32 bytes"), ("x" * 64, 0o644, "not everybody can read")],
)
def test_a_secret_that_is_none_is_refused_and_nothing_is_written(
    site: Site, content: str, mode: int, words: str
) -> None:
    path = _secret(site.folder, content=content)
    path.chmod(mode)
    for named in (path, site.folder / "missing"):
        ended = site.run("export", "registry", "--out", str(site.folder / "out.csv"), "--secret", str(named))
        assert (ended.code, ended.out) == (2, "")
        assert (words if named is path else "No such file") in ended.err
    assert not (site.folder / "out.csv").exists()
    with site.scene() as scene:
        assert Audits(scene.database).since(NOW - timedelta(hours=1)) == []


def test_a_place_that_cannot_be_written_is_an_error_of_one_line(site: Site) -> None:
    out = site.folder / "nowhere" / "out.csv"
    ended = site.run("export", "registry", "--out", str(out), "--secret", str(_secret(site.folder)))
    assert (ended.code, ended.err.count("\n")) == (1, 1)


def _kept(scene: Scene, paths: Sequence[Path]) -> str:
    """Take in files as the receiver does; return the study that the last one names."""
    sender = scene.intake.open_association(peer="10.0.0.7", calling_ae_title=f"{MARK}AE", now=NOW)
    for path in paths:
        meta, content = pydicom.filereader.read_file_meta_info(path), path.read_bytes()
        data_set = content[_BEFORE_META + meta.FileMetaInformationGroupLength :]
        offer = Offer(meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID, meta.TransferSyntaxUID)
        scene.intake.keep(offer, [data_set], sender, clock=lambda: NOW)
    scene.intake.close_association(sender, now=NOW)
    return str(pydicom.dcmread(paths[-1], specific_tags=["StudyInstanceUID"]).StudyInstanceUID)


def _ended(scene: Scene, uid: str, assessment: Assessment) -> None:
    """Let a study be read."""
    where = place(StudyUID.parse(uid), NOW, assessment, RequestPriority.ROUTINE, OPTIONS)
    scene.studies.complete_now(uid, ranking=where, cause="whole", now=NOW)
    claim = scene.studies.claim_next("worker-1", lease_s=60, now=NOW)
    assert claim is not None
    chosen = claim.series[0].series_uid if isinstance(assessment, Assessed) else None
    objects = next_set(scene.studies, claim, "a")
    read = Found(assessment, where, chosen, (), "ct-test 1.0", "combined", objects)
    scene.studies.commit(claim, read, Made((), {}), now=NOW)


def test_nothing_of_a_marked_patient_is_in_it(tmp_path: Path, migrated_sqlite: Path) -> None:
    site = Site(tmp_path)
    site.configure()
    shutil.copyfile(migrated_sqlite, tmp_path / "triaged.db")
    (tmp_path / "files").mkdir()
    broken = Failed(Reason(ReasonCode.CORRUPT, f"expected pixels, found {MARK}Pixels"))
    with site.scene() as scene:
        for what, paths in marked_study(tmp_path / "files"):
            uid = _kept(scene, paths)
            if what not in ("conflict", "quarantine"):
                is_read = what.startswith("readable") or what == "values that are none"
                _ended(scene, uid, Assessed(found(0.3, 0.2, 0.9)) if is_read else broken)
        with scene.database.read() as connection:
            kept = [str(row) for table in ("study", "instance", "result", "quarantine")
                    for row in connection.execute(text(f"SELECT * FROM {table}"))]  # fmt: skip
    assert sum(MARK in row for row in kept) > 20, "expected the marks in the store"
    rows = _exported(site)
    written = (tmp_path / "registry.csv").read_bytes()
    assert [name for name, mark in marks() if mark in written] == []
    assert {row["outcome"] for row in rows} == {"TRIAGED", "FAILED"}
    assert len(rows) == 6
    assert {row["kernel"] for row in rows} == {"rare", ""}
    assert MARK in str(_exported(site, "--rare", "1")), "a sender wrote it into a kernel, and that was asked for"


def test_the_document_describes_every_column() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == list(COLUMNS.items())
