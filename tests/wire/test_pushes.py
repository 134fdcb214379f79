"""Changes told over real connections: to receivers that accept, refuse, hang, hang up, drip, or are not there."""

from __future__ import annotations

import hashlib
import hmac
import json
import ssl
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog

from tests.notify.changes import NOW, PATIENT, push
from tests.ports import free_port
from tests.store.making import Studies, at, claimed, commit, make_ready, study_uid
from tests.wire.receivers import END, START, HttpServer, MllpServer, acknowledged, http, mllp
from triaged.errors import ConfigError
from triaged.notify.connection import Address, verifying
from triaged.notify.mllp import MllpSubscriber
from triaged.notify.oru import Ends
from triaged.notify.webhook import WebhookSubscriber
from triaged.steps.errand import DeliveryOptions
from triaged.steps.notify import Notifier, Subscriber
from triaged.steps.ports import Refused, SendOutcome, Sent, Unreachable
from triaged.store.couriers.notifications import Notifications
from triaged.store.tables.database import Database
from triaged.study.notification import Occasion
from triaged.study.records import DeliveryState

Answers = Callable[[Any], list[bytes] | None]


def over_mllp(address: tuple[str, int], *, timeout_s: float = 5.0, tls: ssl.SSLContext | None = None) -> MllpSubscriber:
    return MllpSubscriber(Address(*address, tls), Ends(), timeout_s)


def webhook(address: tuple[str, int], *, timeout_s: float = 5.0, **changed: Any) -> WebhookSubscriber:
    return WebhookSubscriber(Address(*address, changed.pop("tls", None)), "/triage?to=x", timeout_s, **changed)


def told(answers: Answers, *, timeout_s: float = 5.0) -> SendOutcome:
    with mllp(MllpServer(answers)) as server:
        return over_mllp(server.address, timeout_s=timeout_s).push(push(), now=NOW)


def test_a_message_arrives_whole_and_is_acknowledged() -> None:
    with mllp(MllpServer()) as server:
        long = "Иванов|лёгкое & ^ ~ \\ " * 20_000  # far more than one packet
        assert over_mllp(server.address).push(push(reason=long), now=NOW) == Sent()
    (message,) = server.messages
    assert str(message.segment("MSH")[9]) == "ORU^R01^ORU_R01"
    assert message.unescape(str(message.segments("OBX")[2][5])) == long


@pytest.mark.parametrize(("code", "final"), [("AE", True), ("AR", False)])
def test_a_receiver_that_refuses_is_quoted(code: str, final: bool) -> None:
    outcome = told(lambda message: [acknowledged(message, code, "пациент не найден")])
    assert outcome == Refused(f"{code}: пациент не найден", final=final)


def test_an_answer_may_come_in_pieces() -> None:
    def pieces(message: Any) -> list[bytes]:
        whole = acknowledged(message)
        return [whole[index : index + 1] for index in range(len(whole))]

    assert told(pieces) == Sent()


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        (lambda message: [], "no answer in time"),
        (lambda message: [START, b"MSH|"], "no answer in time"),
        (lambda message: None, "connection"),
        (lambda message: [b"x" * 70_000], "without end"),
        (lambda message: [START + b"hello" + END], "found something else"),
        (lambda message: [acknowledged(message).replace(b"|42", b"|41")], "found one of another"),
    ],
)
def test_a_receiver_that_does_not_answer_properly_has_taken_nothing(answers: Answers, words: str) -> None:
    outcome = told(answers, timeout_s=0.5)
    assert isinstance(outcome, Unreachable)
    assert words in outcome.reason.lower()


def test_a_receiver_that_drips_for_ever_is_given_up_in_time() -> None:
    stop = threading.Event()

    class Dripping(list[bytes]):
        def __iter__(self):  # type: ignore[no-untyped-def]
            while not stop.wait(0.02):
                yield b"x"

    with mllp(MllpServer(lambda message: Dripping([b"x"]))) as server:
        outcome = over_mllp(server.address, timeout_s=0.3).push(push(), now=NOW)
        stop.set()
    assert outcome == Unreachable("no answer in time")


def test_nobody_there_is_said_so() -> None:
    nobody = ("127.0.0.1", free_port())
    for receiver in (over_mllp(nobody), webhook(nobody)):
        outcome = receiver.push(push(), now=NOW)
        assert isinstance(outcome, Unreachable)
        assert "refused" in outcome.reason
        assert isinstance(receiver.reach(), Unreachable)


def test_a_check_connects_and_tells_nothing() -> None:
    with mllp(MllpServer()) as server, http(HttpServer()) as other:
        assert over_mllp(server.address).reach() == webhook(other.address).reach() == Sent()
    assert (server.messages, other.posts) == ([], [])


def test_a_webhook_gets_json_with_a_signature_that_it_can_verify() -> None:
    with http(HttpServer(204)) as server:
        assert webhook(server.address, secret=b"our secret").push(push(), now=NOW) == Sent()
    (post,) = server.posts
    assert (post.path, post.headers["Content-Type"], post.headers["X-Triaged-Delivery"]) == (
        "/triage?to=x",
        "application/json",
        "42",
    )
    expected = hmac.new(b"our secret", post.body, hashlib.sha256).hexdigest()
    assert post.headers["X-Triaged-Signature"] == f"sha256={expected}"
    assert json.loads(post.body)["class_after"] == {"code": "B", "words": "severe"}
    assert PATIENT.patient_id.encode() not in post.body


def test_without_a_secret_nothing_is_signed_and_the_patient_is_named_only_where_wanted() -> None:
    with http(HttpServer()) as server:
        assert webhook(server.address, names_patient=True).push(push(), now=NOW) == Sent()
    (post,) = server.posts
    assert "X-Triaged-Signature" not in post.headers
    assert json.loads(post.body)["patient"]["patient_id"] == PATIENT.patient_id


