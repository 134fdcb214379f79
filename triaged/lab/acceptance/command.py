"""The commands `triaged model accept` and `triaged model verify`: from a list of cases to a sealed report.

Must not know how a figure comes about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.progress import track

from triaged.config.loading import load
from triaged.config.settings import Config
from triaged.lab.acceptance.checklist import read_checklist, unanswered
from triaged.lab.acceptance.digests import case_digests, file_sha256, folder_digests
from triaged.lab.acceptance.page import acceptance_page
from triaged.lab.acceptance.report import Provenance, acceptance_report
from triaged.lab.acceptance.seal import load_private_key, sign, verify, write_sealed
from triaged.lab.acceptance.trial import Setting
from triaged.lab.evaluation.cases import BadCase, Case, read_cases, with_truth
from triaged.lab.evaluation.command import Job as EvaluationJob
from triaged.lab.evaluation.command import prepare
from triaged.lab.evaluation.run import rows as evaluated
from triaged.lab.simulation.arrivals import read_trace
from triaged.lab.simulation.comparison import Plan, plan_over
from triaged.lab.simulation.site import Readers, days

REPORT: Final = "acceptance.json"
PAGE: Final = "acceptance.html"


@dataclass(frozen=True, slots=True)
class Engine:
    """What reads the cases, as for `triaged model evaluate`; None where the choice is left to us."""

    package: Path | None
    pipeline: str | None
    config: Path
    threads: int | None


@dataclass(frozen=True, slots=True)
class SiteSaid:
    """What the site says of itself; None where it says nothing."""

    arrivals: Path | None
    load: float
    readers: Readers | None
    prevalence: float | None
    checklist: Path | None


@dataclass(frozen=True, slots=True)
class Simulated:
    """How much is simulated: days that each replication measures, replications, and the seed of chance."""

    days: float
    replications: int
    seed: int


@dataclass(frozen=True, slots=True)
class Job:
    """What the command line asks for; `date` is what the report says, `key` None where nobody signs with one."""

    cases: Path
    engine: Engine
    site: SiteSaid
    simulated: Simulated
    signer: str
    date: str
    key: Path | None
    out: Path


def accept(job: Job, console: Console) -> None:
    """Evaluate the cases of a site, try the order on its stream of studies, and write a sealed report.

    Raises:
        ConfigError: a list, the trace, the checklist, the configuration, the package or the key cannot be used.
    """
    key = None if job.key is None else load_private_key(job.key)
    checklist = unanswered() if job.site.checklist is None else read_checklist(job.site.checklist)
    setting = _setting(job)
    cases = with_truth(read_cases(job.cases))
    measured = prepare(_evaluation(job))
    config = load(job.engine.config) if job.engine.config.exists() else Config()
    quiet = Console(stderr=True)
    rows = list(track(evaluated(cases, measured.pipeline, measured.cut_offs), "cases", total=len(cases), console=quiet))
    provenance = Provenance(
        software=version("triaged"),
        date=job.date,
        signer=job.signer,
        package=_package(job, config, measured.engine),
        files=_files(job, cases),
    )
    report = acceptance_report(rows, config.triage.options(), setting, checklist, provenance, measured.method)
    job.out.mkdir(parents=True, exist_ok=True)
    sha256 = write_sealed(report, job.out / REPORT)
    (job.out / PAGE).write_text(acceptance_page(report, sha256), encoding="utf-8")
    if key is not None:
        sign(report, job.out / REPORT, key)
    _tell(report, sha256, job, console)


def check(report: Path, public_key: Path | None, console: Console) -> None:
    """Say what is proved of a report.

    Raises:
        SealBroken: the report was changed, or the signature is not that of the key.
        ConfigError: a file cannot be read.
    """
    proved = verify(report, public_key)
    console.print(f"{escape(str(report))}: unchanged, SHA-256 {proved.sha256}")
    if proved.key_sha256 is None:
        console.print("not signed by a key")
    else:
        whose = "the key given" if public_key is not None else "the key beside it; whose it is, no file can say"
        console.print(f"signed by {whose}: SHA-256 {proved.key_sha256}")


def _setting(job: Job) -> Setting:
    """Return what is simulated; a trace that is too short for it is refused before hours of evaluation."""
    site, simulated = job.site, job.simulated
    plan = Plan(replications=simulated.replications, measured_min=days(simulated.days), seed=simulated.seed)
    trace = None if site.arrivals is None else read_trace(site.arrivals)
    if trace is not None:
        plan_over(trace, plan)
    return Setting(trace, site.load, site.readers, site.prevalence, plan)


def _evaluation(job: Job) -> EvaluationJob:
    engine = job.engine
    return EvaluationJob(
        cases=job.cases,
        generated=None,
        package=engine.package,
        pipeline=engine.pipeline,
        config=engine.config,
        threads=engine.threads,
        out=None,
        json=None,
    )


def _package(job: Job, config: Config, engine: dict[str, str]) -> dict[str, Any]:
    folder = job.engine.package or config.models.folder / config.models.ct
    known = job.engine.pipeline is None and folder.is_dir()
    return {**engine, "files": folder_digests(folder) if known else {}}


def _files(job: Job, cases: Sequence[Case | BadCase]) -> dict[str, Any]:
    lists = {"cases": job.cases, "arrivals": job.site.arrivals, "checklist": job.site.checklist}
    told: dict[str, Any] = {name: file_sha256(path) for name, path in lists.items() if path is not None}
    return {**told, "case": case_digests(cases)}


def _tell(report: dict[str, Any], sha256: str, job: Job, console: Console) -> None:
    for criterion in report["criteria"]:
        console.print(escape(f"{criterion['verdict']}: {criterion['asked']}: {criterion['found']}"))
    counts = ", ".join(f"{number} × {verdict}" for verdict, number in report["verdicts"].items())
    console.print(escape(f"{counts}. {report['claim']}"))
    console.print(escape(f"{job.out / PAGE}, {job.out / REPORT}: SHA-256 {sha256}"))
