"""Signing in by a provider of OpenID Connect, which really answers, and by everything that is not one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from joserfc.jwk import OctKey
from structlog.testing import capture_logs

from tests.ports import free_port
from tests.store.making import at
from tests.web.provider import CLIENT, SECRET, Provider, key, provider
from tests.web.reading import Page, csrf
from tests.web.scene import Scene
from tests.web.visiting import PASSWORD, sign_in, visit
from triaged.store.trail.audits import Audits
from triaged.study.audit import AuditEvent
from triaged.study.people import AccessRole
from triaged.web.identity import AccessOptions, Mode
from triaged.web.oidc.options import OidcOptions
from triaged.web.oidc.routes import STARTS_A_MINUTE

ORIGIN = "http://testserver"
ROLES = {"radiology": AccessRole.READER, "pacs-admins": AccessRole.ADMINISTRATOR}


@pytest.fixture
def clinic(filled: Scene) -> Scene:
    """A filled list whose clock is right: the provider's is."""
    filled.now = datetime.now(UTC)
    return filled


@pytest.fixture
def there() -> Iterator[Provider]:
    """A provider that answers."""
    with provider() as served:
        yield served


def _options(issuer: str, **more: Any) -> AccessOptions:
    oidc = OidcOptions(issuer, CLIENT, "groups", ROLES, SECRET, lambda: True, label="Clinic ID")
    return AccessOptions(mode=Mode.ACCOUNTS, origin=ORIGIN, oidc=replace(oidc, **more))


@contextmanager
def _visit(scene: Scene, there: Provider, *, address: str = "10.0.0.1", **more: Any) -> Iterator[TestClient]:
    with visit(scene, _options(there.issuer, **more), address=address) as client:
        yield client


def _sent(client: TestClient, wanted: str = "/") -> str:
    """Press the button; return where the browser is sent."""
    answer = client.get("/sign-in/oidc", params={"next": wanted})
    assert answer.status_code == 303
    return str(answer.headers["location"])


def _signed_on(client: TestClient, there: Provider, wanted: str = "/") -> Response:
    """Press the button, sign in at the provider, and come back."""
    return client.get(there.authorize(_sent(client, wanted)))


def _trail(scene: Scene) -> list[tuple[str, str, bool]]:
    rows = Audits(scene.database).since(at(-1000))
    return [(row.person, row.detail, row.succeeded) for row in rows if row.event is AuditEvent.SIGNED_IN]


def _is_refused(client: TestClient, answer: Response, status: int = 401) -> None:
    assert answer.status_code == status
    assert "triaged-session" not in client.cookies
    assert client.get("/").status_code == 303


def test_whom_the_provider_signs_in_reads_the_list_under_the_name_that_it_gives(clinic: Scene, there: Provider) -> None:
    with _visit(clinic, there) as client:
        answer = _signed_on(client, there, "/status")
        assert (answer.status_code, answer.headers["location"]) == (303, "/status")
        page = client.get("/").text
        assert "Ivanova" in page
        assert "Okafor" in Page(page).text
        assert f">{AccessRole.READER}<" in page
        assert client.get("/people").status_code == 403
    assert _trail(clinic) == [("Okafor", "by single sign-on", True)]


def test_the_highest_role_of_the_claims_counts_and_is_that_of_the_last_sign_in(clinic: Scene, there: Provider) -> None:
    with _visit(clinic, there) as client:
        there.claims["groups"] = ["radiology", "pacs-admins"]
        _signed_on(client, there)
        assert "Okafor</th><td>administrator, by single sign-on" in client.get("/people").text
        client.post("/sign-out", data={"csrf": csrf(client)})
        there.claims["groups"] = "radiology"
        _signed_on(client, there)
        assert client.get("/people").status_code == 403


