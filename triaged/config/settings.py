"""The settings of a site as one frozen value, with the embedded defaults: SQLite and spool under `./var`.

Must not know where settings come from, nor how the rooms work.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from triaged.steps.ports import Peer
from triaged.triage.scheme import HeadStarts, Scheme, TriageOptions

PROJECT_FOLDER = Path(__file__).resolve().parents[2]
THRESHOLD_ENGINE = "threshold"


def _wrong(expected: str, *, key: str = "") -> PydanticCustomError:
    """Return an error that says what was expected, at `key` below the validated value where a relation is broken."""
    return PydanticCustomError("expected", "{expected}", {"expected": expected, "key": key})


def _refused(error: ValueError) -> PydanticCustomError:
    """Return a room's own refusal of its options, which says what it expected and found."""
    return PydanticCustomError("refused", "{message}", {"message": str(error)})


def _ae_title(text: str) -> str:
    if not 1 <= len(text) <= 16 or text != text.strip() or not text.isascii() or not text.isprintable() or "\\" in text:
        raise _wrong("an AE title: 1 to 16 ASCII characters, no backslash, no space at either end")
    return text


def _host(text: str) -> str:
    if not text or any(character.isspace() for character in text) or "/" in text:
        raise _wrong("a host name or an IP address, without scheme or path")
    return text


def _resolved(path: Path, info: ValidationInfo) -> Path:
    return path if info.context is None else (info.context["folder"] / path.expanduser()).resolve()


def _database_url(url: str, info: ValidationInfo) -> str:
    scheme, separator, rest = url.partition("://")
    if separator and scheme in ("postgresql", "postgresql+psycopg") and rest:
        return f"postgresql+psycopg://{rest}"
    if separator and scheme == "sqlite" and rest.startswith("/") and len(rest) > 1 and rest != "/:memory:":
        return f"sqlite:///{_resolved(Path(rest[1:]), info)}"
    raise _wrong("sqlite:///FILE or postgresql://USER:PASSWORD@HOST:PORT/DATABASE")


