"""Takes the prior of a training off what a network learnt, and puts another in its place.

Must not know networks. A head that saw a share p of positives gives log-odds that are too high by ln(p / (1 - p)) for a
place where both are as frequent; at the paper's 75 % that is ln 3 (evaluation specification, 5.3). A model package
states its `training_prior`, and the daemon takes it off once, when it reads the head; nothing here touches weights.
"""

import math

import numpy as np
from numpy.typing import NDArray


def log_odds(share: float) -> float:
    """Return ln(p / (1 - p)).

    Raises:
        ValueError: the share is not strictly between 0 and 1.
    """
    if not 0 < share < 1:
        raise ValueError(f"expected a share between 0 and 1, found {share}")
    return math.log(share / (1 - share))


def at_prior(logits: NDArray[np.float64], trained: float, wanted: float = 0.5) -> NDArray[np.float64]:
    """Return log-odds at the share `wanted` of positives, from a head that was trained at the share `trained`.

    The order of cases stays, and with it every figure that ranks.
    """
    shifted: NDArray[np.float64] = np.asarray(logits, dtype=np.float64) - log_odds(trained) + log_odds(wanted)
    return shifted
