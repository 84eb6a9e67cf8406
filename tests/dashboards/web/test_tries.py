"""Tries at the page are all refused, leave nothing behind and stand in the audit; and what else keeps it shut."""

import stat
from pathlib import Path

import pytest

import tests.dashboards.web.tries_of_input  # noqa: F401 it adds to TRIES
from dashboards.web.guard import CSP
from dashboards.web.sessions import MOST_FAILURES_OF_USER, WINDOW_MS
from tests.dashboards.web.messages import ESTATE, SITE, alert, day_of
from tests.dashboards.web.stage import PASSWORD, Stage, csrf
from tests.dashboards.web.tries import PAGE, TRIES, link, log_in


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
