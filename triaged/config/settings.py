"""The settings of a site as one frozen value, with the embedded defaults: SQLite and spool under `./var`.

Must not know where settings come from, nor how the rooms work.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from triaged.config.access import AccessSection
from triaged.config.network import DeliverySection, DestinationSection, DicomSection, WebSection
from triaged.config.values import (
    Count,
    DatabaseUrl,
    Minutes,
    ResolvedPath,
    Seconds,
    Section,
    Share,
    Wait,
    refused,
    wrong,
)
from triaged.triage.scheme import HeadStarts, Scheme, TriageOptions

PROJECT_FOLDER = Path(__file__).resolve().parents[2]
THRESHOLD_ENGINE = "threshold"


class StorageSection(Section):
    """Where received and derived instances are kept, and how much disk is never used."""

    path: ResolvedPath = Path("var/spool")
    reserve_mb: Annotated[int, Field(ge=0)] = 1024


class DatabaseSection(Section):
    """Where the state of studies is kept."""

    url: DatabaseUrl = "sqlite:///var/triaged.db"


class CutOffsSection(Section):
    """Severity shares that separate the classes: mild from `s1`, moderate `s2`, severe `s3`, critical `s4`."""

    s1: Share = 0.01
    s2: Share = 0.25
    s3: Share = 0.50
    s4: Share = 0.75

    @model_validator(mode="after")
    def _rise(self) -> Self:
        if not 0 < self.s1 < self.s2 < self.s3 < self.s4:
            raise wrong("rising shares, 0 < s1 < s2 < s3 < s4")
        return self


class HeadStartsSection(Section):
    """Minutes by which a class stands earlier than it arrived; `suspected_mild` depends on the scheme unless given."""

    critical: Minutes = 240
    severe: Minutes = 180
    suspected_moderate: Minutes = 120
    suspected_mild: Minutes | None = None
    unscored: Minutes = 45
    opacity_not_flagged: Minutes = 60
    not_flagged: Minutes = 0
    high_order: Minutes = 120
    cap: Minutes = 240

    @model_validator(mode="after")
    def _keep_the_order_safe(self) -> Self:
        try:
            self.options()
        except ValueError as error:
            raise refused(error) from None
        return self

    def options(self) -> HeadStarts:
        """Return what the scheme needs.

        Raises:
            ValueError: more disease would come later than less.
        """
        given = self.model_dump(exclude={"suspected_mild"})
        if self.suspected_mild is not None:
            for scheme in Scheme:
                given[f"suspected_mild_{scheme.value}"] = self.suspected_mild
        return HeadStarts(**given)


class TriageSection(Section):
    """The scheme that turns scores into an order."""

    scheme: Annotated[Scheme, Field(strict=False)] = Scheme.SEVERITY
    identification_threshold: Annotated[float, Field(gt=0, lt=1)] | None = None
    cut_offs: CutOffsSection = CutOffsSection()
    grade_cut_offs: Annotated[tuple[Share, Share, Share, Share], Field(strict=False)] = (0.01, 0.25, 0.50, 0.75)
    head_start_min: HeadStartsSection = HeadStartsSection()

    @model_validator(mode="after")
    def _grades_rise(self) -> Self:
        if list(self.grade_cut_offs) != sorted(set(self.grade_cut_offs)) or self.grade_cut_offs[0] <= 0:
            raise wrong("four rising shares above 0", key="grade_cut_offs")
        return self

    def options(self) -> TriageOptions:
        """Return what the scheme needs."""
        shares = self.cut_offs.model_dump()
        return TriageOptions(
            scheme=self.scheme,
            tau=self.identification_threshold,
            head_starts=self.head_start_min.options(),
            **shares,
        )


class ModelsSection(Section):
    """Which engine reads a CT: a package in `folder`, or `threshold`."""

    ct: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] = "ct-open"
    folder: ResolvedPath = PROJECT_FOLDER / "onnx_models"


class InferenceSection(Section):
    """What the networks run on; `threads` 0 lets the runtime choose."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: Annotated[int, Field(ge=0, le=256)] = 0


class PicturesSection(Section):
    """How the pictures are drawn."""

    palette: Literal["green-red", "viridis"] = "green-red"


class CompletionSection(Section):
    """When a study counts as complete."""

    settle_s: Seconds = 2.0
    quiet_s: Seconds = 30.0
    max_wait_s: Seconds = 900.0

    @model_validator(mode="after")
    def _rise(self) -> Self:
        if not self.settle_s <= self.quiet_s <= self.max_wait_s:
            raise wrong("settle_s <= quiet_s <= max_wait_s")
        return self


class WorkerSection(Section):
    """How long a worker may be silent, and how often and how soon a study is tried again."""

    lease_s: Annotated[float, Field(ge=10, allow_inf_nan=False)] = 300.0
    max_attempts: Count = 3
    retry_wait_s: Wait = 10.0


class LoggingSection(Section):
    """How much is logged and in which form."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    style: Literal["console", "json"] = "console"


class Config(Section):
    """Everything a site may set; every path is absolute."""

    dicom: DicomSection = DicomSection()
    storage: StorageSection = StorageSection()
    database: DatabaseSection = DatabaseSection()
    destinations: Annotated[tuple[DestinationSection, ...], Field(strict=False)] = ()
    web: WebSection = WebSection()
    access: AccessSection = AccessSection()
    triage: TriageSection = TriageSection()
    models: ModelsSection = ModelsSection()
    inference: InferenceSection = InferenceSection()
    pictures: PicturesSection = PicturesSection()
    completion: CompletionSection = CompletionSection()
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    worker: WorkerSection = WorkerSection()
    delivery: DeliverySection = DeliverySection()
    logging: LoggingSection = LoggingSection()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        names = [destination.name for destination in self.destinations]
        if len(set(names)) != len(names):
            raise wrong("destinations with different names", key="destinations")
        if self.dicom.port == self.web.port:
            raise wrong("another port than dicom.port", key="web")
        self.access.fits(self.web)
        return self
