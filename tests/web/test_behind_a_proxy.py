"""A proxy that signs people in is believed; nobody else who says the same is."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from tests.web.reading import csrf
from tests.web.scene import Scene
from tests.web.visiting import ACCOUNTS, fields, sign_in, visit
from triaged.store.people.attempts import MOST_OF_AN_ADDRESS
from triaged.study.people import AccessRole
from triaged.web.identity import AccessOptions, Mode, ProxyWord

PROXY = "10.9.9.9"
OPTIONS = AccessOptions(
    mode=Mode.PROXY,
    proxies=("10.9.9.0/24", "fd00::1"),
    origin="https://triage.example",
    word=ProxyWord("X-Person", "X-Groups", frozenset({"radiology", "Roe"}), frozenset({"pacs-admins", "Doe"})),
)


def _asked(
    scene: Scene, headers: dict[str, str] | list[tuple[bytes, bytes]], *, peer: str = PROXY, path: str = "/"
) -> tuple[int, str]:
    client = TestClient(scene.app(access=OPTIONS), client=(peer, 40000), follow_redirects=False)
    answer = client.get(path, headers=headers)
    return answer.status_code, answer.text


@pytest.mark.parametrize(
    ("headers", "role"),
    [
        ({"X-Person": "Roe"}, AccessRole.READER),
        ({"X-Person": "anybody", "X-Groups": "staff, radiology"}, AccessRole.READER),
        ({"X-Person": "Doe"}, AccessRole.ADMINISTRATOR),
        ({"X-Person": "anybody", "X-Groups": "radiology,pacs-admins"}, AccessRole.ADMINISTRATOR),
    ],
)
def test_name_and_groups_decide_the_role(filled: Scene, headers: dict[str, str], role: AccessRole) -> None:
    status, text = _asked(filled, headers)
    assert status == 200
    assert headers["X-Person"] in text
    assert f">{role}<" in text
    assert "Sign out" not in text


@pytest.mark.parametrize("peer", ["10.9.8.9", "127.0.0.1", "testclient", "", "fd00::2", "::ffff:10.9.8.9"])
@pytest.mark.parametrize("path", ["/", "/api/worklist", "/studies/1.2.826.0.1.3"])
def test_a_stranger_who_says_the_same_is_not_believed(filled: Scene, peer: str, path: str) -> None:
    forged = {"X-Person": "Doe", "X-Groups": "pacs-admins", "X-Forwarded-For": PROXY, "Forwarded": f"for={PROXY}"}
    status, text = _asked(filled, forged, peer=peer, path=path)
    assert status == 401
    assert "Ivanova" not in text


@pytest.mark.parametrize("peer", ["fd00::1", "fd00:0:0:0::1", "::ffff:10.9.9.1"])
def test_an_address_is_the_same_however_it_is_written(filled: Scene, peer: str) -> None:
    assert _asked(filled, {"X-Person": "Doe"}, peer=peer)[0] == 200


def test_whom_the_proxy_forwards_for_does_not_matter_to_whom_it_is_believed(filled: Scene) -> None:
    assert _asked(filled, {"X-Person": "Doe", "X-Forwarded-For": "10.0.0.7"})[0] == 200


@pytest.mark.parametrize("headers", [{}, {"X-Person": ""}, {"X-Person": "  "}, {"Remote-User": "Doe"}])
def test_a_proxy_that_says_nothing_lets_nobody_in(filled: Scene, headers: dict[str, str]) -> None:
    assert _asked(filled, headers)[0] == 401
    assert _asked(filled, headers, path="/api/worklist")[0] == 401


def test_two_names_are_none(filled: Scene) -> None:
    """One of them may be the asker's own, which a careless proxy has let through."""
    assert _asked(filled, [(b"X-Person", b"Roe"), (b"X-Person", b"Doe")])[0] == 401


