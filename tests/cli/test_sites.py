"""`triaged sites` says what is left of each site, for people and for programs."""

from __future__ import annotations

import json

from tests.cli.site import Site

SITES = [
    {"name": "north", "title": "North Hospital", "senders": ["NORTH_*"], "share": 3},
    {"name": "south", "senders": ["SOUTH_*"], "drained": True},
]


def test_without_sites_it_says_so(site: Site) -> None:
    assert site.run("sites").out == "The configuration names no sites.\n"
    assert json.loads(site.run("sites", "--json").out) == []


def test_it_says_what_is_left_and_when_nothing_is(site: Site) -> None:
    site.configure(sites=SITES)
    with site.scene() as scene:
        studies = scene.worklist.entries()
        scene.at_site("north", *(int(each.study_instance_uid.rpartition(".")[2]) for each in studies))
    rows = {row["site"]: row for row in json.loads(site.run("sites", "--json").out)}
    assert [(name, row["share"], row["drained"]) for name, row in rows.items()] == [
        ("north", 3, False),
        ("south", 1, True),
        ("other", 1, False),
    ]
    assert rows["south"]["nothing_left"] is True
    assert rows["north"]["nothing_left"] is False
    assert rows["north"]["waiting"] + rows["north"]["arriving"] > 0
    assert rows["north"]["undelivered"] > 0
    said = site.run("sites").out
    assert "North Hospital" in said
    assert "drained: nothing left" in said


def test_the_worklist_of_a_site_is_printed(site: Site) -> None:
    site.configure(sites=SITES)
    with site.scene() as scene:
        scene.at_site("north", 3, 4)
        order = [entry.study_instance_uid for entry in scene.worklist.entries()]
    rows = json.loads(site.run("worklist", "--json", "--site", "north").out)
    assert [row["study_instance_uid"] for row in rows] == [
        uid for uid in order if uid in ("1.2.826.0.1.3", "1.2.826.0.1.4")
    ]
    assert [row["site_position"] for row in rows] == [1, 2]
    other = json.loads(site.run("worklist", "--json", "--site", "other").out)
    assert len(other) == len(order) - 2
    ended = site.run("worklist", "--site", "west")
    assert ended.code == 2
    assert "expected site to be one of north, south, other" in ended.err
