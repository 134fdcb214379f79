"""A package may be made of others beside it; each has to be the one that is meant, and none may hold itself."""

import hashlib
from pathlib import Path

import pytest

pytest.importorskip("onnx", reason="writing graphs needs onnx: pip install triaged[lab]")

from tests.house.toy import TOY_KINDS, Toy, write_toy
from triaged.errors import ModelRefused
from triaged.inference.package import load_package

NONE = "0" * 64


def parts(**named: tuple[str, str]) -> str:
    return "parts:\n" + "".join(f"  {n}: {{package: {p}, sha256: '{s}'}}\n" for n, (p, s) in named.items())


def identity(folder: Path) -> str:
    """Return what a toy is known by, computed from its file: digest of its graph, then its score."""
    graph = hashlib.sha256((folder / "dense.onnx").read_bytes()).hexdigest()
    return hashlib.sha256(f"{graph}\nscore 0.5".encode()).hexdigest()


def load(folder: Path) -> Toy:
    networks = load_package(folder, "cpu", 0, TOY_KINDS)
    assert isinstance(networks, Toy)
    return networks


@pytest.fixture
def models(tmp_path: Path) -> Path:
    for name in ("one", "two"):
        write_toy(tmp_path / name)
    return tmp_path


def test_parts_are_loaded_with_the_package_that_names_them(models: Path) -> None:
    one, two = (identity(models / name) for name in ("one", "two"))
    write_toy(models / "both", "toys", parts(left=("one", one), right=("two", two)))
    both = hashlib.sha256(f"{one}\n{two}\nscore 0.5".encode()).hexdigest()
    write_toy(models / "outer", "pair", parts(first=("both", both), second=("one", one)))
    outer = load(models / "outer")
    assert list(outer.parts) == ["first", "second"]
    assert {name: part.manifest.name for name, part in outer.parts["first"].parts.items()} == {
        "left": "one",
        "right": "two",
    }


def test_a_part_that_is_another_model_than_meant_is_refused(models: Path) -> None:
    write_toy(models / "both", "toys", parts(left=("one", NONE)))
    told = rf"both/manifest\.yaml:11: parts\.left: expected the model {NONE} in one, part left of both, found .*[1-9]"
    with pytest.raises(ModelRefused, match=told):
        load(models / "both")


def test_a_graph_of_a_part_is_verified_too(models: Path) -> None:
    write_toy(models / "both", "toys", parts(left=("one", identity(models / "one"))))
    (models / "one" / "dense.onnx").write_bytes(b"else")
    with pytest.raises(ModelRefused, match=r"one/dense\.onnx: expected sha256"):
        load(models / "both")


def test_a_package_that_is_made_of_itself_is_refused(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also by way of another, and from within its own folder."""
    write_toy(models / "inner", "toys", parts(up=("outer", NONE)))
    inner = hashlib.sha256(f"{NONE}\nscore 0.5".encode()).hexdigest()
    write_toy(models / "outer", "toys", parts(down=("inner", inner)))
    monkeypatch.chdir(models / "outer")
    for folder in (models / "outer", Path()):
        with pytest.raises(ModelRefused, match="not made of itself, found outer > inner > outer"):
            load(folder)


@pytest.mark.parametrize(
    ("kind", "said", "told"),
    [
        ("toys", "parts: {}\n", "10: parts: expected at least one package"),
        ("toys", "", "1: parts: expected this key"),
        ("toys", parts(left=("../one", NONE)), "11: parts.left.package: expected the name of a package's folder"),
        ("toys", parts(left=("one", "12")), "11: parts.left.sha256: expected 64"),
        ("pair", parts(first=("one", NONE)), "11: parts.second: expected this key"),
        ("pair", parts(first=("one", NONE), second=("two", NONE), third=("one", NONE)), "13: parts.third: unknown key"),
        ("toys", "networks: {}\n" + parts(left=("one", NONE)), "10: networks: unknown key"),
    ],
)
def test_wrong_parts_are_refused_with_their_line(models: Path, kind: str, said: str, told: str) -> None:
    write_toy(models / "both", kind, said or "# none\n")
    with pytest.raises(ModelRefused, match=rf"manifest\.yaml:{told}"):
        load(models / "both")


def test_a_part_that_is_not_there_is_refused(models: Path) -> None:
    write_toy(models / "both", "toys", parts(left=("three", NONE)))
    with pytest.raises(ModelRefused, match=r"three/manifest\.yaml: expected a readable manifest"):
        load(models / "both")
