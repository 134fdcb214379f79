"""Who is told of changes of class, as a person writes it into `config.yaml`."""

from __future__ import annotations

from pathlib import Path

import pytest

from triaged.config.loading import load
from triaged.config.notifying import PushSection
from triaged.errors import ConfigError
from triaged.study.notification import Occasion

PROJECT = Path(__file__).parents[2]
HL7 = "pushes:\n  - {name: ris, kind: hl7, host: 10.0.0.7, port: 2575"
WEBHOOK = "pushes:\n  - {name: pager, kind: webhook, url: 'https://pager.example/triage?to=x'"


def pushes(folder: Path, text: str) -> tuple[PushSection, ...]:
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    return load(folder / "config.yaml").pushes


def test_an_hl7_receiver_needs_an_address_and_is_told_who_the_patient_is(tmp_path: Path) -> None:
    (push,) = pushes(tmp_path, f"{HL7}}}")
    assert (push.where(), push.is_encrypted(), push.names_patient()) == (("10.0.0.7", 2575), False, True)
    assert push.occasions() == {Occasion.CLASS_CHANGE, Occasion.RESULT}


def test_a_webhook_is_told_who_the_patient_is_only_where_that_is_wanted(tmp_path: Path) -> None:
    (push,) = pushes(tmp_path, f"{WEBHOOK}, secret_file: secret, on: [class_change]}}")
    assert (push.where(), push.target(), push.is_encrypted()) == (("pager.example", 443), "/triage?to=x", True)
    assert (push.names_patient(), push.secret_file) == (False, tmp_path / "secret")
    assert push.occasions() == {Occasion.CLASS_CHANGE}
    (push,) = pushes(tmp_path, f"{WEBHOOK}, patient: true}}")
    assert push.names_patient()


@pytest.mark.parametrize(
    ("url", "where", "target"),
    [
        ("http://localhost:8081", ("localhost", 8081), "/"),
        ("http://[::1]:8081/a/b", ("::1", 8081), "/a/b"),
        ("http://10.0.0.7/", ("10.0.0.7", 80), "/"),
    ],
)
def test_a_url_says_where_a_webhook_is(tmp_path: Path, url: str, where: tuple[str, int], target: str) -> None:
    (push,) = pushes(tmp_path, f"pushes:\n  - {{name: a, kind: webhook, url: '{url}'}}")
    assert (push.where(), push.target()) == (where, target)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pushes:\n  - {name: ris, kind: hl7, host: h}", ":2: pushes[0].port: expected a port, since kind is hl7"),
        (f"{HL7}, url: 'http://h'}}", ":2: pushes[0].url: expected no such key with kind: hl7"),
        (f"{HL7}, secret_file: s}}", ":2: pushes[0].secret_file: expected no such key with kind: hl7"),
        (f"{HL7}, ca_file: ca.pem}}", ":2: pushes[0].ca_file: expected no certificates where nothing is encrypted"),
        (f"{HL7}, prot: 1}}", ":2: pushes[0].prot: unknown key; did you mean port?"),
        (f"{HL7}, on: [arrival]}}", ":2: pushes[0].on[0]: expected 'class_change' or 'result', found 'arrival'"),
        (f"{HL7}, on: []}}", ":2: pushes[0].on: expected class_change, result, or both"),
        (f"{HL7}, sending_facility: 'a|b'}}", ":2: pushes[0].sending_facility: expected text that matches"),
        ("pushes:\n  - {name: a, kind: fax}", ":2: pushes[0].kind: expected 'hl7' or 'webhook', found 'fax'"),
        (f"{WEBHOOK}, port: 1}}", ":2: pushes[0].port: expected no such key with kind: webhook"),
        ("pushes:\n  - {name: a, kind: webhook}", ":2: pushes[0].url: expected http://HOST/PATH or https://HOST/PATH"),
        *(
            (f"pushes:\n  - {{name: a, kind: webhook, url: '{url}'}}", ":2: pushes[0].url: expected http://HOST/PATH")
            for url in ("ftp://h/", "https://", "http://h:99999/", "http://h/ x", "http://ж/", "http://h/#a", "h/x")
        ),
        (
            "pushes:\n  - {name: a, kind: webhook, url: 'https://me:secret@h/'}",
            ":2: pushes[0].url: expected a URL without a password",
        ),
        (
            "destinations:\n  - {name: a, ae_title: A, host: h, port: 1}\npushes:\n"
            "  - {name: a, kind: hl7, host: h, port: 1}",
            ":3: pushes: expected names that differ from each other and from those of destinations",
        ),
    ],
)
def test_each_mistake_is_told_with_its_line(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        pushes(tmp_path, text)
    (mistake,) = str(caught.value).splitlines()
    assert mistake.removeprefix(str(tmp_path / "config.yaml")).startswith(expected)
    assert "secret@" not in mistake


def test_the_receivers_that_the_file_shows_are_valid_and_name_every_key_with_its_default(tmp_path: Path) -> None:
    lines = (PROJECT / "config.yaml").read_text(encoding="utf-8").splitlines()
    start = lines.index("#   pushes:")
    shown = [line[4:] for line in lines[start : lines.index("pushes: []")]]
    for push in pushes(tmp_path, "\n".join(shown)):
        required = {"name", "kind", "host", "port", "tls"} if push.kind == "hl7" else {"name", "kind", "url"}
        assert push == PushSection(**push.model_dump(include=required))
    for key in PushSection.model_fields:
        assert any(line.strip(" -").startswith(f"{key}:") for line in shown), key
