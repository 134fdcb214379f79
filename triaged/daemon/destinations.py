"""What the settings say of destinations, as the steps need it; shared by the courier, the receiver and the check."""

from __future__ import annotations

from triaged.config.network import DestinationSection
from triaged.dimse.syntaxes import NAMES
from triaged.steps.negotiate import Destination, wanted_of


def destination_of(section: DestinationSection) -> Destination:
    """Return a destination with what it is asked for, its transfer syntaxes by their UIDs."""
    syntaxes = tuple(NAMES[name] for name in section.transfer_syntaxes)
    wanted = wanted_of(section.kinds(), syntaxes, commitment=section.storage_commitment)
    return Destination(section.peer(), wanted, syntaxes)
