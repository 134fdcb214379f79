"""The policy of the list changes while everybody works: nobody waits for ever, and the list ends under one policy."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

from tests.flow.test_one_order import POLICY, Drawn, by_the_rules, store
from tests.store.making import NOON, study_uid
from tests.triage.cases import scored
from triaged.errors import ActionRefused
from triaged.steps.ranking_policy import ranking_policy
from triaged.store.listing.actions import Actions
from triaged.store.listing.policies import Policies
from triaged.store.listing.rankings import Rankings
from triaged.store.listing.worklist import Worklist
from triaged.store.tables.database import open_database
from triaged.study.ranking import Override, RequestPriority
from triaged.study.read_state import ActionKind
from triaged.triage.scheme import Discipline, described

NOW = NOON + timedelta(hours=1)
LATE = "the oldest study without a result has waited 16 minutes (at most 15)"
STUDIES = [
    Drawn(number, minutes, RequestPriority.ROUTINE, scored(severity, 0.9), Override.NONE)
    for number, minutes, severity in [(1, 0, 0.1), (2, 5, 0.3), (3, 10, 0.6), (4, 15, 0.9), (5, 20, 0.1), (6, 25, 0.9)]
]


def together(database_url: str, *works: Callable[[str], None]) -> None:
    """Run all at once, each with connections of its own; whatever one of them raises is raised here."""
    with ThreadPoolExecutor(len(works)) as pool:
        for done in [pool.submit(work, database_url) for work in works]:
            done.result(timeout=60)


def test_of_several_clocks_that_start_at_once_one_adopts_the_settings(database_url: str) -> None:
    def adopt(url: str) -> None:
        with closing(open_database(url)) as database:
            Policies(database).adopt("A", ranking_policy(POLICY), cause="settings changed", now=NOW)

    together(database_url, *[adopt] * 4)
    with closing(open_database(database_url)) as database:
        assert len(Policies(database).changes()) == 1


def test_a_guard_that_changes_its_mind_while_readers_act_leaves_one_order(database_url: str) -> None:
    with closing(open_database(database_url)) as database:
        store(database, STUDIES)

    def guard(url: str) -> None:
        with closing(open_database(url)) as database:
            policies = Policies(database)
            for reasons in ([LATE], [], [LATE], [], [LATE]):
                policies.trust(described(POLICY), reasons, ranking_policy(POLICY), cause="guard", now=NOW)

    def reader(name: str) -> Callable[[str], None]:
        def act(url: str) -> None:
            with closing(open_database(url)) as database:
                actions = Actions(database)
                for number in (1, 2, 3, 4, 5, 6):
                    for kind in (ActionKind.RAISED, ActionKind.RESTORED):
                        try:
                            actions.act(
                                study_uid(number).value, kind, name, ranking_policy=ranking_policy(POLICY), now=NOW
                            )
                        except ActionRefused:
                            continue  # the other reader was faster

        return act

    together(database_url, guard, reader("ann"), reader("ben"))
    with closing(open_database(database_url)) as database:
        for number in (1, 2, 3, 4, 5, 6):
            try:
                Actions(database).act(
                    study_uid(number).value, ActionKind.RESTORED, "eve", ranking_policy=ranking_policy(POLICY), now=NOW
                )
            except ActionRefused:
                continue  # it is restored already
        Rankings(database).rerank_all(ranking_policy(POLICY), cause="settled", now=NOW)
        by_arrival = by_the_rules(STUDIES, replace(POLICY, discipline=Discipline.FIFO), NOW)
        assert Worklist(database).order() == by_arrival
