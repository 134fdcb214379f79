"""The settings of a site as one frozen value, with the embedded defaults: SQLite and spool under `./var`.

Must not know where settings come from, nor how the rooms work.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, PrivateAttr, model_validator

from triaged.config.access import AccessSection
from triaged.config.monitoring import AuditSection, MetricsSection
from triaged.config.network import DeliverySection, DestinationSection, DicomSection, OrderPrioritySection, WebSection
from triaged.config.notifying import PushSection
from triaged.config.objects import ObjectsSection
from triaged.config.pools import DeviceName, PoolSection, Threads, Workers, demand_pools
from triaged.config.references import NO_SECRETS, Secrets
from triaged.config.retention import RetentionSection
from triaged.config.rules import RuleSection, SeriesRuleSection, demand_rules, rules_of
from triaged.config.shipped import shipped
from triaged.config.sites import (
    MOST_SITES,
    SiteSection,
    demand_groups_of_sites,
    demand_sites,
    demand_sites_of_groups,
)
from triaged.config.triage import TriageSection
from triaged.config.values import Count, DatabaseUrl, ResolvedPath, Seconds, Section, Wait, wrong
from triaged.exams.ct.options import Palette
from triaged.exams.xray.options import NO_ENGINE
from triaged.rules.matching import Rules
from triaged.steps.options import AnalyseOptions, RetentionOptions
from triaged.study.completeness import CompletionOptions
from triaged.study.modalities import Stratum

_COMPLETION, _ANALYSE = CompletionOptions(), AnalyseOptions()


class StorageSection(Section):
    """Where received and derived instances are kept, and how much disk is never used."""

    path: ResolvedPath = Path("var/spool")
    reserve_mb: Annotated[int, Field(ge=0)] = 1024
    objects: ObjectsSection | None = None


class DatabaseSection(Section):
    """Where the state of studies is kept."""

    url: DatabaseUrl = "sqlite:///var/triaged.db"


EngineName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class ModelsSection(Section):
    """Which engines read, each a package in `folder`: `ct` and `cxr` order, those in `second` advise on CTs.

    `threshold` reads a CT without a package; `none` reads no X-rays.
    """

    ct: EngineName = "ct-open"
    cxr: EngineName = NO_ENGINE
    second: Annotated[tuple[EngineName, ...], Field(strict=False, max_length=8)] = ()
    folder: ResolvedPath = Field(default_factory=lambda: shipped("onnx_models"))

    @property
    def reads_xrays(self) -> bool:
        """Whether chest X-rays are read."""
        return self.cxr != NO_ENGINE

    @model_validator(mode="after")
    def _each_reads_once(self) -> Self:
        if len({self.ct, *self.second}) <= len(self.second):
            raise wrong("names that differ from each other and from that of models.ct", key="second")
        return self


class InferenceSection(Section):
    """What the networks run on; `threads` 0 lets the runtime choose."""

    device: DeviceName = "auto"
    threads: Threads = 0


class PicturesSection(Section):
    """How the pictures are drawn."""

    palette: Literal["green-red", "viridis"] = Palette.GREEN_RED.value


class CompletionSection(Section):
    """When a study counts as complete."""

    settle_s: Seconds = _COMPLETION.settle_s
    quiet_s: Seconds = _COMPLETION.quiet_s
    max_wait_s: Seconds = _COMPLETION.max_wait_s

    @model_validator(mode="after")
    def _rise(self) -> Self:
        if not self.settle_s <= self.quiet_s <= self.max_wait_s:
            raise wrong("settle_s <= quiet_s <= max_wait_s")
        return self

    def options(self) -> CompletionOptions:
        """Return what decides whether a study has arrived in full."""
        return CompletionOptions(self.settle_s, self.quiet_s, self.max_wait_s)


class WorkerSection(Section):
    """How long a worker may be silent or at one study, and how often and how soon a study is tried again."""

    lease_s: Annotated[float, Field(ge=10, allow_inf_nan=False)] = _ANALYSE.lease_s
    max_attempts: Count = _ANALYSE.max_attempts
    retry_wait_s: Wait = _ANALYSE.retry_wait_s
    longest_s: Annotated[float, Field(ge=10, allow_inf_nan=False)] = 1800.0

    def options(self) -> AnalyseOptions:
        """Return what the analysis needs."""
        return AnalyseOptions(self.lease_s, self.max_attempts, self.retry_wait_s)


class LoggingSection(Section):
    """How much is logged and in which form."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    style: Literal["console", "json"] = "console"


