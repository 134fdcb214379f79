"""What a site may choose of its pages; apart from them, since every process reads the settings and one has pages."""

from __future__ import annotations

from dataclasses import dataclass, field

from triaged.triage.scheme import Discipline
from triaged.web.identity import AccessOptions
from triaged.web.limits import Limits


@dataclass(frozen=True, slots=True)
class WebOptions:
    """What pages say about this daemon: `address` is where a sender reaches it, `identification_threshold` the site's
    own or None for the model's, `viewer_url` where the site's viewer shows a study, with names in braces, or empty.
    `worth` is what a flag is worth at the site, empty where the site does not say how common the disease is.
    `limits` is how much one client may have."""

    address: str
    scheme: str
    identification_threshold: float | None = None
    refresh_s: float = 5.0
    rows_per_page: int = 100
    access: AccessOptions = field(default_factory=AccessOptions)
    viewer_url: str = ""
    discipline: Discipline = Discipline.HEAD_START
    worth: str = ""
    limits: Limits = field(default_factory=Limits)
