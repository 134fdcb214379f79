"""How much memory a role may take, set by itself: what asks for more gets an error, not the last of the machine.

The numbers are of RLIMIT_DATA (setrlimit(2)): heap, private mappings and the stacks of threads, 8 MiB each, touched or
not. So they are well above what is resident. An error costs one association, one request or one attempt at a study.
"""

from __future__ import annotations

import resource
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from triaged.daemon.roles import Role

LIMITS_MIB: Final[Mapping[Role, int]] = {
    Role.RECEIVER: 2048,
    Role.WORKER: 6144,
    Role.ADVISER: 6144,
    Role.COURIER: 2048,
    Role.CLOCK: 1024,
    Role.WEB: 2048,
}
_GPU = Path("/dev/nvidiactl")


def limit_memory(role: Role, device: str, most_mb: int | None = None) -> int | None:
    """Limit this process and what it starts, and return the limit in MiB; None for one that may use a GPU.

    The driver of a GPU maps far more than is ever used. `most_mb` takes the place of what any process of the role may
    take.
    """
    if role in (Role.WORKER, Role.ADVISER) and device != "cpu" and _GPU.exists():
        return None
    wanted = (most_mb or LIMITS_MIB[role]) * 1024 * 1024
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    lower = [each for each in (soft, hard) if each != resource.RLIM_INFINITY]
    limit = min([wanted, *lower])
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
    return limit // (1024 * 1024)
