"""A whole daemon on PostgreSQL, whose workers are woken by tickets, and whose tickets somebody deletes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg

from tests.programs import Daemon, until
from triaged.lab.phantom.study import phantom_study

MakeDaemon = Callable[..., Daemon]


def _one(url: str, query: str) -> int:
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute(query.encode()).fetchone()
    assert found is not None
    return int(found[0])


def test_a_daemon_on_postgresql_scores_by_tickets_and_without_them(
    make_daemon: MakeDaemon, postgresql_url: str, tmp_path: Path
) -> None:
    for seed in (1, 2, 3):
        phantom_study(seed, "moderate", tmp_path / str(seed))
    daemon = make_daemon(database={"url": postgresql_url}, models={"ct": "threshold"}, workers=2)
    daemon.start()
    daemon.send(tmp_path / "1", tmp_path / "2")
    daemon.settled(studies=2, within_s=120)
    written = "SELECT last_value FROM procrastinate_jobs_id_seq"
    assert _one(postgresql_url, written) >= 2
    left = "SELECT count(*) FROM procrastinate_jobs"
    until(lambda: _one(postgresql_url, left) == 0, within_s=30, what="every ticket is used up")
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN DELETE FROM procrastinate_jobs WHERE id = NEW.id; RETURN NULL; END'"
        )
        connection.execute(  # after those of the engine, which fire in the order of their names
            "CREATE TRIGGER z_lose AFTER INSERT ON procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION lose()"
        )
    daemon.send(tmp_path / "3")
    assert {entry["state"] for entry in daemon.settled(studies=3, within_s=120)} == {"TRIAGED"}
    assert daemon.stop() == 0