@pytest.mark.parametrize(
    "name",
    [b"<script>", b"Doe\xef\xbf\xbd", b"triaged", b"local", b"*", b"D\xe2\x80\xaeoe", b"x" * 65, b"\x85", b"a,b&c"],
)
def test_a_hostile_name_is_refused(filled: Scene, name: bytes) -> None:
    status, text = _asked(filled, [(b"X-Person", name), (b"X-Groups", b"radiology")])
    assert status == 403
    assert "<script>" not in text


def test_a_name_in_any_script_is_a_name(filled: Scene) -> None:
    status, text = _asked(filled, [(b"X-Person", "Іванова Ю.".encode()), (b"X-Groups", b"radiology")])
    assert status == 200
    assert "Іванова Ю." in text


@pytest.mark.parametrize("headers", [{"X-Person": "Nobody"}, {"X-Person": "x", "X-Groups": "*"}, {"X-Person": "roe"}])
def test_who_has_no_role_is_refused(filled: Scene, headers: dict[str, str]) -> None:
    assert _asked(filled, headers)[0] == 403
    assert _asked(filled, headers, path="/api/worklist")[0] == 403


def test_anybody_whom_the_proxy_signs_in_reads_unless_the_site_says_otherwise(filled: Scene) -> None:
    options = AccessOptions(mode=Mode.PROXY, proxies=(PROXY,))
    client = TestClient(filled.app(access=options), client=(PROXY, 1))
    answer = client.get("/", headers={"Remote-User": "anybody"})
    assert answer.status_code == 200
    assert f">{AccessRole.READER}<" in answer.text


def test_there_is_nothing_to_sign_in_to(filled: Scene) -> None:
    assert _asked(filled, {"X-Person": "Doe"}, path="/sign-in")[0] == 404
    assert _asked(filled, {}, path="/sign-in")[0] == 401
    assert _asked(filled, {}, path="/health", peer="192.0.2.1")[0] == 200


def test_a_change_behind_a_proxy_needs_the_token_and_the_origin_that_browsers_see(filled: Scene) -> None:
    with TestClient(
        filled.app(access=OPTIONS), base_url="https://backend:8080", client=(PROXY, 1), headers={"X-Person": "Doe"}
    ) as client:
        token = csrf(client)
        ours = {"X-CSRF-Token": token, "Origin": "https://triage.example"}
        assert client.post("/", headers=ours).status_code == 405
        assert client.post("/", headers=ours | {"Origin": "https://backend:8080"}).status_code == 403
        assert client.post("/", headers=ours | {"X-CSRF-Token": ""}).status_code == 403


def test_a_believed_proxy_says_from_where_one_signs_in_and_whether_by_tls(filled: Scene) -> None:
    options = AccessOptions(mode=Mode.ACCOUNTS, proxies=(PROXY,))
    with visit(filled, options, address=PROXY) as client:
        client.headers["X-Forwarded-Proto"] = "https"
        client.headers["X-Forwarded-For"] = "10.6.6.6, 10.0.0.7"
        # what the client would send back to https, it does not send to http: so it is told what to send
        form = client.get("/sign-in")
        assert "__Host-triaged-browser" in form.headers["set-cookie"]
        for number in range(MOST_OF_AN_ADDRESS):
            client.headers["X-Forwarded-For"] = f"10.6.6.{number}, 10.0.0.7"
            assert _guess(client, form.headers["set-cookie"], form.text, number) == 401
        assert _guess(client, form.headers["set-cookie"], form.text, 99) == 429
        client.headers["X-Forwarded-For"] = "10.0.0.8"
        assert _guess(client, form.headers["set-cookie"], form.text, 99) == 401


def _guess(client: TestClient, cookie: str, html: str, number: int) -> int:
    given = fields(html) | {"name": f"name-{number}", "password": "guess"}
    headers = {"Cookie": cookie.partition(";")[0], "Origin": "https://testserver"}
    return client.post("/sign-in", data=given, headers=headers).status_code


def test_a_stranger_cannot_claim_to_speak_tls(filled: Scene) -> None:
    with visit(filled, ACCOUNTS) as client:
        client.headers["X-Forwarded-Proto"] = "https"
        assert "secure" not in sign_in(client).headers["set-cookie"].lower()