class Config(Section):
    """Everything a site may set; every path is absolute."""

    dicom: DicomSection = DicomSection()
    storage: StorageSection = StorageSection()
    retention: RetentionSection = RetentionSection()
    database: DatabaseSection = DatabaseSection()
    destinations: Annotated[tuple[DestinationSection, ...], Field(strict=False)] = ()
    pushes: Annotated[tuple[PushSection, ...], Field(strict=False)] = ()
    retired: dict[Annotated[str, Field(min_length=1, max_length=64)], Literal["drop", "hold"]] = Field(
        default_factory=dict
    )
    order_priority: OrderPrioritySection = OrderPrioritySection()
    web: WebSection = WebSection()
    access: AccessSection = AccessSection()
    metrics: MetricsSection = MetricsSection()
    audit: AuditSection = AuditSection()
    triage: TriageSection = TriageSection()
    models: ModelsSection = ModelsSection()
    rules: Annotated[tuple[RuleSection, ...], Field(strict=False, max_length=200)] = ()
    series: Annotated[tuple[SeriesRuleSection, ...], Field(strict=False, max_length=200)] = ()
    sites: Annotated[tuple[SiteSection, ...], Field(strict=False, max_length=MOST_SITES)] = ()
    inference: InferenceSection = InferenceSection()
    pictures: PicturesSection = PicturesSection()
    completion: CompletionSection = CompletionSection()
    workers: Workers = (PoolSection(),)
    worker: WorkerSection = WorkerSection()
    delivery: DeliverySection = DeliverySection()
    logging: LoggingSection = LoggingSection()
    _secrets: Secrets = PrivateAttr(default=NO_SECRETS)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        names = [destination.name for destination in self.destinations]
        if len(set(names)) != len(names):
            raise wrong("destinations with different names", key="destinations")
        names += [push.name for push in self.pushes]
        if len(set(names)) != len(names):
            raise wrong("names that differ from each other and from those of destinations", key="pushes")
        if back := next((name for name in self.retired if name in names), None):
            raise wrong(f"names that are gone; {back} is a destination or push", key="retired")
        if self.dicom.port == self.web.port:
            raise wrong("another port than dicom.port", key="web")
        if self.metrics.port in (self.dicom.port, self.web.port):
            raise wrong("another port than dicom.port and web.port", key="metrics")
        start = self.retention.start_at_free_mb
        if start is not None and start <= self.storage.reserve_mb:
            raise wrong(f"start_at_free_mb above storage.reserve_mb ({self.storage.reserve_mb})", key="retention")
        if start is not None and self.storage.objects is not None:
            raise wrong("start_at_free_mb: never, since a bucket has no free space to measure", key="retention")
        self.access.fits(self.web)
        known = [destination.name for destination in self.destinations]
        strata = frozenset(Stratum) if self.models.reads_xrays else frozenset({Stratum.VOLUME})
        demand_pools(self.workers, strata)
        demand_rules(self.rules, self.series, destinations=known, models=self.models.folder)
        demand_sites(self.sites, self.rules, destinations=known)
        demand_groups_of_sites(self.web.groups, self.sites)
        demand_sites_of_groups(self.access.oidc.sites if self.access.oidc else {}, self.sites)
        return self

    @property
    def worker_count(self) -> int:
        """How many workers there are on each machine."""
        return sum(pool.number for pool in self.workers)

    def models_of_rules(self) -> tuple[str, ...]:
        """Return the packages that rules name, each once."""
        return tuple(dict.fromkeys(rule.treatment.model for rule in self.ruled().studies if rule.treatment.model))

    def keeping(self, secrets: Secrets) -> Config:
        """Return the same settings, which know what is not to be shown."""
        kept = self.model_copy()
        kept._secrets = secrets
        return kept

    @property
    def secrets(self) -> Secrets:
        """What of these settings is not to be shown."""
        return self._secrets

    def ruled(self) -> Rules:
        """Return the rules for studies and for series, and the sites."""
        return rules_of(self.rules, self.series, [each.site() for each in self.sites])

    def retention_options(self) -> RetentionOptions:
        """Return what decides which files are deleted."""
        return self.retention.options(frozenset(each.name for each in self.destinations if each.storage_commitment))
