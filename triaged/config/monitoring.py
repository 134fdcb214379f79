"""The settings of what is measured, and of who is told of the audit trail. Must not know what either says."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from triaged.config.values import Host, Port, ResolvedPath, Section, wrong


class MetricsSection(Section):
    """Where `/metrics` is served without signing in; no port of its own where `port` is null."""

    host: Host = "127.0.0.1"
    port: Port | None = None


class SyslogSection(Section):
    """An audit repository that takes DICOM audit messages by syslog over TLS; `site_id` is our name in them."""

    host: Host
    port: Port = 6514
    ca_file: ResolvedPath | None = None
    certificate: ResolvedPath | None = None
    key: ResolvedPath | None = None
    site_id: Annotated[str, Field(max_length=64)] = ""

    @model_validator(mode="after")
    def _has_a_certificate(self) -> Self:
        if self.key is not None and self.certificate is None:
            raise wrong("a certificate, too", key="key")
        return self


class AuditSection(Section):
    """Who is told of the audit trail, beside the database."""

    syslog: SyslogSection | None = None