def test_the_provider_says_of_which_sites_a_reader_sees_studies(clinic: Scene, there: Provider) -> None:
    clinic.at_site("north", 3)
    sites = {"ward-north": "north", "ward-south": "south", "all-wards": "*"}
    seen = {}
    with _visit(clinic, there, sites=sites) as client:
        for groups in (["ward-north"], ["ward-north", "ward-south"], ["ward-south"], ["ward-north", "all-wards"]):
            there.claims["groups"] = ["radiology", *groups]
            _signed_on(client, there)
            seen[tuple(groups)] = len(client.get("/api/worklist").json())
            client.post("/sign-out", data={"csrf": csrf(client)})
        assert seen == {
            ("ward-north",): 1,
            ("ward-north", "ward-south"): 1,
            ("ward-south",): 0,
            ("ward-north", "all-wards"): 10,
        }
        there.claims["groups"] = ["pacs-admins"]
        _signed_on(client, there)
        assert len(client.get("/api/worklist").json()) == 10


def test_a_reader_without_a_site_is_refused_where_the_provider_decides_sites(clinic: Scene, there: Provider) -> None:
    with _visit(clinic, there, sites={"ward-north": "north"}) as client:
        _is_refused(client, _signed_on(client, there), 403)


def test_sites_that_an_administrator_gave_stay_where_the_provider_decides_none(clinic: Scene, there: Provider) -> None:
    with _visit(clinic, there) as client:
        _signed_on(client, there)
        assert clinic.accounts.set_sites("Okafor", frozenset({"north"}))
        client.post("/sign-out", data={"csrf": csrf(client)})
        _signed_on(client, there)
        assert client.get("/api/worklist").json() == []


def test_a_session_of_single_sign_on_ends_as_that_of_an_account_does(clinic: Scene, there: Provider) -> None:
    with _visit(clinic, there) as client:
        _signed_on(client, there)
        clinic.now += timedelta(minutes=61)
        assert client.get("/").status_code == 303


def test_nothing_is_asked_of_the_provider_before_somebody_signs_in(clinic: Scene, there: Provider) -> None:
    with _visit(clinic, there) as client:
        assert client.get("/sign-in").status_code == 200
        assert client.get("/health").status_code in (200, 503)
        assert there.asked == []


def test_the_request_has_state_nonce_and_a_challenge_and_each_is_new(clinic: Scene, there: Provider) -> None:
    with _visit(clinic, there) as client:
        first, second = (parse_qs(urlsplit(_sent(client)).query) for _ in range(2))
    assert first["response_type"] == ["code"]
    assert first["code_challenge_method"] == ["S256"]
    assert first["scope"] == ["openid profile"]
    assert first["redirect_uri"] == [f"{ORIGIN}/sign-in/oidc/callback"]
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name][0]) >= 43
        assert first[name] != second[name]


@pytest.mark.parametrize("methods", [None, ["client_secret_basic"], ["client_secret_basic", "client_secret_post"]])
def test_the_secret_goes_to_the_token_endpoint_alone_and_as_the_provider_takes_it(
    clinic: Scene, there: Provider, methods: list[str] | None
) -> None:
    if methods:
        there.metadata["token_endpoint_auth_methods_supported"] = methods
    with _visit(clinic, there) as client:
        url = _sent(client)
        assert SECRET not in url
        assert client.get(there.authorize(url)).status_code == 303
    assert [SECRET in sent.values() for sent in there.tokens] == [methods is not None and len(methods) == 2]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"nonce": "of another sign-in"}, "InvalidClaimError nonce"),
        ({"nonce": None}, "InvalidClaimError nonce"),
        ({"aud": "another-client"}, "InvalidClaimError aud"),
        ({"aud": ["another-client", "a-third"]}, "InvalidClaimError aud"),
        ({"aud": [CLIENT, "another-client"], "azp": "another-client"}, "InvalidClaimError azp"),
        ({"iss": "https://evil.example"}, "InvalidClaimError iss"),
        ({"exp": 946_684_800}, "ExpiredTokenError"),
        ({"exp": None}, "InvalidClaimError exp"),
        ({"iat": 4_102_444_800}, "InvalidClaimError iat"),
        ({"sub": ""}, "no subject"),
        ({"sub": 7}, "InvalidClaimError sub"),
        ({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, "InvalidClaimError at_hash"),
    ],
    ids=str,
)
def test_an_id_token_that_is_not_of_this_sign_in_proves_nothing(
    clinic: Scene, there: Provider, wrong: dict[str, Any], why: str
) -> None:
    there.claims |= wrong
    with _visit(clinic, there) as client:
        _is_refused(client, _signed_on(client, there))
    ((name, said, succeeded),) = _trail(clinic)
    assert (name, succeeded) == ("", False)
    assert why in said


