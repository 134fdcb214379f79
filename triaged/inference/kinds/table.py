"""Names the kinds of network that can be loaded, one row each; must not know how a package is read or run."""

from typing import Any, Final

from triaged.inference.kinds.ct_cascade import CT_CASCADE
from triaged.inference.kinds.ct_classifier import CT_CLASSIFIER
from triaged.inference.kinds.ct_ensemble import CT_ENSEMBLE
from triaged.inference.kinds.ct_lesions import CT_LESIONS
from triaged.inference.kinds.ct_lungs import CT_LUNGS
from triaged.inference.kinds.ct_mtl import CT_MTL
from triaged.inference.kinds.ct_multitask import CT_MULTITASK
from triaged.inference.kinds.ct_segmenter import CT_SEGMENTER
from triaged.inference.kinds.cxr_two_stage import CXR_TWO_STAGE
from triaged.inference.kinds.kind import Kind, Kinds, Networks

_ALL: Final[tuple[Kind[Any, Networks], ...]] = (
    CT_MULTITASK,
    CT_ENSEMBLE,
    CT_CASCADE,
    CT_SEGMENTER,
    CT_CLASSIFIER,
    CT_MTL,
    CT_LESIONS,
    CT_LUNGS,
    CXR_TWO_STAGE,
)
KINDS: Final[Kinds[Networks]] = {kind.name: kind for kind in _ALL}
