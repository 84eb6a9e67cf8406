"""Tries at the page that must all be refused, leave nothing behind, and stand in the audit (after OWASP's WSTG)."""

import base64
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from dashboards.web.guard import CSP
from dashboards.web.sessions import IDLE_MS, LIFE_MS, MOST_FAILURES_OF_ADDRESS, MOST_FAILURES_OF_USER, WINDOW_MS
from infra.clock import DAY_MS, HOUR_MS
from infra.links import VerdictLink, sign
from tests.dashboards.web.stage import ESTATE, LINK_KEY, NOON, PASSWORD, SITE, Client, Stage, alert, csrf, day_of

Try = Callable[[Stage], httpx.Response]
PAGE = f"/e/{ESTATE}/"
SAY = f"/e/{ESTATE}/say"
TRIES: dict[str, tuple[Try, int]] = {}


def refused(status: int) -> Callable[[Try], Try]:
    """Note a try, and how it is to be answered."""

    def note(one: Try) -> Try:
        TRIES[one.__name__] = one, status
        return one

    return note


def say(client: Client, fields: dict[str, str], headers: dict[str, str] | None = None) -> httpx.Response:
    token = csrf(client.get(PAGE).text)
    return client.post(SAY, data={"csrf": token, "say": "a1:true"} | fields, headers=headers or {})


def log_in(stage: Stage, user: str, password: str, address: str = "10.0.0.7") -> httpx.Response:
    client = stage.client(address)
    return client.post("/login", data={"csrf": csrf(client.get("/login").text), "user": user, "password": password})


def link(alert_id: str = "a1", zone: str = "pump_room", ends: int = NOON + DAY_MS, key: bytes = LINK_KEY) -> str:
    return sign(VerdictLink(alert_id, zone, "guards", "true", ends), key)


@refused(303)
def page_without_login(stage: Stage) -> httpx.Response:
    return stage.client().get(PAGE)


@refused(401)
def events_without_login(stage: Stage) -> httpx.Response:
    return stage.client().get(f"{PAGE}events")


@refused(401)
def disposition_without_login(stage: Stage) -> httpx.Response:
    return stage.client().post(SAY, data={"say": "a1:true"})


@refused(401)
def audit_without_login(stage: Stage) -> httpx.Response:
    return stage.client().get("/audit")


@refused(401)
def logout_without_login(stage: Stage) -> httpx.Response:
    return stage.client().post("/logout", data={"csrf": "x"})


@refused(401)
def invented_cookie(stage: Stage) -> httpx.Response:
    return stage.client().get(f"{PAGE}events", headers={"Cookie": "anfang_session=AAAAAAAAAAAAAAAAAAAAAAAA"})


@refused(401)
def cookie_with_a_letter_changed(stage: Stage) -> httpx.Response:
    cookie = stage.logged_in().cookies["anfang_session"]
    changed = ("B" if cookie[0] != "B" else "C") + cookie[1:]
    return stage.client().get(f"{PAGE}events", headers={"Cookie": f"anfang_session={changed}"})


@refused(401)
def cookie_after_logout(stage: Stage) -> httpx.Response:
    client = stage.logged_in()
    cookie = client.cookies["anfang_session"]
    client.post("/logout", data={"csrf": csrf(client.get(PAGE).text)})
    return stage.client().get(f"{PAGE}events", headers={"Cookie": f"anfang_session={cookie}"})


@refused(401)
def cookie_of_a_removed_user(stage: Stage) -> httpx.Response:
    client = stage.logged_in()
    stage.users.remove("wang")
    return client.get(f"{PAGE}events")


@refused(401)
def cookie_after_a_change_of_role(stage: Stage) -> httpx.Response:
    client = stage.logged_in()
    stage.give_estate("wang", "elsewhere")
    return client.get("/e/elsewhere/events")


@refused(401)
def cookie_that_lay_idle(stage: Stage) -> httpx.Response:
    client = stage.logged_in()
    stage.clock.advance(IDLE_MS + 1)
    return client.get(f"{PAGE}events")