def test_a_token_that_another_key_signed_proves_nothing(clinic: Scene, there: Provider) -> None:
    there.signs_with = key("somebody else")
    with _visit(clinic, there) as client:
        _is_refused(client, _signed_on(client, there))
    assert "BadSignatureError" in _trail(clinic)[0][1]


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_a_token_that_anybody_could_have_signed_proves_nothing(clinic: Scene, there: Provider, algorithm: str) -> None:
    there.algorithm = algorithm
    there.signs_with = OctKey.import_key(SECRET * 2)
    with _visit(clinic, there) as client:
        _is_refused(client, _signed_on(client, there))
    assert "UnsupportedAlgorithmError" in _trail(clinic)[0][1]


def test_another_state_is_refused_and_asks_nothing_of_the_provider(clinic: Scene, there: Provider) -> None:
    with _visit(clinic, there) as client:
        back = there.authorize(_sent(client))
        before = len(there.asked)
        right = parse_qs(urlsplit(back).query)["state"][0]
        for state in ("", "f" * 64, right.upper(), right[:-1]):
            _is_refused(client, client.get("/sign-in/oidc/callback", params={"code": "code-0", "state": state}), 400)
        assert len(there.asked) == before


def test_another_browser_cannot_bring_the_answer(clinic: Scene, there: Provider) -> None:
    """Else somebody could be signed in as whoever sent them a link."""
    with _visit(clinic, there) as one, _visit(clinic, there) as other:
        back = there.authorize(_sent(one))
        other.get("/sign-in")
        _is_refused(other, other.get(back), 400)
        assert one.get(back).status_code == 303


def test_an_answer_is_taken_once(clinic: Scene, there: Provider) -> None:
    with _visit(clinic, there) as client:
        back = there.authorize(_sent(client))
        assert client.get(back).status_code == 303
        client.post("/sign-out", data={"csrf": csrf(client)})
        _is_refused(client, client.get(back), 400)


def test_a_code_is_worth_nothing_in_another_sign_in(clinic: Scene, there: Provider) -> None:
    with _visit(clinic, there) as client:
        stolen = parse_qs(urlsplit(there.authorize(_sent(client))).query)["code"][0]
        state = parse_qs(urlsplit(_sent(client)).query)["state"][0]
        _is_refused(client, client.get("/sign-in/oidc/callback", params={"code": stolen, "state": state}))
    assert _trail(clinic) == [("", "single sign-on: it answers invalid_grant", False)]


def test_who_comes_back_too_late_begins_again(clinic: Scene, there: Provider) -> None:
    with _visit(clinic, there) as client:
        back = there.authorize(_sent(client))
        clinic.now += timedelta(minutes=10)
        _is_refused(client, client.get(back), 400)
        clinic.now = datetime.now(UTC)
        assert _signed_on(client, there).status_code == 303


def test_who_says_no_at_the_provider_is_not_signed_in(clinic: Scene, there: Provider) -> None:
    with _visit(clinic, there) as client:
        state = parse_qs(urlsplit(_sent(client)).query)["state"][0]
        hostile = {"state": state, "error": "access_denied", "error_description": "<script>alert('x')</script>"}
        answer = client.get("/sign-in/oidc/callback", params=hostile)
        assert "<script>" not in answer.text
        _is_refused(client, answer)


def test_an_answer_of_another_provider_is_refused(clinic: Scene, there: Provider) -> None:
    with _visit(clinic, there) as client:
        back = there.authorize(_sent(client))
        _is_refused(client, client.get(f"{back}&iss=https://evil.example"))
        assert client.get(f"{there.authorize(_sent(client))}&iss={there.issuer}").status_code == 303


@pytest.mark.parametrize("groups", [None, [], ["staff"], "staff", {"radiology": True}, 7, [["radiology"]], ["reader"]])
def test_who_has_no_role_is_told_so_and_it_is_written_down(clinic: Scene, there: Provider, groups: Any) -> None:
    there.claims["groups"] = groups
    with _visit(clinic, there) as client:
        answer = _signed_on(client, there)
        assert "Clinic ID knows you as Okafor, and gives you no role on this list." in Page(answer.text).text
        _is_refused(client, answer, 403)
    assert _trail(clinic) == [("Okafor", "single sign-on: no role", False)]
    assert [each.person.name for each in clinic.accounts.all()] == ["Doe"]


