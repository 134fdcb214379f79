"""The commands of the quality pages: the same figures at the machine."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text

from tests.cli.site import Site
from tests.web.quality_scenes import shadowed


def brought_up_to_date(site: Site) -> None:
    """Let the clinic's day be yesterday: the store's texts of times are moved as a whole."""
    with site.scene() as scene, scene.database.begin() as connection:
        yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
        for table, columns in {
            "study": ("first_instance_at", "last_instance_at", "ready_at", "read_at"),
            "result": ("at",),
            "outbox": ("created_at", "sent_at"),
            "push": ("at", "sent_at"),
            "second_result": ("at",),
        }.items():
            for column in columns:
                connection.execute(
                    text(f"UPDATE {table} SET {column} = :day || substr({column}, 11) WHERE {column} IS NOT NULL"),
                    {"day": yesterday},
                )


def test_times_are_those_of_the_page(site: Site) -> None:
    brought_up_to_date(site)
    printed = site.run("times", "--since", "7")
    assert printed.code == 0, printed.err
    assert printed.out.startswith("8 studies since ")
    assert "Last slice to results at the destination" in printed.out
    assert "critical" in printed.out
    told = json.loads(site.run("times", "--since", "7", "--json").out)
    assert (told["studies"], told["times"][0]["n"]) == (8, 8)
    assert json.loads(site.run("times", "--since", "1", "--json").out)["days"] == 1


def test_second_engines_are_compared_as_on_the_page(tmp_path: Path, migrated_sqlite: Path) -> None:
    site = Site(tmp_path)
    site.configure()
    shutil.copyfile(migrated_sqlite, tmp_path / "triaged.db")
    assert "No second engine has come to an end" in site.run("shadow").out
    assert site.run("watch").out.startswith("No study came from ")
    with site.scene() as scene:
        shadowed(scene)
    brought_up_to_date(site)
    printed = site.run("shadow", "--since", "7")
    assert printed.code == 0, printed.err
    assert "other 2.0 beside ct-test" in printed.out
    assert "1 of 6 studies (16.7 %) would have another class" in printed.out
    (told,) = json.loads(site.run("shadow", "--since", "7", "--json").out)["shadows"]
    assert told["groups"][0]["n"] == 6


def test_scanners_are_judged_as_on_the_page(site: Site) -> None:
    brought_up_to_date(site)
    printed = site.run("watch", "--since", "7", "--baseline", "14")
    assert printed.code == 0, printed.err
    assert "too few before to say what is usual: 0 studies" in printed.out
    told = json.loads(site.run("watch", "--json").out)
    assert [(each["measure"], each["week"]) for each in told["charts"][:3]] == [
        ("arrived", None),
        ("flagged", None),
        ("failed", None),
    ]
    assert site.run("watch", "--since", "6").code == 2


def test_a_period_that_is_none_is_refused(site: Site) -> None:
    assert site.run("times", "--since", "0").code == 2
