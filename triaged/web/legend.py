"""What the worklist says of its order: what each class and each discipline means, and what a flag is worth.

Words only; knows no store and no template.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from triaged.study.ranking import TriageClass
from triaged.triage.scheme import Discipline

CLASS_WORDS: Final[Mapping[TriageClass, str]] = {
    TriageClass.EMERGENCY: "emergency order (STAT): a lane of its own, before everything else",
    TriageClass.CRITICAL: "critical: most of one lung",
    TriageClass.SEVERE: "severe: half of one lung or more",
    TriageClass.SUSPECTED_MODERATE: "moderate, or lungs that could not be told from what surrounds them",
    TriageClass.SUSPECTED_MILD: "mild",
    TriageClass.UNSCORED: "no score: still waiting, out of scope, or could not be read",
    TriageClass.OPACITY_NOT_FLAGGED: "a moderate share without suspicion of COVID-19",
    TriageClass.NOT_FLAGGED: "not flagged",
}
ORDER_WORDS: Final[Mapping[Discipline, str]] = {
    Discipline.HEAD_START: "A study stands where its arrival, less the head start of its class, puts it: a more urgent "
    "class overtakes, and nobody is overtaken for ever.",
    Discipline.FIFO: "Studies stand as they arrived, after emergencies and pinned ones; no class moves them.",
    Discipline.STRICT: "The more urgent class stands first, and within a class who arrived first; the last class waits "
    "for all others.",
    Discipline.STRICT_CAP: "The more urgent class stands first, and within a class who arrived first; who has waited "
    "for as long as the site allows is next after the emergencies.",
    Discipline.ACCUMULATING: "The wait decides, and counts more in a more urgent class; the list moves as time passes.",
}


@dataclass(frozen=True, slots=True)
class Legend:
    """What the page says about the order; `threshold` None means the model's own.

    `worth` is what a flag is worth at the site, empty where the site does not say how common the disease is.
    """

    address: str
    scheme: str
    threshold: float | None
    discipline: Discipline = Discipline.HEAD_START
    worth: str = ""