@refused(401)
def cookie_older_than_its_life(stage: Stage) -> httpx.Response:
    client = stage.logged_in()
    for _ in range(LIFE_MS // (6 * HOUR_MS) + 1):
        stage.clock.advance(6 * HOUR_MS)
        client.get(PAGE)
    return client.get(f"{PAGE}events")


@refused(401)
def session_fixed_before_the_login(stage: Stage) -> httpx.Response:
    client = stage.client()
    client.cookies.set("anfang_session", "known-to-the-attacker")
    client.post("/login", data={"csrf": csrf(client.get("/login").text), "user": "wang", "password": PASSWORD})
    return stage.client().get(f"{PAGE}events", headers={"Cookie": "anfang_session=known-to-the-attacker"})


@refused(404)
def another_estates_page(stage: Stage) -> httpx.Response:
    return stage.logged_in().get("/e/elsewhere/")


@refused(404)
def another_estates_events(stage: Stage) -> httpx.Response:
    return stage.logged_in().get("/e/elsewhere/events")


@refused(404)
def disposition_on_another_estate(stage: Stage) -> httpx.Response:
    client = stage.logged_in()
    return client.post("/e/elsewhere/say", data={"csrf": csrf(client.get(PAGE).text), "say": "a1:true"})


@refused(404)
def another_estates_alert_by_its_id(stage: Stage) -> httpx.Response:
    stage.tell([alert("theirs", estate="elsewhere")])
    return say(stage.logged_in(), {"say": "theirs:true"})


@refused(404)
def estate_that_does_not_exist(stage: Stage) -> httpx.Response:
    return stage.logged_in().get("/e/nowhere/")


@refused(403)
def disposition_by_the_office(stage: Stage) -> httpx.Response:
    return say(stage.logged_in("li"), {})


@refused(404)
def audit_by_a_guard(stage: Stage) -> httpx.Response:
    return stage.logged_in().get("/audit")


@refused(403)
def form_without_its_token(stage: Stage) -> httpx.Response:
    return stage.logged_in().post(SAY, data={"say": "a1:true"})


@refused(403)
def form_with_anothers_token(stage: Stage) -> httpx.Response:
    theirs = csrf(stage.logged_in("ops").get(PAGE).text)
    return stage.logged_in().post(SAY, data={"csrf": theirs, "say": "a1:true"})


@refused(403)
def form_from_another_origin(stage: Stage) -> httpx.Response:
    return say(stage.logged_in(), {}, headers={"Origin": "https://evil.example"})


@refused(403)
def form_from_a_sandbox(stage: Stage) -> httpx.Response:
    return say(stage.logged_in(), {}, headers={"Origin": "null"})


@refused(403)
def form_that_the_browser_calls_cross_site(stage: Stage) -> httpx.Response:
    return say(stage.logged_in(), {}, headers={"Sec-Fetch-Site": "cross-site"})


@refused(403)
def login_without_its_token(stage: Stage) -> httpx.Response:
    return stage.client().post("/login", data={"user": "wang", "password": PASSWORD})


@refused(403)
def login_with_anothers_token(stage: Stage) -> httpx.Response:
    token = csrf(stage.client().get("/login").text)
    client = stage.client()
    client.get("/login")
    return client.post("/login", data={"csrf": token, "user": "wang", "password": PASSWORD})


@refused(401)
def wrong_password(stage: Stage) -> httpx.Response:
    return log_in(stage, "wang", "not the password")


@refused(401)
def user_that_does_not_exist(stage: Stage) -> httpx.Response:
    return log_in(stage, "root", "admin")


@refused(401)
def injection_in_the_user_name(stage: Stage) -> httpx.Response:
    return log_in(stage, "wang' OR '1'='1' -- ", PASSWORD)


@refused(401)
def user_name_in_other_letters(stage: Stage) -> httpx.Response:
    return log_in(stage, "WANG", PASSWORD)


@refused(429)
def brute_force_on_a_user(stage: Stage) -> httpx.Response:
    for n in range(MOST_FAILURES_OF_USER):
        assert log_in(stage, "wang", f"guess {n}", f"10.0.1.{n}").status_code == 401
    return log_in(stage, "wang", PASSWORD, "10.0.2.1")


@refused(429)
def password_spraying_from_an_address(stage: Stage) -> httpx.Response:
    for n in range(MOST_FAILURES_OF_ADDRESS):
        assert log_in(stage, f"user{n}", "Sommer2026!").status_code == 401
    return log_in(stage, "li", PASSWORD)


@refused(429)
def lockout_evaded_by_a_forged_address(stage: Stage) -> httpx.Response:
    for n in range(MOST_FAILURES_OF_ADDRESS):
        log_in(stage, f"user{n}", "Sommer2026!")
    client = stage.client()
    fields = {"csrf": csrf(client.get("/login").text), "user": "li", "password": PASSWORD}
    return client.post("/login", data=fields, headers={"X-Forwarded-For": "203.0.113.9"})


@refused(405)
def method_put(stage: Stage) -> httpx.Response:
    return stage.logged_in().request("PUT", SAY, content="say=a1:true")


@refused(405)
def method_delete(stage: Stage) -> httpx.Response:
    return stage.logged_in().request("DELETE", PAGE)


@refused(405)
def method_trace(stage: Stage) -> httpx.Response:
    return stage.client().request("TRACE", "/login")


@refused(405)
def disposition_by_get(stage: Stage) -> httpx.Response:
    client = stage.logged_in()
    return client.get(SAY, params={"csrf": csrf(client.get(PAGE).text), "say": "a1:true"})


@refused(405)
def method_overridden_by_a_header(stage: Stage) -> httpx.Response:
    client = stage.logged_in()
    params = {"csrf": csrf(client.get(PAGE).text), "say": "a1:true", "_method": "POST"}
    return client.get(SAY, params=params, headers={"X-HTTP-Method-Override": "POST"})


@refused(404)
def path_traversal(stage: Stage) -> httpx.Response:
    return stage.client().get("/static/%2e%2e%2f%2e%2e%2fapp.py")


@refused(404)
def path_traversal_by_backslashes(stage: Stage) -> httpx.Response:
    return stage.client().get("/static/..%5c..%5capp.py")


@refused(404)
def path_traversal_in_the_estate(stage: Stage) -> httpx.Response:
    return stage.logged_in().get(f"/e/..%2f{ESTATE}/")


@refused(404)
def hidden_files(stage: Stage) -> httpx.Response:
    return stage.client().get("/.git/config")


@refused(404)
def api_documents(stage: Stage) -> httpx.Response:
    return stage.client().get("/openapi.json")


@refused(414)
def target_too_long(stage: Stage) -> httpx.Response:
    return stage.client().get("/login?" + "a" * 5_000)


@refused(413)
def oversized_body(stage: Stage) -> httpx.Response:
    return say(stage.logged_in(), {"note-a1": "x" * 100_000})


@refused(413)
def oversized_body_without_a_length(stage: Stage) -> httpx.Response:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 1_000

    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return stage.logged_in().post(SAY, content=body(), headers=form)


@refused(415)
def json_body(stage: Stage) -> httpx.Response:
    return stage.logged_in().post(SAY, json={"say": "a1:true"})


@refused(415)
def multipart_body(stage: Stage) -> httpx.Response:
    return stage.logged_in().post(SAY, files={"say": b"a1:true"})


@refused(400)
def form_that_is_no_text(stage: Stage) -> httpx.Response:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return stage.logged_in().post(SAY, content=b"say=%ff%fe", headers=form)


@refused(400)
def the_same_field_twice(stage: Stage) -> httpx.Response:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    client = stage.logged_in()
    body = f"csrf={csrf(client.get(PAGE).text)}&say=a1:true&say=a2:true"
    return client.post(SAY, content=body, headers=form)


@refused(400)
def more_fields_than_the_page_has(stage: Stage) -> httpx.Response:
    return say(stage.logged_in(), {f"n{n}": "" for n in range(400)})


@refused(400)
def verdict_that_does_not_exist(stage: Stage) -> httpx.Response:
    return say(stage.logged_in(), {"say": "a1:guilty"})


@refused(404)
def injection_in_the_alert_id(stage: Stage) -> httpx.Response:
    return say(stage.logged_in(), {"say": "a1' OR 1=1;--:true"})


@refused(400)
def header_injection_by_the_language(stage: Stage) -> httpx.Response:
    return stage.client().get("/login?lang=en%0d%0aSet-Cookie:%20anfang_session=x")


@refused(400)
def injection_in_the_version(stage: Stage) -> httpx.Response:
    return stage.logged_in().get(f"{PAGE}events?since=1%20OR%201=1")


@refused(404)
def link_with_a_letter_changed(stage: Stage) -> httpx.Response:
    token = link()
    return stage.client().post(f"/d/{token[:5]}{'A' if token[5] != 'A' else 'B'}{token[6:]}", data={"note": ""})


@refused(404)
def link_signed_by_another_key(stage: Stage) -> httpx.Response:
    return stage.client().post(f"/d/{link(key=b'guessed')}", data={"note": ""})


@refused(404)
def link_without_a_signature(stage: Stage) -> httpx.Response:
    content = link().partition(".")[0]
    return stage.client().post(f"/d/{content}.", data={"note": ""})


@refused(404)
def link_invented(stage: Stage) -> httpx.Response:
    return stage.client().get(f"/d/{base64.urlsafe_b64encode(b'a1 true').decode()}")


@refused(410)
def link_that_has_expired(stage: Stage) -> httpx.Response:
    return stage.client().post(f"/d/{link(ends=NOON)}", data={"note": ""})


@refused(404)
def link_to_a_zone_that_is_not_ours(stage: Stage) -> httpx.Response:
    return stage.client().post(f"/d/{link('a9', 'somebody_elses_zone')}", data={"note": ""})


@refused(403)
def link_posted_by_another_site(stage: Stage) -> httpx.Response:
    return stage.client().post(f"/d/{link()}", data={"note": ""}, headers={"Origin": "https://evil.example"})


@pytest.mark.parametrize("name", TRIES)
def test_a_try_is_refused_logged_and_leaves_nothing(name: str, tmp_path: Path) -> None:
    stage = Stage(tmp_path, [*day_of(SITE), alert("a1"), alert("a2")])
    one, status = TRIES[name]
    before = len(stage.refusals())
    answer = one(stage)
    assert answer.status_code == status, answer.text[:200]
    assert len(stage.refusals()) > before
    assert stage.refusals()[0].status == status
    assert stage.refusals()[0].detail
    assert stage.kept.sent == []
    assert "anfang_session" not in answer.headers.get("set-cookie", "")
    assert "示范花园" not in answer.text
    assert "别处" not in answer.text
    assert answer.headers["content-security-policy"] == CSP


def test_there_are_thirty_tries_at_least() -> None:
    assert len(TRIES) >= 30


def test_no_redirect_leads_away(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    client = stage.client()
    for asked in ("https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
        page = client.get("/login", params={"next": asked, "url": asked})
        fields = {"csrf": csrf(page.text), "user": "wang", "password": PASSWORD, "next": asked}
        assert "evil" not in page.text
        done = client.post("/login", data=fields, params={"next": asked}, headers={"Host": "testserver"})
        assert (done.status_code, done.headers["location"]) == (303, "/")
    forged = stage.client().get(PAGE, headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"})
    assert forged.headers["location"] == "/login"


def test_cookies_and_headers(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    for base, secure in (("http://testserver", False), ("https://testserver", True)):
        client = stage.client(base=base)
        fields = {"csrf": csrf(client.get("/login").text), "user": "wang", "password": PASSWORD}
        answer = client.post("/login", data=fields)
        cookie = next(one for one in answer.headers.get_list("set-cookie") if one.startswith("anfang_session"))
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert ("Secure" in cookie) is secure
        assert ("strict-transport-security" in answer.headers) is secure
        page = client.get(PAGE)
        assert "unsafe" not in page.headers["content-security-policy"]
        assert page.headers["x-frame-options"] == "DENY"
        assert page.headers["cache-control"] == "no-store"
        assert "<script>" not in page.text
        assert " style=" not in page.text
        assert " on" + "click=" not in page.text
        assert "http://" not in page.text.replace("http://www.w3.org", "")


def test_the_lockout_ends_and_success_forgets(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    for _ in range(MOST_FAILURES_OF_USER - 1):
        log_in(stage, "wang", "wrong")
    assert log_in(stage, "wang", PASSWORD).status_code == 303
    for _ in range(MOST_FAILURES_OF_USER):
        log_in(stage, "wang", "wrong")
    assert log_in(stage, "wang", PASSWORD).status_code == 429
    assert log_in(stage, "li", PASSWORD).status_code == 303
    stage.clock.advance(WINDOW_MS + 1)
    assert log_in(stage, "wang", PASSWORD).status_code == 303


def test_nobody_sees_another_estates_rows(tmp_path: Path) -> None:
    stage = Stage(
        tmp_path, [alert("theirs", estate="elsewhere", why="only for them"), alert("ours", why="only for us")]
    )
    ours, theirs = stage.logged_in("wang").get(PAGE).text, stage.logged_in("fremd").get("/e/elsewhere/").text
    assert "only for us" in ours
    assert "only for them" not in ours
    assert "only for them" in theirs
    assert "only for us" not in theirs
    assert {live.site.estate.id: set(live.board.alerts) for live in stage.estates} == {
        ESTATE: {"ours"},
        "elsewhere": {"theirs"},
    }
    both = stage.logged_in("ops").get("/").text
    assert "示范花园小区" in both
    assert "别处小区" in both


def test_secrets_are_in_no_file_and_files_are_private(tmp_path: Path) -> None:
    stage = Stage(tmp_path, [alert("a1")])
    client = stage.logged_in()
    client.get(PAGE)
    stage.client().post(f"/d/{link()}", data={"note": ""})
    log_in(stage, "wang", "a wrong password of mine")
    kept = stage.audit.path.read_text() + stage.users.path.read_text()
    for secret in (PASSWORD, "a wrong password of mine", client.cookies["anfang_session"], link()):
        assert secret not in kept
    for path in (stage.audit.path, stage.users.path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_audit_says_who_read_what(tmp_path: Path) -> None:
    stage = Stage(tmp_path, [alert("a1")])
    stage.logged_in("li").get(PAGE)
    told = [(entry.what, entry.user, entry.target) for entry in reversed(stage.audit.last(99))]
    assert told == [("login", "li", "POST /login"), ("read", "li", f"GET {PAGE}")]
    shown = stage.logged_in("ops").get("/audit").text
    assert f"GET {PAGE}" in shown
    assert "li" in shown


def test_a_log_line_cannot_be_forged(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    log_in(stage, 'x"}\n{"time":"now","what":"decided"', "wrong")
    assert [entry.what for entry in stage.audit.last(99)] == ["refused"]
