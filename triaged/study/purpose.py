"""What an examination is for, as a sentence that every output has: what is looked for, and what is not.

The one source of these words; knows no output, and no engine but by the name that it is given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Purpose:
    """What is looked for, `on` what images, and what nobody may take for looked at; plain ASCII, without full stops."""

    on: str
    sought: str
    not_sought: str

    def looks_for(self, algorithm: str) -> str:
        """Say what is looked for, and by which engine in which version; who reads it is left out where not known."""
        by = f", by {algorithm}" if algorithm else ""
        return f"Looked for on {self.on}{by}: {self.sought}."

    @property
    def passes_over(self) -> str:
        """Say what is not looked for."""
        return f"Not looked for: {self.not_sought}."

    def said(self, algorithm: str) -> str:
        """Say both."""
        return f"{self.looks_for(algorithm)} {self.passes_over}"


CT_PURPOSE: Final = Purpose(
    "chest CT", "lung opacity as in COVID-19 pneumonia", "masses, fluid, emboli, pneumothorax, or anything else"
)
XRAY_PURPOSE: Final = Purpose(
    "chest X-ray", "lung opacity of any cause", "masses, fluid, emboli, pneumothorax, fractures, or anything else"
)
