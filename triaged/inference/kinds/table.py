"""Names the kinds of network that can be loaded, one row each; must not know how a package is read or run."""

from typing import Final

from triaged.inference.kinds.ct_multitask import CT_MULTITASK
from triaged.inference.kinds.kind import Kinds, Networks

KINDS: Final[Kinds[Networks]] = {kind.name: kind for kind in (CT_MULTITASK,)}
