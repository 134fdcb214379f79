"""The program as a wheel, installed far from its source: it brings its models, label maps and configuration along."""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.ports import free_port
from tests.programs import until

PROJECT = Path(__file__).parents[2]
SOURCE = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "config.yaml", "triaged", "onnx_models")
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "TRIAGED_CONFIG")}

PRINT_MODELS = "from triaged.config.settings import Config; print(Config().models.folder)"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy, because a build leaves its folder in the source tree."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in SOURCE:
        if (PROJECT / name).is_dir():
            shutil.copytree(PROJECT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(PROJECT / name, source)
    _run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", str(built), ".", cwd=source)
    shutil.rmtree(source)
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installed program.

    Its environment takes the libraries from this one, by a .pth file: so what makes the source tree importable here (a
    .pth file too) has no effect there.
    """
    environment = tmp_path_factory.mktemp("elsewhere") / "venv"
    _run(sys.executable, "-m", "venv", "--without-pip", str(environment), cwd=environment.parent)
    python = environment / "bin" / "python"
    arguments = ["install", "--no-deps", "--no-index", "--no-compile", str(wheel)]
    _run(sys.executable, "-m", "pip", "--python", str(python), *arguments, cwd=environment.parent)
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    found = _run(str(python), "-c", "import triaged; print(triaged.__file__)", cwd=environment.parent)
    assert Path(found.strip()) == packages / "triaged" / "__init__.py"
    return environment / "bin" / "triaged"


@pytest.fixture
def folder(program: Path, tmp_path: Path) -> Path:
    """An empty folder with nothing but the configuration that the program prints, on ports of its own."""
    yaml = YAML()
    settings = yaml.load(_run(str(program), "config", "example", cwd=tmp_path))
    settings["dicom"] |= {"host": "127.0.0.1", "port": free_port()}
    settings["web"]["port"] = free_port()
    settings["storage"]["reserve_mb"] = 1
    text = io.StringIO()
    yaml.dump(settings, text)
    (tmp_path / "config.yaml").write_text(text.getvalue(), encoding="utf-8")
    return tmp_path


def test_a_wheel_carries_what_the_program_needs_and_nothing_of_the_tests(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for shipped in (PROJECT / "onnx_models").rglob("*.*"):
        assert f"triaged/shipped/{shipped.relative_to(PROJECT)}" in names
    for label in (PROJECT / "triaged" / "lab" / "labels").iterdir():
        assert f"triaged/lab/labels/{label.name}" in names
    assert "triaged/shipped/config.yaml" in names
    assert not [name for name in names if not re.match(r"triaged(-[0-9.]+\.dist-info)?/", name)]


def test_the_installed_program_checks_its_own_models(program: Path, folder: Path) -> None:
    checked = _run(str(program), "check", cwd=folder)
    assert "ct-open 2.0.0 matches its manifest" in checked
    models = _run(str(program.with_name("python")), "-c", PRINT_MODELS, cwd=folder)
    assert Path(models.strip()).is_relative_to(program.parents[1])
    assert "Why here" in _run(str(program), "worklist", cwd=folder)


@pytest.mark.timeout(300)
def test_the_installed_program_shows_its_demonstration(program: Path, folder: Path) -> None:
    printed = folder / "printed.txt"
    with printed.open("wb") as file:
        process = subprocess.Popen([program, "demo"], cwd=folder, env=ENVIRONMENT, stdout=file, stderr=file)
    try:

        def serves() -> bool:
            assert process.poll() is None, printed.read_text(encoding="utf-8")
            return "Ctrl-C stops everything" in printed.read_text(encoding="utf-8")

        until(serves, within_s=240, what="the demonstration serves")
        listed = re.findall(r"PHANTOM, (\w+)", _run(str(program), "worklist", cwd=folder))
        assert listed == ["SEVERE", "MODERATE", "NONE"]
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


def _run(*command: str, cwd: Path) -> str:
    ended = subprocess.run(command, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout
