"""What a person who edits `config.yaml` is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from triaged.config.loading import load
from triaged.config.network import DestinationSection
from triaged.config.settings import Config
from triaged.errors import ConfigError

PROJECT = Path(__file__).parents[2]


def _written(folder: Path, text: str | bytes) -> Path:
    path = folder / "config.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def _mistakes(folder: Path, text: str | bytes) -> list[str]:
    path = _written(folder, text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    return [line.removeprefix(f"{path}") for line in str(caught.value).splitlines()]


def test_an_empty_file_means_every_default(tmp_path: Path) -> None:
    config = load(_written(tmp_path, ""))
    assert (config.dicom.ae_title, config.dicom.port, config.web.port) == ("TRIAGED", 11112, 8080)
    assert config.triage.scheme.value == "severity"
    assert config.destinations == ()


def test_a_section_without_keys_means_its_defaults(tmp_path: Path) -> None:
    assert load(_written(tmp_path, "web:\ndicom:\n  # port: 104\n")) == load(_written(tmp_path, ""))


def test_the_file_that_comes_with_the_program_says_what_the_defaults_are(tmp_path: Path) -> None:
    """Every key is in the file, and leaving all of them out changes nothing."""
    shipped = (PROJECT / "config.yaml").read_text(encoding="utf-8")
    assert load(_written(tmp_path, shipped)) == load(_written(tmp_path, "{}"))
    for name, field in Config.model_fields.items():
        assert f"\n{name}:" in shipped, name
        for key in getattr(field.annotation, "model_fields", {}):
            assert f"  {key}:" in shipped or f"  # {key}:" in shipped, f"{name}.{key}"


def test_the_destination_that_the_file_shows_is_valid_names_every_key_and_gives_the_defaults(tmp_path: Path) -> None:
    lines = (PROJECT / "config.yaml").read_text(encoding="utf-8").splitlines()
    start = lines.index("#   destinations:")
    shown = [line[4:] for line in lines[start : lines.index("destinations: []")]]
    (destination,) = load(_written(tmp_path, "\n".join(shown))).destinations
    required = {"name", "ae_title", "host", "port"}
    assert destination == DestinationSection(**destination.model_dump(include=required))
    for key in DestinationSection.model_fields:
        assert any(line.strip(" -").startswith(f"{key}:") for line in shown), key


def test_relative_paths_are_relative_to_the_file_and_not_to_the_working_directory(tmp_path: Path) -> None:
    text = "storage: {path: kept/here}\ndatabase: {url: 'sqlite:///state.db'}\nmodels: {folder: ../models}\n"
    folder = tmp_path / "site"
    folder.mkdir()
    config = load(_written(folder, text))
    assert config.storage.path == folder / "kept/here"
    assert config.database.url == f"sqlite:///{folder}/state.db"
    assert config.models.folder == tmp_path / "models"


def test_absolute_paths_stay_as_they_are(tmp_path: Path) -> None:
    config = load(_written(tmp_path, "storage: {path: /srv/spool}\ndatabase: {url: 'sqlite:////srv/state.db'}\n"))
    assert config.storage.path == Path("/srv/spool")
    assert config.database.url == "sqlite:////srv/state.db"


def test_the_models_that_come_with_the_program_are_found_from_any_configuration_file(tmp_path: Path) -> None:
    assert load(_written(tmp_path, "")).models.folder == PROJECT / "onnx_models"


def test_an_unknown_key_is_named_with_its_line_and_the_nearest_known_key(tmp_path: Path) -> None:
    (mistake,) = _mistakes(tmp_path, "# site\ndicom:\n  ae_title: A\n  prot: 104\n")
    assert mistake.startswith(":4: dicom.prot: unknown key; did you mean port? expected one of ae_title, host, port")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dicom:\n  port: '104'", ":2: dicom.port: expected a whole number, found '104'"),
        ("dicom:\n  port: 1.5", ":2: dicom.port: expected a whole number, found 1.5"),
        ("dicom:\n  port: true", ":2: dicom.port: expected a whole number, found True"),
        ("dicom:\n  port: 0", ":2: dicom.port: expected at least 1, found 0"),
        ("dicom:\n  port: 65536", ":2: dicom.port: expected at most 65535, found 65536"),
        ("dicom:\n  port:", ":2: dicom.port: expected a whole number, found nothing"),
        ("dicom:\n  host: http://pacs", ":2: dicom.host: expected a host name or an IP address"),
        ("storage:\n  path: [a]", ":2: storage.path: expected a path, found a list"),
        ("storage: spool", ":1: storage: expected a section of keys, found 'spool'"),
        ("destinations: {name: a}", ":1: destinations: expected a list, found a section of keys"),
        ("triage:\n  scheme: worst", ":2: triage.scheme: expected 'identification', 'severity' or 'combined', found"),
        ("inference:\n\n  device: gpu", ":3: inference.device: expected auto, cpu, cuda, or one GPU"),
        ("completion:\n  settle_s: .nan", ":2: completion.settle_s: expected a finite number, found nan"),
        ("models:\n  ct: ../../etc", ":2: models.ct: expected"),
        (
            "models:\n  ct: a\n  second: [b, a]",
            ":3: models.second: expected names that differ from each other and from",
        ),
        ("models:\n  second:\n  - b\n  - b", ":2: models.second: expected names that differ from each other"),
        ("models:\n  second: [ct-open]", ":2: models.second: expected names that differ from each other"),
        ("models:\n  second: [a, ../b]", ":2: models.second[1]: expected text that matches"),
        ("models:\n  second: threshold", ":2: models.second: expected a list, found 'threshold'"),
        ("triage:\n  cut_offs: {s2: 0.6}", ":2: triage.cut_offs: expected rising shares, 0 < s1 < s2 < s3 < s4"),
        ("triage:\n  grade_cut_offs: [0.1, 0.2, 0.3, 0.2]", ":2: triage.grade_cut_offs: expected four rising shares"),
        ("triage:\n  identification_threshold: 1.2", ":2: triage.identification_threshold: expected less than 1"),
        (
            "triage:\n  discipline: lifo",
            ":2: triage.discipline: expected 'head_start', 'fifo', 'strict',",
        ),
        ("triage:\n  guard:\n    failures: 1.5", ":3: triage.guard.failures: expected less than 1.0, found 1.5"),
        ("triage:\n  guard:\n    lag: 5", ":3: triage.guard.lag: unknown key; did you mean lag_min?"),
        ("triage:\n  guard: {window: 5}", ":2: triage.guard.window: expected at least 10, found 5"),
        ("triage:\n  prevalence: 3", ":2: triage.prevalence: expected at most 1.0, found 3"),
        (
            "triage:\n  operating_point: {sensitivity: 0.9}",
            ":2: triage.operating_point.specificity: expected this key, found none",
        ),
        ("completion:\n  quiet_s: 1", ":1: completion: expected settle_s <= quiet_s <= max_wait_s"),
        ("delivery:\n  first_wait_s: 90", ":1: delivery.longest_wait_s: expected at least first_wait_s"),
        ("delivery:\n  negotiate_every_s: 0", ":2: delivery.negotiate_every_s: expected more than 0.0, found 0"),
        (
            "pictures:\n  palette: red-green",
            ":2: pictures.palette: expected 'green-red' or 'viridis', found 'red-green'",
        ),
        ("dicom:\n  peers:\n    - {ae_title: A, host: h}", ":3: dicom.peers[0].port: expected this key, found none"),
        ("web:\n  port: 11112", ":1: web: expected another port than dicom.port"),
        ("database:\n  url: mysql://h/d", ":2: database.url: expected sqlite:///FILE or postgresql://"),
        ("database:\n  url: 'sqlite:///:memory:'", ":2: database.url: expected sqlite:///FILE or postgresql://"),
    ],
)
def test_a_wrong_value_is_named_with_its_line_and_what_was_expected(tmp_path: Path, text: str, expected: str) -> None:
    (mistake,) = _mistakes(tmp_path, text)
    assert mistake.startswith(expected)


@pytest.mark.parametrize("title", ["''", "ABCDEFGHIJKLMNOPQ", "' A'", "A\\B", "ÄRZTE", '"A\\tB"'])
def test_an_ae_title_that_dicom_does_not_allow_is_refused(tmp_path: Path, title: str) -> None:
    (mistake,) = _mistakes(tmp_path, f"dicom:\n  ae_title: {title}\n")
    assert mistake.startswith(":2: dicom.ae_title: expected an AE title: 1 to 16 ASCII characters")


def test_a_study_without_a_score_can_not_be_set_below_one_that_is_not_flagged(tmp_path: Path) -> None:
    (mistake,) = _mistakes(tmp_path, "triage:\n  head_start_min:\n    unscored: 0\n    not_flagged: 10\n")
    assert mistake.startswith(":2: triage.head_start_min.unscored: ")


def test_several_mistakes_are_listed_together_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """dicom: {port: x}
destinations:
  - name: pacs
    ae_title: PACS
    host: localhost
    port: 104
    objects: [sc, pdf]
  - name: other
    hst: localhost
