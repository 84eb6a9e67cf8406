"""Tries at the page that must be refused: at logins, sessions, estates, roles and forms (after OWASP's WSTG)."""

from collections.abc import Callable

import httpx

from dashboards.web.sessions import IDLE_MS, LIFE_MS, MOST_FAILURES_OF_ADDRESS, MOST_FAILURES_OF_USER
from infra.clock import DAY_MS, HOUR_MS
from infra.links import VerdictLink, sign
from tests.dashboards.refusals import noting
from tests.dashboards.web.messages import ESTATE, NOON, alert
from tests.dashboards.web.stage import LINK_KEY, PASSWORD, Client, Stage, csrf

Try = Callable[[Stage], httpx.Response]
PAGE = f"/e/{ESTATE}/"
SAY = f"/e/{ESTATE}/say"
TRIES: dict[str, tuple[Try, int]] = {}
refused = noting(TRIES)


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
