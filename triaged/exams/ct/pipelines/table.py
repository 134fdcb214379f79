"""Names which pipeline reads a chest CT with which kind of network: one row each.

Must not know how a package is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from triaged.exams.ct.options import CtOptions
from triaged.exams.ct.pipelines.networks import CtPipeline
from triaged.exams.ct.pipelines.pipeline import Pipeline
from triaged.inference.kinds.ct_multitask import CT_MULTITASK

Pipelines: TypeAlias = Mapping[str, Callable[[Any, CtOptions], Pipeline]]

PIPELINES: Final[Pipelines] = {CT_MULTITASK.name: CtPipeline}