@pytest.mark.parametrize(
    ("status", "final"), [(400, True), (404, True), (401, True), (408, False), (429, False), (500, False), (503, False)]
)
def test_a_status_says_whether_asking_again_helps(status: int, final: bool) -> None:
    with http(HttpServer(status)) as server:
        outcome = webhook(server.address).push(push(), now=NOW)
    assert outcome == Refused(f"HTTP {status}", final=final)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with http(HttpServer()) as elsewhere:
        target = f"http://127.0.0.1:{elsewhere.address[1]}/"
        with http(HttpServer(status, location=target)) as server:
            outcome = webhook(server.address).push(push(), now=NOW)
    assert isinstance(outcome, Refused)
    assert outcome.final
    assert elsewhere.posts == []


def test_a_webhook_that_hangs_is_given_up_in_time() -> None:
    with http(HttpServer(hangs=True)) as server:
        assert webhook(server.address, timeout_s=0.3).push(push(), now=NOW) == Unreachable("no answer in time")


def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    with http(HttpServer()) as server:
        assert webhook(server.address).push(push(), now=NOW) == Sent()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a certificate for 127.0.0.1 that only its own file makes valid, with its key in the same file."""
    path = tmp_path_factory.mktemp("tls") / "receiver.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    names = ["-subj", "/CN=receiver", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(path), "-out", str(path) + ".crt"]
    subprocess.run([*command, *names, *files], check=True, capture_output=True, timeout=60)
    path.write_text(path.read_text() + Path(str(path) + ".crt").read_text())
    return path


def _serving(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_over_tls_only_a_valid_certificate_is_told_anything(certificate: Path) -> None:
    known, unknown = verifying(Path(f"{certificate}.crt")), verifying(None)
    with mllp(MllpServer(), _serving(certificate)) as server, http(HttpServer(), _serving(certificate)) as other:
        assert over_mllp(server.address, tls=known).push(push(), now=NOW) == Sent()
        assert webhook(other.address, tls=known).push(push(), now=NOW) == Sent()
        for receiver in (over_mllp(server.address, tls=unknown), webhook(other.address, tls=unknown)):
            for outcome in (receiver.push(push(), now=NOW), receiver.reach()):
                assert isinstance(outcome, Unreachable)
                assert "its certificate is not valid" in outcome.reason
    assert (len(server.messages), len(other.posts)) == (1, 1)


def test_a_file_without_certificates_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    for name in ("ca.pem", "missing.pem"):
        with pytest.raises(ConfigError, match="ca_file"):
            verifying(tmp_path / name)


def _scored(database: Database, *studies: int) -> Notifications:
    pushes = Notifications(database)
    pushes.subscribe({"ris": frozenset(Occasion), "dead": frozenset(Occasion)})
    for study in studies:
        make_ready(Studies(database), study, minutes=study)
        commit(Studies(database), claimed(Studies(database), minutes=study), minutes=study)
    return pushes


def _pusher(pushes: Notifications, receiver: Subscriber, name: str, **changed: Any) -> Notifier:
    return Notifier(pushes, receiver, name=name, options=DeliveryOptions(**changed), courier="courier")


def test_a_receiver_that_is_away_waits_longer_each_time_and_is_given_up_until_somebody_asks(database: Database) -> None:
    pushes = _scored(database, 1)
    pusher = _pusher(
        pushes, over_mllp(("127.0.0.1", free_port())), "ris", max_attempts=3, first_wait_s=60, longest_wait_s=600
    )
    minutes = [1.0, 2.0, 4.0]
    for minute in minutes:
        assert not pusher.run_next(clock=lambda minute=minute: at(minute - 0.01))  # type: ignore[misc]
        assert pusher.run_next(clock=lambda minute=minute: at(minute))  # type: ignore[misc]
    assert [each.state for each in pushes.undelivered()] == [DeliveryState.DEAD]
    pushes.resend(now=at(6))
    with mllp(MllpServer()) as server:
        assert _pusher(pushes, over_mllp(server.address), "ris").run_next(clock=lambda: at(6))
    assert [str(message.segment("MSH")[10]) for message in server.messages] == [
        str(pushes.pushes(study_uid(1).value)[0].number)
    ]


def test_a_receiver_that_hangs_holds_up_no_other(database: Database) -> None:
    pushes = _scored(database, 1, 2)
    with mllp(MllpServer(lambda message: [])) as hanging, mllp(MllpServer()) as server:
        stuck = _pusher(pushes, over_mllp(hanging.address, timeout_s=15), "dead")
        thread = threading.Thread(target=stuck.run_next, kwargs={"clock": lambda: at(3)})
        thread.start()
        quick = _pusher(pushes, over_mllp(server.address), "ris")
        while quick.run_next(clock=lambda: at(3)):
            pass
        assert [each[DeliveryState.SENT] for each in (pushes.counts()["ris"], pushes.counts()["dead"])] == [2, 0]
        hanging.released.set()
        thread.join()


def test_a_receivers_own_words_stand_in_the_store_and_never_in_the_log(database: Database) -> None:
    pushes = _scored(database, 1)
    refusing = MllpServer(lambda message: [acknowledged(message, "AE", "unknown Roe, Jane")])
    with mllp(refusing), structlog.testing.capture_logs() as lines:
        _pusher(pushes, over_mllp(refusing.address), "ris").run_next(clock=lambda: at(3))
    assert [each.error for each in pushes.undelivered()] == ["AE: unknown Roe, Jane"]
    assert [line["event"] for line in lines] == ["push refused, the reason stands on the status page"]
    assert "Roe" not in str(lines)
