"""Senders of a drained site, over real associations: DCMTK's storescu is refused a new study, and ends a begun one."""

from __future__ import annotations

from pathlib import Path

from structlog.testing import capture_logs

from tests.store.making import Studies
from tests.wire.peers import CT_IMAGE, EXPLICIT, RawPeer, a_slice, dcmtk, eventually, place, receiving
from triaged.config.loading import parse
from triaged.dicom.part10 import file_meta
from triaged.spool.files import Spool
from triaged.steps.intake import Intake
from triaged.store.tables.database import Database, open_database

SITES = "sites: [{{name: north, senders: NORTH_*, drained: {}}}, {{name: south, senders: SOUTH_*}}]"


def intake(folder: Path, database: Database, drained: str) -> Intake:
    studies, spool = Studies(database), Spool(folder / "spool", 0)
    ruled = parse(SITES.format(drained), Path("config.yaml")).ruled()
    return Intake(studies, studies, spool, ranking_policy=place, receiver="receiver-1", rules=ruled)


def written(folder: Path, number: int, study_uid: str) -> Path:
    """Write a slice as a file that storescu sends."""
    uid = f"1.2.3.4.{number}"
    meta = file_meta(
        sop_class_uid=CT_IMAGE, sop_instance_uid=uid, transfer_syntax_uid=EXPLICIT, source_ae_title="NORTH_1"
    )
    path = folder / f"{uid}.dcm"
    path.write_bytes(meta + a_slice(number, study_uid=study_uid))
    return path


def test_a_drained_site_ends_what_it_began_and_begins_nothing(tmp_path: Path, sqlite_url: str) -> None:
    database = open_database(sqlite_url)
    begun, rest, new = (written(tmp_path, number, uid) for number, uid in ((1, "1.2.3"), (2, "1.2.3"), (3, "1.2.9")))

    def sent(ours_port: int, sender: str, *files: Path) -> int:
        return dcmtk("storescu", "-aet", sender, "127.0.0.1", ours_port, *files).returncode

    with receiving(tmp_path, sqlite_url, intake=intake(tmp_path, database, "false")) as ours:
        assert sent(ours.port, "NORTH_1", begun) == 0
    with (
        receiving(tmp_path, sqlite_url, intake=intake(tmp_path, database, "true")) as ours,
        capture_logs() as logs,
    ):
        assert dcmtk("echoscu", "-aet", "NORTH_1", "127.0.0.1", ours.port).returncode == 0
        assert sent(ours.port, "NORTH_1", rest) == 0
        assert sent(ours.port, "NORTH_1", new) != 0
        assert set(ours.kept()) == {"1.2.3.4.1", "1.2.3.4.2"}
        assert sent(ours.port, "SOUTH_1", new) == 0
        assert set(ours.kept()) == {"1.2.3.4.1", "1.2.3.4.2", "1.2.3.4.3"}
        eventually(lambda: any(line.get("refused") for line in logs), "the end of the association")
    (line,) = [line for line in logs if line.get("refused")]
    assert (line["event"], line["log_level"], line["refused"]) == ("association ended", "warning", 1)
    assert line["why"] == "the site north is drained: new studies of it are refused"
    database.close()


def test_every_instance_of_a_new_study_is_answered_out_of_resources(tmp_path: Path, sqlite_url: str) -> None:
    database = open_database(sqlite_url)
    drained = intake(tmp_path, database, "true")
    with receiving(tmp_path, sqlite_url, intake=drained) as ours, RawPeer(ours.port, calling="NORTH_1") as peer:
        for number in range(1, 4):
            assert peer.store(a_slice(number), sop_instance_uid=f"1.2.3.4.{number}") == 0xA700
        assert (ours.rows("instance"), ours.rows("quarantine"), ours.parts()) == ([], [], [])
    database.close()
