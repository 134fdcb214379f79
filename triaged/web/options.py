"""What a site may choose of its pages; apart from them, since every process reads the settings and one has pages."""

from __future__ import annotations

from dataclasses import dataclass, field

from triaged.study.concepts import XRAY_SERVICE
from triaged.study.finding import Finding
from triaged.triage.scheme import Discipline
from triaged.web.identity import AccessOptions
from triaged.web.limits import Limits


@dataclass(frozen=True, slots=True)
class WebOptions:
    """What pages say about this daemon: `address` is where a sender reaches it, `identification_threshold` the site's
    own for CTs or None for the model's, `identification_threshold_cxr` that for X-rays, `viewer_url` where the site's
    viewer shows a study, with names in braces, or empty.
    `worth` is what a flag is worth at the site, empty where the site does not say how common is what is flagged.
    `limits` is how much one client may have."""

    address: str
    scheme: str
    identification_threshold: float | None = None
    identification_threshold_cxr: float | None = None
    refresh_s: float = 5.0
    rows_per_page: int = 100
    access: AccessOptions = field(default_factory=AccessOptions)
    viewer_url: str = ""
    discipline: Discipline = Discipline.HEAD_START
    worth: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)

    def threshold_for(self, finding: Finding | None) -> float | None:
        """Return the site's own threshold for the probability of a finding, None for the model's."""
        is_xray = finding is not None and finding.service == XRAY_SERVICE
        return self.identification_threshold_cxr if is_xray else self.identification_threshold