@pytest.mark.parametrize("name", [None, "", "<script>", "triaged", "x" * 65, ["Okafor"], 7])
def test_who_has_no_name_is_refused(clinic: Scene, there: Provider, name: Any) -> None:
    there.claims["preferred_username"] = name
    with _visit(clinic, there) as client:
        answer = _signed_on(client, there)
        assert "<script>" not in answer.text
        _is_refused(client, answer, 403)


def test_nobody_gets_into_an_account_by_having_its_name(clinic: Scene, there: Provider) -> None:
    there.claims["preferred_username"] = "DOE"
    with _visit(clinic, there) as client:
        answer = _signed_on(client, there)
        assert "The name DOE is that of another account" in Page(answer.text).text
        _is_refused(client, answer, 403)
    assert _trail(clinic) == [("DOE", "single sign-on: name taken", False)]


def test_somebody_else_who_gets_a_name_does_not_get_what_its_holder_had(clinic: Scene, there: Provider) -> None:
    with _visit(clinic, there) as client:
        _signed_on(client, there)
        client.post("/sign-out", data={"csrf": csrf(client)})
        there.claims["sub"] = "s-2"
        _is_refused(client, _signed_on(client, there), 403)


def test_who_is_renamed_stays_the_same_person(clinic: Scene, there: Provider) -> None:
    with _visit(clinic, there) as client:
        _signed_on(client, there)
        there.claims["preferred_username"] = "Okafor-Lind"
        client.post("/sign-out", data={"csrf": csrf(client)})
        assert _signed_on(client, there).status_code == 303
    assert [each.person.name for each in clinic.accounts.all()] == ["Doe", "Okafor-Lind"]


def test_no_password_opens_an_account_of_single_sign_on(clinic: Scene, there: Provider) -> None:
    with _visit(clinic, there) as client:
        _signed_on(client, there)
        client.post("/sign-out", data={"csrf": csrf(client)})
        assert not clinic.accounts.set_password("Okafor", PASSWORD, now=clinic.now)
        for password in ("", PASSWORD):
            assert sign_in(client, name="Okafor", password=password).status_code == 401


def test_a_claim_may_lie_in_another_and_its_name_may_have_dots(clinic: Scene, there: Provider) -> None:
    there.claims |= {"realm_access": {"roles": ["radiology"]}, "https://clinic.example/name": "Okafor", "groups": []}
    more = {"roles_claim": "realm_access.roles", "name_claim": "https://clinic.example/name"}
    with _visit(clinic, there, **more) as client:
        assert _signed_on(client, there).status_code == 303


def test_what_the_id_token_does_not_say_is_asked_for(clinic: Scene, there: Provider) -> None:
    there.userinfo = {"sub": "s-1", "groups": there.claims.pop("groups"), "preferred_username": "Doe"}
    there.metadata["userinfo_endpoint"] = f"{there.issuer}/userinfo"
    with _visit(clinic, there) as client:
        assert _signed_on(client, there).status_code == 303
        client.post("/sign-out", data={"csrf": csrf(client)})
        there.userinfo["sub"] = "s-2"
        _is_refused(client, _signed_on(client, there))


def test_signing_out_leaves_the_provider_too(clinic: Scene, there: Provider) -> None:
    with _visit(clinic, there) as client:
        _signed_on(client, there)
        old = dict(client.cookies)
        out = client.post("/sign-out", data={"csrf": csrf(client)})
        assert out.status_code == 200
        (where,) = [each.get("href") or "" for tag, each in Page(out.text).elements if tag == "a"]
        assert where.startswith(f"{there.issuer}/logout?")
        assert parse_qs(urlsplit(where).query) == {
            "client_id": [CLIENT],
            "post_logout_redirect_uri": [f"{ORIGIN}/sign-in"],
        }
        refresh = [each.get("content") for tag, each in Page(out.text).elements if each.get("http-equiv") == "refresh"]
        assert refresh == [f"0; url={where}"]
        client.cookies.update(old)
        assert client.get("/").status_code == 303


