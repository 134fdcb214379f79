"""What a site's rule has done with a study, as a value that is kept with it; no rule at all is `BY_DEFAULT`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from triaged.study.ranking import RequestPriority


@dataclass(frozen=True, slots=True)
class Treatment:
    """How a study is handled where the rule of this name matched; the name is empty where none did.

    `ignored`: on no list, and nothing is made of it. `scored`: False keeps it on the list without any score; with
    `below` in the block below the list. `model` is the package that reads it instead of the one of the settings,
    `scheme` what orders it. `destinations` are the only ones that get its objects; None: all. `urgency` counts as if
    its order said so, where that is more urgent than what the order says. `site` is the one that the study is of, by a
    rule or by who sent it; empty: none.
    """

    rule: str = ""
    ignored: bool = False
    scored: bool = True
    below: bool = False
    model: str = ""
    scheme: str = ""
    destinations: tuple[str, ...] | None = None
    urgency: RequestPriority = RequestPriority.UNKNOWN
    site: str = ""

    def text(self) -> str:
        """Return the treatment as JSON; empty for the default."""
        if self == BY_DEFAULT:
            return ""
        said: dict[str, Any] = {name: getattr(self, name) for name in Treatment.__slots__}
        return json.dumps({name: value for name, value in said.items() if value != getattr(BY_DEFAULT, name)})

    @classmethod
    def of_text(cls, text: str) -> Treatment:
        """Return the treatment that `text` wrote."""
        if not text:
            return BY_DEFAULT
        said = json.loads(text)
        if said.get("destinations") is not None:
            said["destinations"] = tuple(said["destinations"])
        if "urgency" in said:
            said["urgency"] = RequestPriority(said["urgency"])
        return cls(**said)

    def words(self) -> str:
        """Return the rule and what it does, or the site alone, for the history; empty for the default."""
        done = [
            *(["ignored"] if self.ignored else []),
            *(["not scored"] if not self.scored and not self.ignored else []),
            *(["below the list"] if self.below else []),
            *([f"read by {self.model}"] if self.model else []),
            *([f"scheme {self.scheme}"] if self.scheme else []),
            *([f"sent to {', '.join(self.destinations) or 'nobody'}"] if self.destinations is not None else []),
            *([f"urgency {self.urgency}"] if self.urgency is not RequestPriority.UNKNOWN else []),
            *([f"site {self.site}"] if self.site else []),
        ]
        does = "; ".join(done)
        return f"{self.rule}: {does or 'as by default'}" if self.rule else does


BY_DEFAULT = Treatment()
"""What becomes of a study that no rule matches."""
