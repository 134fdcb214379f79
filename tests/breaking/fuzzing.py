"""Fuzzes what reads bytes from outside, guided by coverage: `python -m tests.breaking.fuzzing header --minutes 60`.

Needs atheris (`pip install atheris`), which is no dependency: its runs are long, and what they found is kept in
`corpus/`, one folder for each target, which `test_inputs.py` replays. Without it, the script says so. Seeds are made
here; no file of a patient is ever an input. `--keep` adds what reached new code to the corpus, smallest first.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import FrameType

from tests.breaking.seeds import seeds_of
from tests.breaking.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"
_LONGEST_KEPT = 4096
_COUNTED = ("/triaged/", "/pydicom/", "/pynetdicom/", "/hl7/")


def main() -> int:
    """Fuzz one target in a process of its own, then merge what it found; 1 where an input broke it."""
    parser = argparse.ArgumentParser(prog="python -m tests.breaking.fuzzing")
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--keep", action="store_true", help="add what was found to the corpus of the tests")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{options.target}-"))
    work, found = folder / "work", folder / "found"
    found.mkdir()
    shutil.copytree(CORPUS / options.target, work) if (CORPUS / options.target).is_dir() else work.mkdir()
    for number, seed in enumerate(seeds_of(options.target)):
        (work / f"seed-{number}").write_bytes(seed)
    limits = [f"-max_total_time={round(options.minutes * 60)}", "-timeout=5", "-rss_limit_mb=2048", "-max_len=65536"]
    ended = _libfuzzer(options.target, [str(work), f"-seed={options.seed}", f"-artifact_prefix={found}/", *limits])
    broken = sorted(found.iterdir())
    sys.stdout.write(f"{options.target}: {len(list(work.iterdir()))} inputs in {work}, broken: {broken}\n")
    if options.keep:
        keep(options.target, work)
    return 1 if ended or broken else 0


def keep(target: str, work: Path) -> None:
    """Add to the corpus the small inputs of a run that reach lines of ours which no smaller one reached."""
    kept = CORPUS / target
    kept.mkdir(parents=True, exist_ok=True)
    reached: set[tuple[str, int]] = set()
    paths = [*kept.iterdir(), *sorted(work.iterdir(), key=lambda path: (path.stat().st_size, path.name))]
    for path in paths:
        content = path.read_bytes()
        if len(content) > _LONGEST_KEPT:
            continue
        lines = _lines_of(target, content)
        if not lines <= reached and path.parent != kept:
            (kept / hashlib.sha256(content).hexdigest()[:16]).write_bytes(content)
        reached |= lines


def _lines_of(target: str, content: bytes) -> set[tuple[str, int]]:
    """Return the lines of code, ours and of the libraries that read for us, that an input reaches."""
    lines: set[tuple[str, int]] = set()

    def trace(frame: FrameType, event: str, _: object) -> object:
        name = frame.f_code.co_filename
        if not any(part in name for part in _COUNTED):
            return None
        if event == "line":
            lines.add((name, frame.f_lineno))
        return trace

    sys.settrace(trace)  # type: ignore[arg-type]
    try:
        TARGETS[target](content)
    finally:
        sys.settrace(None)
    return lines


def _libfuzzer(target: str, arguments: list[str]) -> int:
    """Run the fuzzer, which ends its process itself."""
    code = f"from tests.breaking.fuzzing import run; run({target!r})"
    return subprocess.run([sys.executable, "-c", code, *arguments], env=os.environ, check=False).returncode


def run(target: str) -> None:
    """Hand this process over to the fuzzer; its arguments are libFuzzer's."""
    try:
        import atheris  # type: ignore[import-untyped, import-not-found, unused-ignore]
    except ImportError:
        sys.exit("atheris is not installed: pip install atheris")
    atheris.instrument_all() if os.environ.get("FUZZ_ALL") else _instrument(atheris)
    atheris.Setup([sys.argv[0], *sys.argv[1:]], TARGETS[target])
    atheris.Fuzz()


def _instrument(atheris: object) -> None:
    """Count branches of what reads bytes alone: all of Python would be ten times as slow."""
    import inspect
    import types

    names = ("triaged.", "pydicom.filereader", "pydicom.dataset", "pydicom.encaps", "pynetdicom.pdu", "hl7.")
    for name, module in list(sys.modules.items()):
        if not name.startswith(names):
            continue
        for attribute, value in list(vars(module).items()):
            if isinstance(value, types.FunctionType) and inspect.getmodule(value) is module:
                try:
                    setattr(module, attribute, atheris.instrument_func(value))  # type: ignore[attr-defined]
                except Exception:  # noqa: BLE001 a function that cannot be counted is still run
                    continue


if __name__ == "__main__":
    sys.exit(main())
