"""The settings of who is notified of changes of class: by HL7 v2 over MLLP, or by a webhook.

Must not know how anything is sent.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from triaged.config.values import Host, Port, ResolvedPath, Section, wrong
from triaged.notify.oru import Ends
from triaged.study.notification import Occasion

_OF_HL7 = ("host", "port", "tls", *(field.name for field in fields(Ends)))
_OF_WEBHOOK = ("url", "secret_file")
_ENDS = Ends()

HL7Name = Annotated[str, Field(max_length=180, pattern=r"^[^|^~\\&\x00-\x1f\x7f]*$")]


class PushSection(Section):
    """One receiver: where it is, what it is notified of, and whether that names the patient."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    kind: Literal["hl7", "webhook"]
    on: Annotated[tuple[Literal["class_change", "result"], ...], Field(strict=False)] = ("class_change", "result")
    patient: bool | None = None
    ca_file: ResolvedPath | None = None
    host: Host | None = None
    port: Port | None = None
    tls: bool = False
    sending_application: HL7Name = _ENDS.sending_application
    sending_facility: HL7Name = _ENDS.sending_facility
    receiving_application: HL7Name = _ENDS.receiving_application
    receiving_facility: HL7Name = _ENDS.receiving_facility
    url: str | None = None
    secret_file: ResolvedPath | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if not self.on:
            raise wrong("class_change, result, or both", key="on")
        foreign = _OF_WEBHOOK if self.kind == "hl7" else _OF_HL7
        for key in foreign:
            if key in self.model_fields_set:
                raise wrong(f"no such key with kind: {self.kind}", key=key)
        if self.kind == "hl7":
            missing = next((key for key in ("host", "port") if getattr(self, key) is None), None)
            if missing is not None:
                raise wrong(f"a {missing}, since kind is hl7", key=missing)
        elif (problem := _problem_of(self.url)) is not None:
            raise problem
        if self.ca_file is not None and not self.is_encrypted():
            raise wrong("no certificates where nothing is encrypted (tls: true, or https)", key="ca_file")
        return self

    def occasions(self) -> frozenset[Occasion]:
        """Return what it is notified of."""
        return frozenset(Occasion(each) for each in self.on)

    def names_patient(self) -> bool:
        """Tell whether the patient is named; unless that is set, HL7 receivers are and webhooks are not."""
        return self.kind == "hl7" if self.patient is None else self.patient

    def is_encrypted(self) -> bool:
        """Tell whether the connection is TLS."""
        return self.tls if self.kind == "hl7" else self._parts().scheme == "https"

    def where(self) -> tuple[str, int]:
        """Return host and port."""
        if self.kind == "hl7":
            return self.host or "", self.port or 0
        parts = self._parts()
        return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)

    def target(self) -> str:
        """Return path and query of a webhook's URL."""
        parts = self._parts()
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def options(self) -> Ends:
        """Return what the two ends of an HL7 line call themselves."""
        return Ends(
            self.sending_application, self.sending_facility, self.receiving_application, self.receiving_facility
        )

    def _parts(self) -> SplitResult:
        return urlsplit(self.url or "")


def _problem_of(url: str | None) -> PydanticCustomError | None:
    expected = "http://HOST/PATH or https://HOST/PATH, since kind is webhook"
    try:
        parts = urlsplit(url or "")
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return wrong(expected, key="url")
    if not whole or url is None or not url.isascii() or not url.isprintable() or " " in url or parts.fragment:
        return wrong(expected, key="url")
    if "@" in parts.netloc:
        return wrong("a URL without a password; secret_file signs what is sent", key="url")
    return None
