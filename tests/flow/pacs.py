"""A PACS on the wire that takes what it is set to take, and answers questions about storage commitment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from pydicom import Dataset
from pynetdicom import AE, evt
from pynetdicom.events import EventHandlerType

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
SC = "1.2.840.10008.5.1.4.1.1.7"
SC_MULTIFRAME = "1.2.840.10008.5.1.4.1.1.7.4"
SEG = "1.2.840.10008.5.1.4.1.1.66.4"
SR = "1.2.840.10008.5.1.4.1.1.88.34"
TEXT = "1.2.840.10008.5.1.4.1.1.88.11"
EVERY_CLASS = dict.fromkeys((SC, SC_MULTIFRAME, SEG, SR, TEXT), (EXPLICIT, IMPLICIT))


@dataclass
class Pacs:
    """What it took, with the transfer syntax, and the transactions it was asked about."""

    port: int = 0
    took: list[tuple[Dataset, str]] = field(default_factory=list)
    transactions: list[Dataset] = field(default_factory=list)

    def classes(self) -> list[str]:
        """Return the SOP class of each object, in order of arrival."""
        return [str(dataset.SOPClassUID) for dataset, _ in self.took]


@contextmanager
def listening(
    accepts: Mapping[str, Sequence[str]], *, status: Callable[[Dataset], int] = lambda _: 0x0000
) -> Iterator[Pacs]:
    """Listen on a port that the system chose."""
    pacs = Pacs()

    def store(event: evt.Event) -> int:
        dataset = event.dataset
        answer = status(dataset)
        if answer == 0x0000:
            pacs.took.append((dataset, str(event.context.transfer_syntax)))
        return answer

    def asked(event: evt.Event) -> tuple[int, Dataset | None]:
        pacs.transactions.append(event.action_information)
        return 0x0000, None

    ae = AE("PACS")
    ae.add_supported_context("1.2.840.10008.1.1")
    ae.add_supported_context("1.2.840.10008.1.20.1")
    for sop_class_uid, syntaxes in accepts.items():
        ae.add_supported_context(sop_class_uid, list(syntaxes))
    handlers: list[EventHandlerType] = [(evt.EVT_C_STORE, store), (evt.EVT_N_ACTION, asked)]
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
    assert server is not None
    assert server.socket is not None
    pacs.port = server.socket.getsockname()[1]
    try:
        yield pacs
    finally:
        server.shutdown()