AETitle = Annotated[str, AfterValidator(_ae_title)]
Host = Annotated[str, AfterValidator(_host)]
Port = Annotated[int, Field(ge=1, le=65535)]
Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Wait = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Minutes = Annotated[int, Field(ge=0, le=7 * 24 * 60)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
ResolvedPath = Annotated[Path, Field(strict=False), AfterValidator(_resolved)]
ObjectName = Literal["seg", "sc", "sr"]


class _Section(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", validate_default=True)


class DicomSection(_Section):
    """How peers reach us, and who may."""

    ae_title: AETitle = "TRIAGED"
    host: Host = "0.0.0.0"
    port: Port = 11112
    allowed_calling_ae_titles: Annotated[tuple[AETitle, ...], Field(strict=False)] = ()
    max_associations: Count = 20
    idle_timeout_s: Wait = 60.0


class StorageSection(_Section):
    """Where received and derived instances are kept, and how much disk is never used."""

    path: ResolvedPath = Path("var/spool")
    reserve_mb: Annotated[int, Field(ge=0)] = 1024


class DatabaseSection(_Section):
    """Where the state of studies is kept."""

    url: Annotated[str, AfterValidator(_database_url)] = "sqlite:///var/triaged.db"


class DestinationSection(_Section):
    """One peer that gets the result objects, and the kinds it wants."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    ae_title: AETitle
    host: Host
    port: Port
    objects: Annotated[tuple[ObjectName, ...], Field(strict=False, min_length=1)] = ("sc", "sr", "seg")

    def peer(self) -> Peer:
        """Return what the courier sends to."""
        return Peer(self.name, self.ae_title, self.host, self.port)


class WebSection(_Section):
    """Where the worklist page is served, and how often an open page asks for news."""

    host: Host = "127.0.0.1"
    port: Port = 8080
    refresh_s: Annotated[float, Field(ge=1, le=3600)] = 5.0


class CutOffsSection(_Section):
    """Severity shares that separate the classes: mild from `s1`, moderate `s2`, severe `s3`, critical `s4`."""

    s1: Share = 0.01
    s2: Share = 0.25
    s3: Share = 0.50
    s4: Share = 0.75

    @model_validator(mode="after")
    def _rise(self) -> Self:
        if not 0 < self.s1 < self.s2 < self.s3 < self.s4:
            raise _wrong("rising shares, 0 < s1 < s2 < s3 < s4")
        return self


class HeadStartsSection(_Section):
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
            raise _refused(error) from None
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


class TriageSection(_Section):
    """The scheme that turns scores into an order."""

    scheme: Annotated[Scheme, Field(strict=False)] = Scheme.SEVERITY
    identification_threshold: Annotated[float, Field(gt=0, lt=1)] | None = None
    cut_offs: CutOffsSection = CutOffsSection()
    grade_cut_offs: Annotated[tuple[Share, Share, Share, Share], Field(strict=False)] = (0.01, 0.25, 0.50, 0.75)
    head_start_min: HeadStartsSection = HeadStartsSection()

    @model_validator(mode="after")
    def _grades_rise(self) -> Self:
        if list(self.grade_cut_offs) != sorted(set(self.grade_cut_offs)) or self.grade_cut_offs[0] <= 0:
            raise _wrong("four rising shares above 0", key="grade_cut_offs")
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


class ModelsSection(_Section):
    """Which engine reads a CT: a package in `folder`, or `threshold`."""

    ct: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")] = "ct-open"
    folder: ResolvedPath = PROJECT_FOLDER / "onnx_models"


class InferenceSection(_Section):
    """What the networks run on; `threads` 0 lets the runtime choose."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: Annotated[int, Field(ge=0, le=256)] = 0


class CompletionSection(_Section):
    """When a study counts as complete."""

    settle_s: Seconds = 2.0
    quiet_s: Seconds = 30.0
    max_wait_s: Seconds = 900.0

    @model_validator(mode="after")
    def _rise(self) -> Self:
        if not self.settle_s <= self.quiet_s <= self.max_wait_s:
            raise _wrong("settle_s <= quiet_s <= max_wait_s")
        return self


class WorkerSection(_Section):
    """How long a worker may be silent, and how often and how soon a study is tried again."""

    lease_s: Annotated[float, Field(ge=10, allow_inf_nan=False)] = 300.0
    max_attempts: Count = 3
    retry_wait_s: Wait = 10.0


class DeliverySection(_Section):
    """How often an object is sent to a destination that does not take it: waits double from first to longest."""

    first_wait_s: Wait = 5.0
    longest_wait_s: Wait = 60.0
    max_attempts: Count = 3000
    timeout_s: Wait = 30.0

    @model_validator(mode="after")
    def _rise(self) -> Self:
        if self.first_wait_s > self.longest_wait_s:
            raise _wrong("at least first_wait_s", key="longest_wait_s")
        return self


class LoggingSection(_Section):
    """How much is logged and in which form."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    style: Literal["console", "json"] = "console"


class Config(_Section):
    """Everything a site may set; every path is absolute."""

    dicom: DicomSection = DicomSection()
    storage: StorageSection = StorageSection()
    database: DatabaseSection = DatabaseSection()
    destinations: Annotated[tuple[DestinationSection, ...], Field(strict=False)] = ()
    web: WebSection = WebSection()
    triage: TriageSection = TriageSection()
    models: ModelsSection = ModelsSection()
    inference: InferenceSection = InferenceSection()
    completion: CompletionSection = CompletionSection()
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    worker: WorkerSection = WorkerSection()
    delivery: DeliverySection = DeliverySection()
    logging: LoggingSection = LoggingSection()

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        names = [destination.name for destination in self.destinations]
        if len(set(names)) != len(names):
            raise _wrong("destinations with different names", key="destinations")
        if self.dicom.port == self.web.port:
            raise _wrong("another port than dicom.port", key="web")
        return self
