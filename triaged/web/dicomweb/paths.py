"""Where everything is found: the addresses of studies, series and instances (PS3.18 sections 8.2 and 10.1).

Knows no server and no store.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

BASE: Final = "/dicom-web"


@dataclass(frozen=True, slots=True)
class Address:
    """Which study, series or instance is asked for; what is empty is not narrowed to."""

    study_uid: str
    series_uid: str = ""
    sop_instance_uid: str = ""

    @property
    def path(self) -> str:
        """Return where this is, from the root of the server."""
        parts = (("studies", self.study_uid), ("series", self.series_uid), ("instances", self.sop_instance_uid))
        return BASE + "".join(f"/{name}/{uid}" for name, uid in parts if uid)

    @property
    def level(self) -> str:
        """Return what is asked for, in a word."""
        return "instance" if self.sop_instance_uid else "series" if self.series_uid else "study"


def is_store(scope: Mapping[str, Any]) -> bool:
    """Tell whether a request brings instances to be stored."""
    return scope.get("method") == "POST" and is_below(scope.get("path", ""))


def is_below(path: str) -> bool:
    """Tell whether a path is one of ours."""
    return path == BASE or path.startswith(f"{BASE}/")
