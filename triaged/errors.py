"""Errors of the project, grouped by what the caller should do about them.

Declining a study is not an error: it is a value (`triaged.study.assessment.OutOfScope`).
"""

from __future__ import annotations


class TriagedError(Exception):
    """Base of every error that the project raises on purpose."""


class ConfigError(TriagedError):
    """Stop, or keep the last good configuration: a person has to change something."""


class ModelRefused(ConfigError):
    """A model package does not match its manifest, or the device asked for is not there."""


class UnreadableStudy(TriagedError):
    """End this study as FAILED or OUT_OF_SCOPE with the reason; nothing else is wrong.

    `code` is one of `triaged.study.assessment.ReasonCode`'s values, `detail` says what was expected, what was found and
    where, without a patient attribute.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class UnreadableInstance(TriagedError):
    """Keep the bytes aside with this reason: they are not a DICOM data set that can be filed under a study."""


class TryLater(TriagedError):
    """Back off and try again: the disk is below its reserve, the database or a peer is away."""


class StaleClaim(TriagedError):
    """Drop the result: the study changed, or somebody else owns it now."""


class IllegalTransition(TriagedError):
    """A bug of ours: this event cannot happen to a study in this state."""


class UnknownStudy(TriagedError):
    """Tell whoever asked: no study has this Study Instance UID."""


class UnknownQuarantined(TriagedError):
    """Tell whoever asked: nothing in quarantine has this number."""


class UnknownDestination(TriagedError):
    """Tell whoever asked: no destination has this name."""


class ActionRefused(TriagedError):
    """Tell the reader: as the study stands this cannot be done; the message says how it stands, and with whom."""
