"""Tries at the page that must be refused: by methods, paths, bodies, values and one-tap links (after OWASP's WSTG)."""

import base64
from collections.abc import AsyncIterator

import httpx

from tests.dashboards.web.messages import ESTATE, NOON
from tests.dashboards.web.stage import Stage, csrf
from tests.dashboards.web.tries import PAGE, SAY, link, refused, say


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