def test_who_signed_in_with_a_password_leaves_this_list_alone(clinic: Scene, there: Provider) -> None:
    with _visit(clinic, there) as client:
        sign_in(client)
        assert client.post("/sign-out", data={"csrf": csrf(client)}).headers["location"] == "/sign-in"
        assert there.asked == []


def test_signing_out_needs_no_provider(clinic: Scene, there: Provider) -> None:
    there.metadata["end_session_endpoint"] = None
    with _visit(clinic, there) as client:
        _signed_on(client, there)
        assert client.post("/sign-out", data={"csrf": csrf(client)}).headers["location"] == "/sign-in"
        assert client.get("/").status_code == 303


def test_a_provider_that_is_away_is_said_and_accounts_sign_in_all_the_same(clinic: Scene) -> None:
    away = Provider(f"http://127.0.0.1:{free_port()}")
    with _visit(clinic, away) as client, capture_logs() as lines:
        answer = client.get("/sign-in/oidc")
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "10"
        assert "Clinic ID cannot be reached now." in Page(answer.text).text
        assert sign_in(client).status_code == 303
        assert "Ivanova" in client.get("/").text
    assert [line["event"] for line in lines] == ["single sign-on is unreachable", "signed in"]


def test_a_provider_that_goes_away_meanwhile_is_said_too(clinic: Scene, there: Provider) -> None:
    with _visit(clinic, there) as client:
        back = there.authorize(_sent(client))
        there.fails = True
        _is_refused(client, client.get(back), 503)
        there.fails = False
        assert _signed_on(client, there).status_code == 303


@pytest.mark.parametrize(
    "metadata",
    [{"issuer": "https://evil.example"}, {"token_endpoint": None}, {"jwks_uri": "ftp://127.0.0.1/keys"}],
    ids=str,
)
def test_metadata_that_cannot_be_used_is_refused(clinic: Scene, there: Provider, metadata: dict[str, Any]) -> None:
    there.metadata |= metadata
    with _visit(clinic, there) as client:
        _is_refused(client, client.get("/sign-in/oidc"))


def test_few_sign_ins_may_begin_in_a_minute_from_one_address(clinic: Scene, there: Provider) -> None:
    with _visit(clinic, there) as client, _visit(clinic, there, address="10.0.0.2") as other:
        for _ in range(STARTS_A_MINUTE):
            _sent(client)
        assert client.get("/sign-in/oidc").status_code == 429
        assert sign_in(client).status_code == 303
        _sent(other)


def test_the_button_leads_back_to_what_was_wanted_and_to_no_other_site(clinic: Scene, there: Provider) -> None:
    with _visit(clinic, there) as client:
        page = Page(client.get("/sign-in", params={"next": "/status?a=b&c"}).text)
        (button,) = [each["href"] or "" for tag, each in page.elements if tag == "a"]
        assert "Sign in with Clinic ID" in page.text
        assert client.get(there.authorize(str(client.get(button).headers["location"]))).headers["location"] == (
            "/status?a=b&c"
        )
        client.post("/sign-out", data={"csrf": csrf(client)})
        assert _signed_on(client, there, "//evil.example").headers["location"] == "/"


def test_without_a_provider_there_is_no_button_and_no_route(clinic: Scene) -> None:
    with visit(clinic, AccessOptions(mode=Mode.ACCOUNTS)) as client:
        assert "oidc" not in client.get("/sign-in").text
        assert client.get("/sign-in/oidc/callback?code=a&state=b").headers["location"].startswith("/sign-in?next=")
        sign_in(client)
        assert client.get("/sign-in/oidc").status_code == 404


def test_the_log_has_neither_code_nor_state_nor_secret(clinic: Scene, there: Provider) -> None:
    with _visit(clinic, there) as client, capture_logs() as lines:
        _signed_on(client, there)
        there.claims["aud"] = "another-client"
        client.post("/sign-out", data={"csrf": csrf(client)})
        back = there.authorize(_sent(client))
        client.get(back)
        client.get(back)
    assert [line["event"] for line in lines] == ["signed in", "single sign-on failed", "single sign-on failed"]
    state = parse_qs(urlsplit(back).query)["state"][0]
    assert not [word for word in (SECRET, state, "code-", "at-1") if word in str(lines)]
    assert SECRET not in repr(_options(there.issuer))
