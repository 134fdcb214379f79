"""Says why a study is given up whose analysis ended by itself several times; what is said is shown on the list."""

from __future__ import annotations

from collections.abc import Sequence

from triaged.study.assessment import Reason, ReasonCode
from triaged.study.records import Claim, Strike


def given_up(claim: Claim) -> Reason:
    """Return the reason of a study that no attempt could read, with the cause of each."""
    detail = f"gave up after {len(claim.strikes)} attempts: {_causes(claim.strikes)}"
    if not claim.ran_out_of_memory:
        return Reason(ReasonCode.GAVE_UP, detail)
    found = too_large(sum(len(each.instances) for each in claim.series))
    return Reason(found.code, f"{found.detail}; {detail}")  # a library may end the process and tell no cause


def too_large(images: int) -> Reason:
    """Return the reason of a study that needs more memory than a worker has."""
    detail = f"expected a study that fits into a worker's memory, found {images} images that do not"
    return Reason(ReasonCode.TOO_LARGE, detail)


def _causes(strikes: Sequence[Strike]) -> str:
    """Say why each attempt ended, those with one cause together."""
    numbers: dict[str, list[str]] = {}
    for strike in strikes:
        numbers.setdefault(strike.cause, []).append(str(strike.attempt))
    said = (f"attempt{'s' if len(of) > 1 else ''} {', '.join(of)}: {cause}" for cause, of in numbers.items())
    return "; ".join(said)
