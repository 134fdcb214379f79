"""The list that SQL gives is the list that the rules give, in every discipline, whatever is known of the studies."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from tests.store.making import NOON, Studies, image, instance, next_set, study_uid
from tests.triage.cases import finding
from triaged.steps.policy_keeping import PolicyKeeping
from triaged.steps.ranking_policy import ranking_policy
from triaged.store.listing.actions import Actions
from triaged.store.listing.policies import Policies
from triaged.store.listing.rankings import Rankings
from triaged.store.listing.worklist import Worklist
from triaged.store.studies.outcomes import Found, Made
from triaged.store.tables.database import Database
from triaged.study.assessment import Assessed, Assessment, Failed, Reason, ReasonCode
from triaged.study.ranking import Override, RequestPriority
from triaged.study.read_state import ActionKind
from triaged.study.records import Patient, ReceivedHeader
from triaged.triage.disciplines import TICK
from triaged.triage.ordering import place
from triaged.triage.scheme import Discipline, Scheme, TriageOptions

POLICY = TriageOptions(scheme=Scheme.COMBINED)
STUDIES = 24
ACTIONS = {Override.PIN: ActionKind.PINNED, Override.RAISE: ActionKind.RAISED, Override.LOWER: ActionKind.LOWERED}


@dataclass(frozen=True)
class Drawn:
    """What a study is, as drawn; the truth that the list is compared with."""

    number: int
    minutes: int
    priority: RequestPriority
    assessment: Assessment
    override: Override


def drawn(seed: int) -> list[Drawn]:
    """Return studies whose arrivals lie close together and far apart, some of them at one moment."""
    chance = random.Random(seed)
    return [
        Drawn(
            number,
            chance.choice((0, 1, 30, 60, 119, 200, 300)),
            chance.choice(list(RequestPriority)),
            chance.choice(
                (
                    Assessed(finding(chance.choice((0.0, 0.1, 0.3, 0.6, 0.9)), chance.choice((0.1, 0.9, None)))),
                    Failed(Reason(ReasonCode.NO_LUNGS, "expected lungs")),
                )
            ),
            chance.choice(list(Override)),
        )
        for number in range(1, STUDIES + 1)
    ]


def store(database: Database, studies: list[Drawn]) -> None:
    """Let every study arrive, be scored, and be decided about by a reader."""
    kept, policy = Studies(database), ranking_policy(POLICY)
    for each in studies:
        uid, now = study_uid(each.number), NOON + timedelta(minutes=each.minutes)
        what = instance(each.number, 1)
        patient = Patient("Roe^Jane", f"P-{each.number}", "19700101", "F", "A", "20260301", "1159", "")
        header = ReceivedHeader(uid, what.series_uid, what.sop_instance_uid, each.priority, patient, image(), False)
        kept.admit(what, header, None, ranking=policy, now=now)
        kept.complete(uid, 1, ranking=policy, cause="whole", now=now)
        claim = kept.claim_next("worker", lease_s=60, now=now)
        assert claim is not None
        found = Found(
            each.assessment,
            ranking=policy,
            not_chosen=(),
            chosen=None,
            model="ct-test 1",
            scheme="combined",
            object_set=next_set(kept, claim, "A"),
        )
        kept.commit(claim, found, Made((), {}), now=now)
        if each.override is not Override.NONE:
            Actions(database).act(uid.value, ACTIONS[each.override], "ann", ranking_policy=policy, now=now)


def by_the_rules(studies: list[Drawn], options: TriageOptions, now: datetime) -> list[str]:
    """Return the list as the rules alone give it, from what was drawn."""
    keys = {}
    for each in studies:
        uid, ready_at = study_uid(each.number), NOON + timedelta(minutes=each.minutes)
        ranking = place(uid, ready_at, each.assessment, each.priority, options, override=each.override, now=now)
        keys[uid.value] = ranking.sort_key
    return sorted(keys, key=keys.__getitem__)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_list_is_that_of_the_rules_after_every_change_of_the_discipline(database: Database, seed: int) -> None:
    studies = drawn(seed)
    store(database, studies)
    now = NOON + timedelta(minutes=301)
    for discipline in random.Random(seed).sample([*Discipline, *Discipline], k=2 * len(Discipline)):
        options = replace(POLICY, discipline=discipline)
        keeping = PolicyKeeping(Policies(database), Rankings(database), triage=options, guard=None, references={})
        keeping.look(now=now)
        assert Worklist(database).order() == by_the_rules(studies, options, now), discipline


@pytest.mark.parametrize("discipline", [Discipline.STRICT_CAP, Discipline.ACCUMULATING])
def test_the_list_stays_that_of_the_rules_while_nothing_but_time_passes(
    database: Database, discipline: Discipline
) -> None:
    studies = drawn(4)
    store(database, studies)
    options = replace(POLICY, discipline=discipline)
    keeping = PolicyKeeping(Policies(database), Rankings(database), triage=options, guard=None, references={})
    start = NOON + timedelta(minutes=301)
    keeping.look(now=start)
    found = []
    for minutes in range(0, 300, 20):
        now = start + minutes * TICK
        keeping.tick(now=now)
        found.append(Worklist(database).order())
        assert found[-1] == by_the_rules(studies, options, now), now
    assert any(before != after for before, after in pairwise(found)), "else nothing was shown"