web: {colour: red}
"""
    assert [mistake.split(" expected")[0].split(" unknown")[0] for mistake in _mistakes(tmp_path, text)] == [
        ":1: dicom.port:",
        ":7: destinations[0].objects[1]:",
        ":8: destinations[1].ae_title:",
        ":8: destinations[1].host:",
        ":8: destinations[1].port:",
        ":9: destinations[1].hst:",
        ":10: web.colour:",
    ]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (
            "objects: [sc, pdf]",
            "objects[1]: expected 'sc', 'sr', 'seg', 'text', 'kos', 'gsps', '3d' or '3d-turning', found 'pdf'",
        ),
        ("objects: []", "objects: expected at least 1 items, found a list"),
        ("multi_frame: always", "multi_frame: expected 'auto' or 'never', found 'always'"),
        ("storage_commitment: 'yes'", "storage_commitment: expected true or false, found 'yes'"),
        (
            "transfer_syntaxes: [jpeg]",
            "transfer_syntaxes[0]: expected 'explicit', 'implicit', 'deflated' or 'rle', found 'jpeg'",
        ),
        ("transfer_syntaxes: [rle]", "transfer_syntaxes: expected explicit, implicit or deflated too: only pictures"),
        ("transfer_syntax: [rle]", "transfer_syntax: unknown key; did you mean transfer_syntaxes?"),
    ],
)
def test_a_mistake_in_a_destination_is_named_with_its_line(tmp_path: Path, keys: str, expected: str) -> None:
    text = f"destinations:\n  - name: pacs\n    ae_title: A\n    host: h\n    port: 104\n    {keys}\n"
    (mistake,) = _mistakes(tmp_path, text)
    assert mistake.startswith(f":6: destinations[0].{expected}")


def test_two_peers_with_one_ae_title_are_refused(tmp_path: Path) -> None:
    one = "    - {ae_title: CT1, host: h, port: 104}\n"
    (mistake,) = _mistakes(tmp_path, f"dicom:\n  port: 104\n  peers:\n{one}{one}")
    assert mistake == ":3: dicom.peers: expected peers with different AE titles"


def test_two_destinations_with_one_name_are_refused(tmp_path: Path) -> None:
    one = "  - {name: pacs, ae_title: A, host: h, port: 104}\n"
    (mistake,) = _mistakes(tmp_path, f"web:\ndestinations:\n{one}{one}")
    assert mistake == ":2: destinations: expected destinations with different names"


def test_a_key_that_is_there_twice_is_an_error_and_not_a_silent_choice(tmp_path: Path) -> None:
    (mistake,) = _mistakes(tmp_path, "dicom:\n  port: 104\n  port: 11112\n")
    assert mistake.startswith(':3: expected each key once, found duplicate key "port"')


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("dicom: [1\nweb: {", 2),
        ("\tdicom: 1", 1),
        ("dicom: *there", 1),
        ("a: b: c", 1),
        ("- a\n- b", 1),
        ("'", 1),
        ("? {a: [1]}\n: 2\n", 1),
    ],
)
def test_what_is_not_yaml_is_named_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    (mistake,) = _mistakes(tmp_path, text)
    assert mistake.startswith(f":{line}: expected ")


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (mistake,) = _mistakes(tmp_path, b"dicom: \xff")
    assert mistake == ":1: expected UTF-8 text, found the byte 0xFF"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: expected a readable configuration file, found: No such"):
        load(tmp_path / "nowhere.yaml")


def test_a_tag_makes_no_object(tmp_path: Path) -> None:
    (mistake,) = _mistakes(tmp_path, "dicom: !!python/object/apply:os.system ['false']\n")
    assert mistake == ":1: dicom: expected a section of keys, found a list"


def test_a_password_is_not_repeated_in_a_message(tmp_path: Path) -> None:
    (mistake,) = _mistakes(tmp_path, "database: {url: 'mysql://me:hunter2@host/db'}\n")
    assert "hunter2" not in mistake
    assert mistake.endswith("found 'mysql://...@host/db'")
