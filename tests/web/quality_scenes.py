"""Clinics as the pages for quality show them: read by a second engine too, or watched for months."""

from __future__ import annotations

from sqlalchemy import update

from tests.steps.test_control_charts import CT1, House
from tests.store.making import at
from tests.web.scene import Scene, found
from triaged.store.studies.seconds import Seconds
from triaged.store.tables import schema
from triaged.study.agreement import Agreement
from triaged.study.assessment import Assessed, Reason, ReasonCode
from triaged.study.second import SecondFailed, SecondRead

SHARES = ((0.02, 0.04), (0.10, 0.12), (0.20, 0.30), (0.40, 0.38), (0.60, 0.70), (0.80, 0.79))
"""What the first engine finds in the worse lung of each study, and the second."""


def shadowed(scene: Scene, device: str = "Maker, Model 1, CT1") -> Scene:
    """Let six studies be scored and read by a second engine, and a seventh that it cannot read; return 40 min later."""
    ledger = Seconds(scene.database)
    for number, (first, second) in enumerate([*SHARES, (0.3, None)], 1):
        scene.arrive(number, minutes=number, name="Ivanova^Maria")
        scene.complete(number, minutes=number)
        scene.end(number, Assessed(found(first, 0.0, 0.5)), minutes=number, seconds=("other",))
        claim = ledger.claim_next("adviser", ("other",), lease_s=60, now=at(number + 0.7))
        assert claim is not None
        outcome: SecondRead | SecondFailed = SecondFailed("other 2.0", Reason(ReasonCode.GAVE_UP, "gave up"))
        if second is not None:
            outcome = SecondRead("other 2.0", found(second, 0.0, 0.5), Agreement(0.0, "right lung", 0.8))
        ledger.commit(claim, outcome, destinations={}, now=at(number + 0.8))
    with scene.database.begin() as connection:
        connection.execute(update(schema.result).values(device=device))
    scene.now = at(40)
    return scene


def watched(scene: Scene, scanner: str = CT1) -> Scene:
    """Let a scanner send ten studies a day, and yesterday eight of them be flagged instead of two."""
    house = House(scene.database)
    for days_ago in range(97, 0, -1):
        flagged = 8 if days_ago == 1 else 2
        house.came(days_ago, scanner, ends={"D": flagged, "N": 10 - flagged})
    return scene
